// SPDX-License-Identifier: Apache-2.0
#include "kernels/attacks/attack.cuh"

namespace gauntlet {
namespace {

struct InnerProductManipulation : AttackFunctor {
  double epsilon;

  GAUNTLET_HD double operator()(const AttackView& view, int, int, int p) const {
    return p < view.honest ? -epsilon / view.honest : 0;
  }
};

const RegisteredAttack ipm([](Entry<Attack>& e) {
  e.name = "ipm";
  e.aliases = {"foe"};
  e.summary = "inner-product manipulation: the honest mean, turned round and scaled";
  e.formula = "b = -epsilon mu";
  e.source = "Xie, Koyejo, Gupta, Fall of Empires, UAI 2019";
  e.parameters = {number("epsilon", "0.5", "scale; 1 is the negated mean", 0)};
  e.known_answers = {{"", 1, {{1, 0}, {3, 2}, {9, 9}}, {{-1, -0.5}}}};
  e.make = [](const Arguments& a) { return message_attack(InnerProductManipulation{{}, a.number("epsilon")}); };
});

}  // namespace
}  // namespace gauntlet
