// SPDX-License-Identifier: Apache-2.0
#include "kernels/defenses/rule.cuh"
#include "kernels/defenses/shared/neighborhood.cuh"

namespace gauntlet {
namespace {

struct NearestNeighbors : NeighborhoodFunctor {
  GAUNTLET_HD void operator()(const Team& team, const Gram& gram, double* weights, double* distances) const {
    distances_from_own(team, gram, distances);
    // What neighbor j keeps of its weight when the farthest ones have lost as much as the Byzantine ones weigh.
    const auto kept = [=](int j) {
      double left = gram.told;
      for (int k = 1; k < gram.n; ++k)
        if (distances[k] > distances[j] || (distances[k] == distances[j] && k > j)) left -= gram.link(k);
      const double link = gram.link(j);
      return left >= link * (1 - weight_slack) ? 0 : left > 0 ? link - left : link;
    };
    weigh_neighbors(team, gram, kept, weights);
  }
};

const Registered<Stage> nearest_neighbors([](Entry<Stage>& e) {
  e.name = "nearest-neighbors";
  e.aliases = {"nna"};
  e.summary = "gossip in which the farthest neighbors lose the Byzantine weight to the own message";
  e.formula = "sum of W'_ij x_j: the farthest neighbors' weights cut down by the Byzantine weight, which W'_ii gains";
  e.source = "Farhadkhani, Guerraoui, Gupta, Hoang, Pinot, Stephan, Robust Collaborative Learning, ICML 2023";
  e.traits.permutation_invariant = false;  // the first message is the own one
  e.traits.mean_without_byzantine = true;  // where there is no graph
  e.known_answers = {{"", 1, {{0, 0}, {3, 0}, {0, 4}, {10, 0}}, {{0.75f, 1}}},
                     {"", 2, {{0, 0}, {3, 0}, {0, 4}, {10, 0}}, {{0.75f, 0}}}};
  e.make = [](const Arguments&) { return gram_rule(NearestNeighbors{}); };
});

}  // namespace
}  // namespace gauntlet
