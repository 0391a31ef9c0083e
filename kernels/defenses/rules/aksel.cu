// SPDX-License-Identifier: Apache-2.0
#include "kernels/defenses/rule.cuh"
#include "kernels/defenses/shared/median.cuh"
#include "kernels/defenses/shared/robustness.hpp"

namespace gauntlet {
namespace {

/// Row n of the problem is the median.
struct Aksel : GramFunctor {
  bool half = true;

  std::size_t scratch(int n) const { return static_cast<std::size_t>(n); }

  GAUNTLET_HD void operator()(const Team& team, const Gram& gram, double* weights, double* squares) const {
    const int n = gram.n, keep = half ? (n + 1) / 2 : n - gram.f;
    team.each(n, [=](int i) { squares[i] = rank_distance2(gram, i, n); });
    mean_of_smallest(
        team, n, keep, [=](int i) { return squares[i]; }, weights);
    team.once([=] { weights[n] = 0; });
  }
};

const Registered<Stage> aksel([](Entry<Stage>& e) {
  e.name = "aksel";
  e.summary = "the mean of the half of the messages nearest to the coordinate-wise median";
  e.formula = "mean of the k x_i with least |x_i - median|, k = floor((n+1)/2), or n-f with keep=n-f";
  e.source = "Boussetta, El Mhamdi, Guerraoui, Maurer, Rouault, AKSEL: Fast Byzantine SGD, OPODIS 2020";
  e.traits.keeps_majority = true;
  e.parameters = {word("keep", "half", "messages averaged: half of them, or n-f", {"half", "n-f"}),
                  word("even", "lower", "median of an even count: the lower or upper of the middle two, or their mean",
                       {"lower", "mid", "upper"})};
  e.needs = needs_column_majority;
  // The n/2 messages nearest to the median are, in squares, on average no farther from it than the n/2 nearest of S, so
  // 2(n-f)/n (V + kV); twice the sum with kV, its own distance from mean_S, bounds the result.
  e.kappa = {"4(n-f)/n (1 + k) + 2k, k = 4 (1 + f/(n-2f))^2, derived", [](int n, int f, double) {
               const double k = median_kappa(n, f);
               return 4.0 * (n - f) / n * (1 + k) + 2 * k;
             }};
  e.known_answers = {{"", 1, {{0, 0}, {1, 0}, {4, 1}, {2, 9}}, {{0.5, 0}}},
                     {"keep=n-f", 1, {{0, 0}, {1, 0}, {4, 1}, {2, 9}}, {{5.0f / 3, 1.0f / 3}}}};
  e.make = [](const Arguments& a) {
    Aksel rule;
    rule.half = a.is("keep", "half");
    return anchored_rule(median_of(a), rule);
  };
});

}  // namespace
}  // namespace gauntlet
