// SPDX-License-Identifier: Apache-2.0
#include "kernels/defenses/rule.cuh"
#include "kernels/defenses/shared/neighborhood.cuh"

namespace gauntlet {
namespace {

struct ClippedSumPlus : NeighborhoodFunctor {
  GAUNTLET_HD void operator()(const Team& team, const Gram& gram, double* weights, double* distances) const {
    distances_from_own(team, gram, distances);
    const double needed = 2 * gram.told * (1 - weight_slack);
    const auto weighs_enough = [=](int j) {
      double weight = 0;
      for (int k = 1; k < gram.n; ++k)
        if (distances[k] >= distances[j]) weight += gram.link(k);
      return weight >= needed;
    };
    // If no neighbor is it, the own message is, at distance zero.
    const int border = team.argmin(gram.n, [=](int j) { return j > 0 && weighs_enough(j) ? -distances[j] : 0; });
    clipped_gossip(team, gram, distances, gram.told > 0 ? distances[border] : INFINITY, weights);
  }
};

const Registered<Stage> clipped_sum_plus([](Entry<Stage>& e) {
  e.name = "clipped-sum-plus";
  e.summary = "gossip with deviations clipped to the length that neighbors of twice the Byzantine weight reach";
  e.formula =
      "x_i + sum of W_ij (x_j - x_i) min(1, tau / |x_j - x_i|), tau the largest |x_j - x_i| such that neighbors at or "
      "beyond it weigh twice the Byzantine weight; 0 if all weigh less";
  e.source = "Gaucher, Dieuleveut, Hendrikx, Unified Breakdown Analysis for Byzantine Robust Gossip, ICML 2025";
  e.traits.permutation_invariant = false;  // the first message is the own one
  e.traits.mean_without_byzantine = true;  // where there is no graph
  e.known_answers = {{"", 1, {{0, 0}, {3, 0}, {0, 4}, {10, 0}}, {{1.75f, 1}}},
                     {"", 2, {{0, 0}, {3, 0}, {0, 4}, {10, 0}}, {{0, 0}}}};
  e.make = [](const Arguments&) { return gram_rule(ClippedSumPlus{}); };
});

}  // namespace
}  // namespace gauntlet
