// SPDX-License-Identifier: Apache-2.0
#include "kernels/defenses/shared/subsets.cuh"
#include "kernels/defenses/shared/weighted_covariance.cuh"

namespace gauntlet {
namespace {

struct SmallestEigenvalueAveraging : GramFunctor {
  std::size_t scratch(int n) const { return eigenpair_scratch(n) + 2 * static_cast<std::size_t>(n); }

  GAUNTLET_HD void operator()(const Team& team, const Gram& gram, double* weights, double* scratch) const {
    const int n = gram.n, keep = gram.n - gram.f;
    double *in = scratch, *spread = in + n, *vector = spread + n;
    team.each(n, [=](int i) { in[i] = i < keep; });
    team.each(n, [=](int i) { weights[i] = in[i] / keep; });
    team.each(n, [=](int i) { vector[i] = 0; });
    double best = INFINITY;
    while (true) {
      const double strangers = team.sum(n, [=](int i) { return in[i] != 0 && gram.norm(i) == INFINITY ? 1.0 : 0.0; });
      if (strangers == 0) {
        const WeightedCovariance covariance = weighted_covariance(team, gram, in, spread);
        guess_eigenvector(team, n, vector);
        const double value = leading_eigenpair(team, n, covariance, best, vector);
        if (value < best) {
          best = value;
          team.each(n, [=](int i) { weights[i] = in[i] / keep; });
        }
      }
      const double more = team.sum(1, [=](int) { return next_subset(n, in) ? 1.0 : 0.0; });
      if (more == 0) return;
    }
  }
};

/// Every subset takes some ten steps of n² operations: at the bound, about 5 s for one inbox on one CPU core.
bool seconds_at_most(int n, int f) { return few_subsets(n, f) && subset_count(n, f) <= 2e8 / n / n; }

const Registered<Stage> smea([](Entry<Stage>& e) {
  e.name = "smea";
  e.summary = "the mean of the n-f messages whose covariance has the least leading eigenvalue";
  e.formula =
      "mean over S = argmin over subsets of n-f messages of lambda_max(covariance of S), first in lexicographic order";
  e.source = "Allouah, Guerraoui, Gupta, Pinot, Stephan, On the Privacy-Robustness-Utility Trilemma, ICML 2023";
  e.traits.keeps_majority = true;
  e.traits.mean_without_byzantine = true;
  e.needs = {"n > 2f, C(n, f) <= 100000 and C(n, f) n^2 <= 2e8 (tries all subsets)", seconds_at_most};
  // Along any direction the mean of n - 2f or more of n - f messages of variance v has a square of at most v f/(n-2f)
  // around the mean of all (Cauchy and Schwarz on those kept and on those left out). The subset chosen and S share so
  // many, and along the difference of their means neither has more than the leading eigenvalue of S.
  e.kappa = {"4f/(n-2f), derived; the paper has 4f/(n-f) (1 + f/(n-2f))^2",
             [](int n, int f, double) { return 4 * f / (n - 2.0 * f); }};
  e.known_answers = {{"", 1, {{0}, {1}, {2}, {9}}, {{1}}}};
  e.make = [](const Arguments&) { return gram_rule(SmallestEigenvalueAveraging{}); };
});

}  // namespace
}  // namespace gauntlet
