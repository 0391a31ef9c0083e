// SPDX-License-Identifier: Apache-2.0
#include "kernels/defenses/shared/geometric_median.cuh"
#include "kernels/defenses/shared/subset_search.cuh"

namespace gauntlet {
namespace {

struct MinimumDiameterMedian : GramFunctor {
  GeometricMedian median;

  std::size_t scratch(int n) const {
    return median.scratch(n) + static_cast<std::size_t>(n) * n + SubsetSearch::scratch(n);
  }

  GAUNTLET_HD void operator()(const Team& team, const Gram& gram, double* weights, double* scratch) const {
    const int n = gram.n;
    double* masked = scratch;
    double* search_scratch = masked + std::int64_t{n} * n;
    team.once([=] {
      SubsetSearch search(gram, search_scratch);
      search.run();
      for (int i = 0; i < n; ++i) weights[i] = search.kept(i);
    });
    mask_gram(
        team, gram, [=](int i) { return weights[i] != 0; }, masked);
    median(team, Gram{n, gram.f, n, masked, gram.seed, gram.round}, weights, search_scratch + SubsetSearch::scratch(n));
  }
};

const Registered<Stage> md_geom([](Entry<Stage>& e) {
  e.name = "md-geom";
  e.summary = "the geometric median of the n-f messages of least diameter";
  e.formula = "argmin over z of sum over S of |z - x_i|, S = argmin over subsets of n-f messages of max |x_i - x_j|";
  e.source =
      "Cambus, Melnyk, Milentijevic, Schmid, Approximate Agreement Algorithms for Collaborative Learning, SPAA 2025";
  e.traits.keeps_majority = true;
  e.needs = needs_subset_search;
  // S' shares n - 2f messages j with S. The result lies among those of S', none farther from j than the diameter of S,
  // whose square is at most 2(n-f)V; and the j nearest to mean_S has a square of at most (n-f)V / (n-2f).
  e.kappa = {"(n-f) (sqrt(2) + 1/sqrt(n-2f))^2, derived",
             [](int n, int f, double) { return (n - f) * std::pow(std::sqrt(2) + 1 / std::sqrt(n - 2.0 * f), 2); }};
  e.known_answers = {{"", 1, {{0, 0}, {3, 1}, {-3, 1}, {0, 90}}, {{0, 0}}},
                     {"", 1, {{0, 0}, {2, 0}, {2, 2}, {0, 2}, {9, 9}}, {{1, 1}}}};
  e.make = [](const Arguments&) { return gram_rule(MinimumDiameterMedian{}); };
});

}  // namespace
}  // namespace gauntlet
