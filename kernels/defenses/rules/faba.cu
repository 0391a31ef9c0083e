// SPDX-License-Identifier: Apache-2.0
#include "kernels/defenses/rule.cuh"

namespace gauntlet {
namespace {

/// The message farthest from the mean of a set is the one with the largest sum of squared distances to the set: the two
/// differ by a constant and the factor |S|.
struct Faba : GramFunctor {
  GAUNTLET_HD void operator()(const Team& team, const Gram& gram, double* weights, double*) const {
    const int n = gram.n;
    team.each(n, [=](int i) { weights[i] = 1; });
    for (int round = 0; round < gram.f; ++round) {
      const int worst = team.argmin(n, [=](int i) -> double {
        if (weights[i] == 0) return INFINITY;
        if (gram.norm(i) == INFINITY) return -INFINITY;
        double total = 0;
        for (int j = 0; j < n; ++j)
          if (weights[j] != 0 && gram.norm(j) < INFINITY) total += gram.distance2(i, j);
        return -total;
      });
      team.once([=] { weights[worst] = 0; });
    }
    team.each(n, [=](int i) { weights[i] /= n - gram.f; });
  }
};

const Registered<Stage> faba([](Entry<Stage>& e) {
  e.name = "faba";
  e.summary = "removes f times the message farthest from the mean of the rest";
  e.formula = "repeat f times: S = S without argmax over S of |x_i - mean of S|; then the mean of S";
  e.source = "Xia, Tao, Hao, Li, FABA: An Algorithm for Fast Aggregation against Byzantine Attacks, IJCAI 2019";
  e.traits.keeps_majority = true;
  e.traits.mean_without_byzantine = true;
  e.needs = needs_majority;
  // With h = n - f: let x in S be the first of S to be removed, R its distance from the mean m of those present, f' of
  // them not in S; all are that near, so |m - mean_S| <= f'/h R and R (1 - f'/h) <= |x - mean_S| <= sqrt(hV). The
  // result differs from S by at most f messages, which with their counterparts lie within R of m: it is off by at most
  // 2f/h R.
  e.kappa = {"4f^2 (n-f)/(n-2f)^2, derived",
             [](int n, int f, double) { return 4.0 * f * f * (n - f) / std::pow(n - 2 * f, 2); }};
  e.known_answers = {{"", 1, {{0}, {1}, {2}, {9}}, {{1}}}, {"", 2, {{0}, {1}, {2}, {9}, {8}}, {{1}}}};
  e.make = [](const Arguments&) { return gram_rule(Faba{}); };
});

}  // namespace
}  // namespace gauntlet
