// SPDX-License-Identifier: Apache-2.0
#include "kernels/defenses/rule.cuh"
#include "kernels/defenses/shared/robustness.hpp"

namespace gauntlet {
namespace {

/// Exactly n − f messages are kept, so a + (1/(n−f)) Σ (x_i − a) is their mean and the anchor a has no weight of its
/// own.
struct CenteredTrimmedMeta : GramFunctor {
  std::size_t scratch(int n) const { return static_cast<std::size_t>(n); }

  GAUNTLET_HD void operator()(const Team& team, const Gram& gram, double* weights, double* squares) const {
    const int anchor = gram.n;
    team.each(gram.n, [=](int i) { squares[i] = rank_distance2(gram, i, anchor); });
    mean_of_smallest(
        team, gram.n, gram.n - gram.f, [=](int i) { return squares[i]; }, weights);
    team.once([=] { weights[anchor] = 0; });
  }
};

const Registered<Stage> ctma([](Entry<Stage>& e) {
  e.name = "ctma";
  e.summary = "the mean of the n-f raw messages nearest to the output of the pipeline before it";
  e.formula = "a + (1/(n-f)) sum of (x_i - a) over the n-f x_i nearest to a, a = the output so far";
  e.source = "Dahan, Levy, Fault Tolerant ML: Efficient Meta-Aggregation and Synchronous Training, ICML 2024";
  e.traits.mean_without_byzantine = true;
  e.traits.keeps_majority = true;
  e.needs = needs_majority;
  e.kappa = {"4f/(n-f) (1 + kappa), derived; the paper has 60f/n (1 + kappa)", nearest_kappa};
  e.make = [](const Arguments&) { return meta_aggregator(CenteredTrimmedMeta{}); };
});

}  // namespace
}  // namespace gauntlet
