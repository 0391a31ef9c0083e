// SPDX-License-Identifier: Apache-2.0
#include "kernels/defenses/rule.cuh"

namespace gauntlet {
namespace {

struct GossipAverage : GramFunctor {
  static constexpr Reads reads = Reads::nothing;
  static constexpr bool neighborhood = true;

  GAUNTLET_HD void operator()(const Team& team, const Gram& gram, double* weights, double*) const {
    team.each(gram.n, [=](int j) { weights[j] = gram.link(j); });
  }
};

const Registered<Stage> gossip_average([](Entry<Stage>& e) {
  e.name = "gossip-average";
  e.summary = "the average of the own message and the neighbors', by the weights of the graph: plain gossip";
  e.formula = "sum of W_ij x_j, the own message included; W_ij = 1/n where there is no graph";
  e.source = "Xiao, Boyd, Fast linear iterations for distributed averaging, Systems and Control Letters 2004";
  e.traits.robust = false;
  e.traits.permutation_invariant = false;  // the first message is the own one
  e.traits.mean_without_byzantine = true;  // where there is no graph
  e.known_answers = {{"", 1, {{0, 0}, {3, 0}, {0, 4}, {10, 0}}, {{3.25f, 1}}}};
  e.make = [](const Arguments&) { return gram_rule(GossipAverage{}); };
});

}  // namespace
}  // namespace gauntlet
