// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "kernels/attacks/shared/constant_row.cuh"

namespace gauntlet {
namespace {

const RegisteredAttack not_a_number([](Entry<Attack>& e) {
  e.name = "nan";
  e.summary = "a vector of NaN, as from a worker with a numerical fault";
  e.formula = "b = (NaN, ..., NaN)";
  e.source = "El Mhamdi, Guerraoui, Rouault, ByzantineMomentum, ICLR 2021";
  e.traits.sends_finite = false;
  e.known_answers = {{"", 1, {{1, 0}, {3, 2}, {9, 8}}, {{NAN, NAN}}}};
  e.make = [](const Arguments&) { return message_attack(ConstantRow{{}, NAN}); };
});

}  // namespace
}  // namespace gauntlet
