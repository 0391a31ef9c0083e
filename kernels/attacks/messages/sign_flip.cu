// SPDX-License-Identifier: Apache-2.0
#include "kernels/attacks/attack.cuh"

namespace gauntlet {
namespace {

struct SignFlip : AttackFunctor {
  static constexpr bool own = true;
  double scale;

  GAUNTLET_HD double operator()(const AttackView& view, int, int b, int p) const {
    return p == view.own_row(b) ? -scale : 0;
  }
};

const RegisteredAttack sign_flip([](Entry<Attack>& e) {
  e.name = "sign-flip";
  e.summary = "minus the own honest message; for the negated honest mean see ipm(epsilon=1)";
  e.formula = "b_i = -scale g_i";
  e.source = "Li, Xu, Chen, Giannakis, Ling, RSA, AAAI 2019; Allen-Zhu et al., ICLR 2021";
  e.parameters = {number("scale", "1", "factor before the own message; btard's experiments take 1000", 0)};
  e.known_answers = {{"", 1, {{1, 0}, {3, 2}, {9, -8}}, {{-9, 8}}},
                     {"scale=10", 2, {{1, 0}, {3, 2}, {9, -8}}, {{-30, -20}, {-90, 80}}}};
  e.make = [](const Arguments& a) { return message_attack(SignFlip{{}, a.number("scale")}); };
});

}  // namespace
}  // namespace gauntlet
