// SPDX-License-Identifier: Apache-2.0
#include "kernels/attacks/attack.cuh"

namespace gauntlet {
namespace {

struct OwnMessage : AttackFunctor {
  static constexpr bool own = true;
  static constexpr bool is_honest = true;

  GAUNTLET_HD double operator()(const AttackView& view, int, int b, int p) const { return p == view.own_row(b); }
};

const RegisteredAttack none([](Entry<Attack>& e) {
  e.name = "none";
  e.summary = "no attack: every Byzantine worker sends its own honest message";
  e.formula = "b_i = g_i, the own message";
  e.source = "baseline";
  e.known_answers = {{"", 1, {{1, 0}, {3, 2}, {9, 8}}, {{9, 8}}}};
  e.make = [](const Arguments&) { return message_attack(OwnMessage{}); };
});

}  // namespace
}  // namespace gauntlet
