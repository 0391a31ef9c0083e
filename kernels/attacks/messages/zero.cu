// SPDX-License-Identifier: Apache-2.0
#include "kernels/attacks/attack.cuh"

namespace gauntlet {
namespace {

struct Zero : AttackFunctor {
  GAUNTLET_HD double operator()(const AttackView&, int, int, int) const { return 0; }
};

const RegisteredAttack zero([](Entry<Attack>& e) {
  e.name = "zero";
  e.summary = "a vector of zeros, as from a worker that does no work";
  e.formula = "b = 0";
  e.source = "baseline";
  e.known_answers = {{"", 1, {{1, 0}, {3, 2}, {9, 8}}, {{0, 0}}}};
  e.make = [](const Arguments&) { return message_attack(Zero{}); };
});

}  // namespace
}  // namespace gauntlet
