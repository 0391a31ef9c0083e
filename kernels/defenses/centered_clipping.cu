// SPDX-License-Identifier: Apache-2.0
#include "kernels/defenses/anchored.cuh"
#include "kernels/defenses/clipping.cuh"
#include "kernels/defenses/median.cuh"
#include "kernels/defenses/weiszfeld.cuh"

namespace gauntlet {
namespace {

/// Row n of the problem is where v starts: the last output, or the median.
struct CenteredClipping : GramFunctor {
  int iterations = 1;
  double tau = 10;

  MemoryRow memory_row() const { return MemoryRow::last_output; }
  std::size_t scratch(int n) const { return 2 * (static_cast<std::size_t>(n) + 1); }

  GAUNTLET_HD void operator()(const Team& team, const Gram& gram, double* weights, double* scratch) const {
    const int n = gram.n, rows = gram.n + 1;
    const double radius = tau;
    double* squares = scratch + rows;
    const auto product = [=](int i, int j) { return gram(i, j); };
    const auto finite = [=](int i) { return gram.norm(i) < INFINITY; };
    const auto pull = [=](int i) { return finite(i) ? clip_factor(sqrt(squares[i]), radius) / n : 0.0; };
    team.each(rows, [=](int i) { weights[i] = i == n; });
    for (int step = 0; step < iterations; ++step) {
      distances_to_point(team, rows, weights, product, finite, scratch, squares);
      const double moved = team.sum(n, pull);
      team.each(rows, [=](int i) { weights[i] = (1 - moved) * weights[i] + (i < n ? pull(i) : 0); });
    }
  }
};

const Registered<Stage> centered_clipping([](Entry<Stage>& e) {
  e.name = "centered-clipping";
  e.role = "rule";
  e.space = "gram";
  e.summary = "moves from the last output by the mean of the messages' deviations, each clipped";
  e.formula = "repeat: v = v + (1/n) sum of (x_i - v) min(1, tau / |x_i - v|), from the last output (zero at first)";
  e.source = "Karimireddy, He, Jaggi, Learning from History for Byzantine Robust Optimization, ICML 2021";
  e.parameters = {count("iterations", "1", "clipping steps a round", 1, 1000000),
                  number("tau", "10", "longest deviation that is not clipped", 0),
                  flag("stateless", false, "start every round from the coordinate-wise median instead")};
  e.needs = needs_majority;
  e.known_answers = {{"tau=2", 1, {{1, 0}, {0, 2}, {0, 8}}, {{1.0f / 3, 4.0f / 3}}},
                     {"tau=2, stateless=true", 1, {{1, 0}, {0, 2}, {0, 8}}, {{0.2981424f, 2.0703819f}}}};
  e.make = [](const Arguments& a) {
    CenteredClipping rule;
    rule.iterations = a.count("iterations");
    rule.tau = a.number("tau");
    if (!a.flag("stateless")) return gram_rule(rule);
    if (a.n() > column_limit)
      throw UserError("centered-clipping: stateless=true takes n <= " + std::to_string(column_limit) +
                      " messages, for its median; n = " + std::to_string(a.n()));
    return anchored_rule(Median{}, rule);
  };
});

}  // namespace
}  // namespace gauntlet
