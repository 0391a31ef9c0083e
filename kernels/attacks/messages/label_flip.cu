// SPDX-License-Identifier: Apache-2.0
#include "kernels/attacks/attack.cuh"

namespace gauntlet {
namespace {

struct FlippedLabels : AttackFunctor {
  static constexpr bool own = true;
  static constexpr bool is_honest = true;  // to its samples
  static constexpr bool flips_labels = true;

  GAUNTLET_HD double operator()(const AttackView& view, int, int b, int p) const { return p == view.own_row(b); }
};

const RegisteredAttack label_flip([](Entry<Attack>& e) {
  e.name = "label-flip";
  e.summary = "data poisoning: Byzantine workers follow the protocol on samples with label y turned to C - 1 - y";
  e.formula = "b_i = g_i, the own message, computed on flipped labels";
  e.source = "Biggio, Nelson, Laskov, Poisoning attacks against support vector machines, ICML 2012";
  // The poisoning happens where the own messages are computed; given messages are sent as they are.
  e.known_answers = {{"", 1, {{1, 0}, {3, 2}, {9, 8}}, {{9, 8}}}};
  e.make = [](const Arguments&) { return message_attack(FlippedLabels{}); };
});

}  // namespace
}  // namespace gauntlet
