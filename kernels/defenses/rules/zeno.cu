// SPDX-License-Identifier: Apache-2.0
#include <cfloat>

#include "kernels/defenses/rule.cuh"

namespace gauntlet {
namespace {

struct Zeno : TrustedFunctor {
  int keep = 1;
  double rho = 0;

  std::size_t scratch(int n) const { return static_cast<std::size_t>(n); }

  GAUNTLET_HD void operator()(const Team& team, const Gram& gram, double* weights, double* scores) const {
    const int n = gram.n, kept = keep;
    const double penalty = rho;
    team.each(n, [=](int i) {
      // Non-finite messages come last even where the penalty of a finite one overflows.
      const double score = gram(i, n) - penalty * gram(i, i);
      scores[i] = gram.norm(i) < INFINITY ? fmax(score, -DBL_MAX) : -INFINITY;
    });
    team.each(n, [=](int i) {
      int ahead = 0;
      for (int j = 0; j < n; ++j) ahead += scores[j] > scores[i] || (scores[j] == scores[i] && j < i);
      weights[i] = ahead < kept ? 1.0 / kept : 0;
    });
  }
};

const Registered<Stage> zeno([](Entry<Stage>& e) {
  e.name = "zeno";
  e.summary =
      "the mean of the n-b messages that promise the server's own samples most descent, to first order in the step; "
      "zero if the server's own message is not finite";
  e.formula = "mean of the n-b x_i of highest score <x_0, x_i> - rho |x_i|^2, x_0 the server's message";
  e.source = "Xie, Koyejo, Gupta, Zeno: Distributed SGD with Suspicion-based Fault-tolerance, ICML 2019";
  e.traits.robust = false;  // what it promises is descent: a message as long as |x_0| / rho may still be the best
  e.traits.translation_equivariant = false;
  e.traits.mean_without_byzantine = true;
  e.parameters = {count("b", "f", "messages left out; at least f if the result is to be robust"),
                  number("rho", "0.005", "the paper's rho / gamma, by default for its rho = 0.0005 and gamma = 0.1", 0),
                  trusted_batch_parameter()};
  // With rho = 1 and x_0 = (2, 0) the scores are 1, 0, -1 and -3.
  e.known_answers = {{"rho=1", 1, {{1, 0}, {2, 0}, {0, 1}, {-1, 0}}, {{1, 1.0f / 3}}, {2, 0}},
                     {"b=2", 1, {{1, 0}, {3, 2}, {-9, 0}, {0, 4}}, {{2, 1}}, {2, 0}}};
  e.make = [](const Arguments& a) {
    const int b = a.count("b");
    if (b >= a.n())
      throw UserError("zeno: b = " + std::to_string(b) + " is out of range 0.." + std::to_string(a.n() - 1));
    Zeno rule;
    rule.samples = a.count("trusted_batch");
    rule.keep = a.n() - b;
    rule.rho = a.number("rho");
    return trusted_rule(rule);
  };
});

}  // namespace
}  // namespace gauntlet
