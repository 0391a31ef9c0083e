// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "kernels/attacks/shared/constant_row.cuh"

namespace gauntlet {
namespace {

const RegisteredAttack infinite([](Entry<Attack>& e) {
  e.name = "inf";
  e.summary = "a vector of infinities, as from a worker that diverged";
  e.formula = "b = (+infinity, ..., +infinity)";
  e.source = "Guerraoui, Gupta, Pinot et al., ByzFL, 2025";
  e.traits.sends_finite = false;
  e.known_answers = {{"", 1, {{1, 0}, {3, 2}, {9, 8}}, {{INFINITY, INFINITY}}}};
  e.make = [](const Arguments&) { return message_attack(ConstantRow{{}, INFINITY}); };
});

}  // namespace
}  // namespace gauntlet
