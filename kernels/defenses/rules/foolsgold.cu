// SPDX-License-Identifier: Apache-2.0
#include "kernels/defenses/shared/sums.cuh"

namespace gauntlet {
namespace {

enum class Divide { weights, n, nothing };

/// Weights from the inner products of the workers' histories, which are zero where a worker has sent nothing yet.
struct FoolsGold : GramFunctor {
  static constexpr bool learns = true;
  double confidence = 1;
  Divide divide = Divide::weights;

  Memory memory(int) const { return {MemoryRow::none, 1}; }
  std::size_t scratch(int n) const { return static_cast<std::size_t>(n) * (n + 1); }

  /// The cosine of two histories, not below zero. What rounding alone parts is equal, or rounding would set the
  /// weights.
  GAUNTLET_HD static double similarity(const Gram& history, int i, int j) {
    const double lengths = history.norm(i) * history.norm(j);
    const double cosine = lengths > 0 && lengths < INFINITY ? history(i, j) / lengths : 0;
    return cosine > 0 ? (cosine < 1 - 1e-12 ? cosine : 1) : 0;
  }

  GAUNTLET_HD void operator()(const Team& team, const Gram& gram, double* weights, double* most_alike) const {
    const int n = gram.n;
    const Gram history = NextSums{}.products(team, gram, most_alike + n);
    team.each(n, [=](int i) {
      double most = 0;
      for (int j = 0; j < n; ++j)
        if (j != i) most = fmax(most, similarity(history, i, j));
      most_alike[i] = most;
    });
    // Pardoning: who is like somebody that is even more like a third one is less suspect than that one.
    team.each(n, [=](int i) {
      double most = 0;
      for (int j = 0; j < n; ++j)
        if (j != i)
          most = fmax(most, similarity(history, i, j) * fmin(1.0, most_alike[i] / fmax(most_alike[j], 1e-300)));
      weights[i] = fmax(0.0, 1 - most);
    });
    const double top = weights[team.argmin(n, [=](int i) { return -weights[i]; })];
    team.sync();
    const double sharpness = confidence;
    team.each(n, [=](int i) {
      const double share = top > 0 ? weights[i] / top : 1;
      const double weight = share < 1 ? fmin(1.0, fmax(0.0, sharpness * (log(share / (1 - share)) + 0.5))) : 1;
      weights[i] = gram.norm(i) < INFINITY ? weight : 0;
    });
    const double total = team.sum(n, [=](int i) { return weights[i]; });
    const double by = divide == Divide::weights ? total : divide == Divide::n ? n : 1;
    team.each(n, [=](int i) { weights[i] = by > 0 ? weights[i] / by : 0; });
    leave_memory_out(team, gram, weights);
  }

  GAUNTLET_HD void learn(const Team& team, const Gram& gram, const double*, SumUpdate* updates, double*) const {
    NextSums{}.write(team, gram, updates);
  }
};

const Registered<Stage> foolsgold([](Entry<Stage>& e) {
  e.name = "foolsgold";
  e.summary = "trusts workers less the more their summed messages resemble another's; memory: 4 n d bytes a cell";
  e.formula =
      "a_i = 1 - max_j cos(H_i, H_j) min(1, v_i / v_j), v_i = max_j cos(H_i, H_j); w_i = logit(a_i / max a) + 0.5 in "
      "0..1";
  e.source = "Fung, Yoon, Beschastnikh, The Limitations of Federated Learning in Sybil Settings, RAID 2020";
  e.traits.robust = false;                   // a lone attacker of any length is like nobody else
  e.traits.translation_equivariant = false;  // works on cosines
  e.traits.within_box = false;               // zero where it trusts nobody
  e.parameters = {number("confidence", "1", "factor of the logit", 0),
                  word("divide", "weights", "the weighted sum by the sum of the weights, by n, or (the paper) nothing",
                       {"weights", "n", "nothing"})};
  e.needs = {"2 <= n <= 256", [](int n, int) { return n >= 2 && n <= 256; }};
  e.known_answers = {{"", 1, {{1, 0}, {0, 3}, {2, 0}, {5, 0}}, {{0, 3}}},
                     {"divide=nothing", 0, {{1, 0, 0}, {0, 3, 0}, {0, 0, -2}}, {{1, 3, -2}}}};
  e.make = [](const Arguments& a) {
    FoolsGold rule;
    rule.confidence = a.number("confidence");
    rule.divide = a.is("divide", "weights") ? Divide::weights : a.is("divide", "n") ? Divide::n : Divide::nothing;
    return gram_rule(rule);
  };
});

}  // namespace
}  // namespace gauntlet
