// SPDX-License-Identifier: Apache-2.0
#include "kernels/defenses/rule.cuh"
#include "kernels/defenses/shared/krum_score.cuh"

namespace gauntlet {
namespace {

struct MultiKrum : GramFunctor {
  KrumScore score;
  int m = 1;

  std::size_t scratch(int n) const { return static_cast<std::size_t>(n); }

  GAUNTLET_HD void operator()(const Team& team, const Gram& gram, double* weights, double* scores) const {
    const KrumScore s = score;
    team.each(gram.n, [=](int i) { scores[i] = s(gram, i); });
    mean_of_smallest(
        team, gram.n, m, [=](int i) { return scores[i]; }, weights);
  }
};

const Registered<Stage> multi_krum([](Entry<Stage>& e) {
  e.name = "multi-krum";
  e.summary = "the mean of the m messages with the best Krum scores";
  e.formula = "mean of the m x_i with least score_i = sum over the q nearest others j of |x_i - x_j|^power";
  e.source = "Blanchard, El Mhamdi, Guerraoui, Stainer, Machine Learning with Adversaries, NeurIPS 2017";
  e.traits.keeps_majority = true;
  e.traits.mean_without_byzantine = true;
  e.parameters = krum_parameters();
  e.parameters.push_back(count("m", "n-f", "messages averaged; at most n-f if the result is to be robust", 1));
  e.needs = needs_krum_neighbors;
  e.needs_with = {{"neighbors", needs_majority}};
  // With h = n - f, V the variance of S and r_i = |x_i - mean_S|^2: the t <= f chosen messages b outside S have scores
  // no greater than any of the t messages of S left out, whose scores are at most h (r_i + V), so h (hV/t + V). Of S,
  // c = n - 2f - 1 are among the nearest of b: r_b <= 2/c (score_b + hV). The result is off by 1/h times a sum of 2t
  // vectors, whose square is at most 2t times the sum of their r: 2t/h^2 (2h/c (h + 2t) V + hV).
  e.kappa = {"2f/(n-f) (1 + 2(n+f)/(n-2f-1)), derived",
             [](int n, int f, double) { return 2.0 * f / (n - f) * (1 + 2.0 * (n + f) / (n - 2 * f - 1)); }};
  e.known_answers = {{"", 1, {{0, 0}, {1, 0}, {0, 1}, {1, 1}, {9, 9}}, {{0.5, 0.5}}},
                     {"m=2", 1, {{0, 0}, {1, 0}, {0, 1}, {1, 1}, {9, 9}}, {{0.5, 0}}}};
  e.make = [](const Arguments& a) {
    const int m = a.count("m");
    if (m > a.n())
      throw UserError("multi-krum: m = " + std::to_string(m) + " is out of range 1.." + std::to_string(a.n()));
    MultiKrum rule;
    rule.score = krum_score(a);
    rule.m = m;
    return gram_rule(rule);
  };
});

}  // namespace
}  // namespace gauntlet
