// SPDX-License-Identifier: Apache-2.0
#include "kernels/attacks/attack.cuh"

namespace gauntlet {
namespace {

struct Dissensus : AttackFunctor {
  static constexpr bool meets_receivers = true;
  double epsilon;

  GAUNTLET_HD double operator()(const AttackView& view, int c, int, int p) const {
    const int own = view.receiver(c);
    double byzantine = 0;
    for (int b = 0; b < view.f; ++b) byzantine += view.link(c, view.honest + b);
    // A receiver that hears no Byzantine peer is sent what it has.
    if (p >= view.honest || byzantine == 0) return p == own;
    if (p != own) return -epsilon * view.link(c, p) / byzantine;
    double good = 0;
    for (int q = 0; q < view.honest; ++q)
      if (q != own) good += view.link(c, q);
    return 1 + epsilon * good / byzantine;
  }
};

const RegisteredAttack dissensus([](Entry<Attack>& e) {
  e.name = "dissensus";
  e.summary = "under gossip: undoes, and more, what a node's good neighbors bring it, so that the graph falls apart";
  e.formula = "b = x_i - epsilon (sum over good j of W_ij (x_j - x_i)) / (sum over Byzantine j of W_ij)";
  e.source = "He, Karimireddy, Jaggi, Byzantine-Robust Decentralized Learning via Self-Centered Clipping, 2022";
  e.parameters = {number("epsilon", "1.5", "1 cancels plain gossip; more pushes away", 0)};
  e.known_answers = {{"", 1, {{0, 0}, {2, 0}, {0, 4}, {9, 9}}, {{-3, -6}}},
                     {"epsilon=1", 2, {{1, 0}, {3, 0}, {1, 4}, {9, 9}, {9, 9}}, {{0, -2}, {0, -2}}}};
  e.make = [](const Arguments& a) { return message_attack(Dissensus{{}, a.number("epsilon")}); };
});

}  // namespace
}  // namespace gauntlet
