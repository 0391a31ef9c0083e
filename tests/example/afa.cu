// SPDX-License-Identifier: Apache-2.0
#include "kernels/defenses/rule.cuh"

namespace gauntlet {
namespace {

/// A rule with a memory: how often each worker was found good (numbers 0 .. n-1) and bad (n .. 2n-1) in rounds before.
struct AdaptiveFederatedAveraging : GramFunctor {
  static constexpr bool learns = true, observes = true;
  double slack = 2, step = 0.5, prior = 3;

  Memory memory(int n) const { return {MemoryRow::none, 0, 2 * static_cast<std::size_t>(n)}; }
  std::size_t scratch(int n) const { return 2 * static_cast<std::size_t>(n); }

  /// The mean of the Beta distribution that worker's record gives.
  GAUNTLET_HD double trust(const Gram& gram, int i) const {
    const double good = gram.numbers[gram.worker(i)] + prior, bad = gram.numbers[gram.most + gram.worker(i)] + prior;
    return good / (good + bad);
  }

  GAUNTLET_HD void operator()(const Team& team, const Gram& gram, double* weights, double* scratch) const {
    const int n = gram.n;
    double *good = scratch, *alike = scratch + n;
    const AdaptiveFederatedAveraging rule = *this;
    team.each(n, [=](int i) { good[i] = gram.norm(i) < INFINITY; });
    for (double allowed = slack;; allowed += step) {
      const double total = team.sum(n, [=](int i) { return good[i] * rule.trust(gram, i); });
      team.each(n, [=](int i) { weights[i] = good[i] != 0 ? rule.trust(gram, i) / total : 0; });
      // 1 + the cosine of each message and their mean.
      const auto along = [=](int i) {
        double dot = 0;
        for (int j = 0; j < n; ++j) add_weighted(dot, weights[j], gram(i, j));
        return dot;
      };
      const double length = sqrt(team.sum(n, [=](int i) { return good[i] != 0 ? weights[i] * along(i) : 0.0; }));
      team.each(n, [=](int i) {
        const double lengths = length * gram.norm(i);
        alike[i] = good[i] == 0 ? INFINITY : lengths > 0 ? fmax(0.0, 1 + along(i) / lengths) : 1;
      });
      const auto members = static_cast<int>(team.sum(n, [=](int i) { return good[i]; }));
      if (members == 0) return;
      const double mean = team.sum(n, [=](int i) { return good[i] != 0 ? alike[i] / members : 0.0; });
      const double variance =
          team.sum(n, [=](int i) { return good[i] != 0 ? (alike[i] - mean) * (alike[i] - mean) / members : 0.0; });
      const auto ranked = [=](int k) { return kth_smallest(n, k, [=](int i) { return alike[i]; }); };
      const double median = (ranked((members + 1) / 2) + ranked(members / 2 + 1)) / 2, gap = allowed * sqrt(variance);
      const auto is_bad = [=](int i) {
        return good[i] != 0 && (mean < median ? alike[i] < median - gap : alike[i] > median + gap);
      };
      if (team.sum(n, [=](int i) { return is_bad(i) ? 1.0 : 0.0; }) == 0) return;
      team.each(n, [=](int i) { good[i] = good[i] != 0 && !is_bad(i); });
    }
  }

  /// For convergence.csv: what the next round's messages weigh, if all are found good.
  Observations observe(const double* numbers, int n) const {
    std::vector<double> trusts;
    double total = 0;
    for (int w = 0; w < n; ++w)
      total += trusts.emplace_back((numbers[w] + prior) / (numbers[w] + numbers[n + w] + 2 * prior));
    for (double& each : trusts) each /= total;
    return {{worker_weights_column().name, trusts}};
  }

  /// After a round that counted.
  GAUNTLET_HD void learn(const Team& team, const Gram& gram, const double* weights, SumUpdate*, double*) const {
    team.each(gram.n, [=](int i) { gram.numbers[weights[i] > 0 ? gram.worker(i) : gram.most + gram.worker(i)] += 1; });
  }
};

const Registered<Stage> afa([](Entry<Stage>& e) {
  e.name = "afa";
  e.summary = "a mean without the messages whose direction is unlike it, weighted by how often each worker was good";
  e.formula =
      "repeat: y = sum of p_i x_i / sum of p_i over the good; bad: cos(x_i, y) beyond median +- xi sd of them, on the "
      "side of their mean, xi = slack, slack + 0.5, ...; p_i = (good rounds + 3) / (rounds + 6)";
  e.source = "Munoz-Gonzalez, Co, Lupu, Byzantine-Robust FML through Adaptive Model Averaging, 2019 (never blocks)";
  e.columns = {worker_weights_column()};
  e.traits.robust = false;  // directions say nothing of lengths
  e.traits.translation_equivariant = false;
  e.parameters = {number("slack", "2", "standard deviations allowed at first", 0)};
  e.needs = needs_majority;
  e.known_answers = {{"", 1, {{1, 0}, {1, 0}, {1, 0}, {1, 0}, {1, 0}, {-1, 0}}, {{1, 0}}}};
  e.make = [](const Arguments& a) {
    AdaptiveFederatedAveraging rule;
    rule.slack = a.number("slack");
    return gram_rule(rule);
  };
});

}  // namespace
}  // namespace gauntlet
