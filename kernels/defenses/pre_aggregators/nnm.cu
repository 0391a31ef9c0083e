// SPDX-License-Identifier: Apache-2.0
#include "kernels/defenses/rule.cuh"

namespace gauntlet {
namespace {

struct NearestNeighborMixing : GramFunctor {
  GAUNTLET_HD int rows_out(int n) const { return n; }

  GAUNTLET_HD void operator()(const Team& team, const Gram& gram, double* mixing, double*) const {
    const int n = gram.n, keep = gram.n - gram.f;
    team.each(n, [=](int i) {
      double* row = mixing + std::int64_t{i} * n;
      for (int j = 0; j < n; ++j) row[j] = 0;
      for_smallest(
          n, keep, [=](int j) { return gram.distance2(i, j); }, [=](int j) { row[j] = 1.0 / keep; });
    });
  }
};

const Registered<Stage> nnm([](Entry<Stage>& e) {
  e.name = "nnm";
  e.summary = "replaces every message by the mean of its n-f nearest, itself included";
  e.formula = "y_i = mean of the n-f x_j with least |x_j - x_i|";
  e.source = "Allouah, Farhadkhani, Guerraoui, Gupta, Pinot, Stephan, Fixing by Mixing, AISTATS 2023";
  e.traits.mean_without_byzantine = true;
  e.traits.keeps_majority = true;
  e.needs = needs_honest;
  e.kappa = {"8f/(n-f) (1 + kappa)", [](int n, int f, double inner) { return 8.0 * f / (n - f) * (1 + inner); }};
  e.known_answers = {{"", 1, {{0}, {2}, {10}}, {{1}, {1}, {6}}}};
  e.make = [](const Arguments&) { return pre_aggregator(NearestNeighborMixing{}); };
});

}  // namespace
}  // namespace gauntlet
