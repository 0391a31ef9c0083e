// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "kernels/defenses/rule.cuh"
#include "kernels/defenses/shared/krum_score.cuh"

namespace gauntlet {
namespace {

struct Krum : GramFunctor {
  KrumScore score;

  GAUNTLET_HD void operator()(const Team& team, const Gram& gram, double* weights, double*) const {
    const KrumScore s = score;
    const int best = team.argmin(gram.n, [&](int i) { return s(gram, i); });
    team.each(gram.n, [=](int i) { weights[i] = i == best; });
  }
};

const Registered<Stage> krum([](Entry<Stage>& e) {
  e.name = "krum";
  e.summary = "the message with the least sum of distances to its nearest neighbors";
  e.formula = "x_i with least score_i = sum over the q nearest others j of |x_i - x_j|^power";
  e.source = "Blanchard, El Mhamdi, Guerraoui, Stainer, Machine Learning with Adversaries, NeurIPS 2017";
  e.traits.keeps_majority = true;
  e.parameters = krum_parameters();
  e.needs = needs_krum_neighbors;
  e.needs_with = {{"neighbors", needs_majority}};
  // With h = n - f, q = n - f - 2 and V the variance of S: the mean over S of the scores is at most q/(h-1) times that
  // of the sums of squared distances, 2hV, so the chosen x has a score of at most 2hV. Itself included if it is of S,
  // at least c = n - 2f - 1 of S are among its q nearest: |x - mean_S|^2 <= (2 * 2hV + 2 * hV) / c.
  e.kappa = {"6 (n-f)/(n-2f-1), derived; with neighbors=n-f-1 the literature has 6 (1 + f/(n-2f))",
             [](int n, int f, double) { return 6.0 * (n - f) / (n - 2 * f - 1); }};
  e.known_answers = {{"", 1, {{0, 0}, {1, 0}, {0, 1}, {1, 1}, {9, 9}}, {{0, 0}}}};
  e.make = [](const Arguments& a) { return gram_rule(Krum{{}, krum_score(a)}); };
});

}  // namespace
}  // namespace gauntlet
