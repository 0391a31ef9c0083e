// SPDX-License-Identifier: Apache-2.0
#include "kernels/defenses/rule.cuh"
#include "kernels/defenses/shared/clipping.cuh"
#include "kernels/defenses/shared/median.cuh"
#include "kernels/defenses/shared/weiszfeld.cuh"

namespace gauntlet {
namespace {

struct CenteredClipping : GramFunctor {
  /// Where v starts: at row n of the problem, which is the last output or an anchor, or where the messages put it.
  enum class Start { row, mean, zero };
  int iterations = 1;
  double tau = 10;
  Start start = Start::row;

  Memory memory(int) const { return {start == Start::row ? MemoryRow::last_output : MemoryRow::none}; }
  std::size_t scratch(int n) const { return 2 * (static_cast<std::size_t>(n) + 1); }

  GAUNTLET_HD void operator()(const Team& team, const Gram& gram, double* weights, double* scratch) const {
    const int n = gram.n, rows = gram.n + (start == Start::row);
    const double radius = tau;
    double* squares = scratch + rows;
    const auto product = [=](int i, int j) { return gram(i, j); };
    const auto finite = [=](int i) { return gram.norm(i) < INFINITY; };
    const auto pull = [=](int i) { return finite(i) ? clip_factor(sqrt(squares[i]), radius) / n : 0.0; };
    const double counted = start == Start::mean ? team.sum(n, [=](int i) { return finite(i) ? 1.0 : 0.0; }) : 0;
    team.each(rows, [=](int i) { weights[i] = i == n ? 1 : counted > 0 && finite(i) ? 1 / counted : 0; });
    for (int step = 0; step < iterations; ++step) {
      distances_to_point(team, rows, weights, product, finite, scratch, squares);
      const double moved = team.sum(n, pull);
      team.each(rows, [=](int i) { weights[i] = (1 - moved) * weights[i] + (i < n ? pull(i) : 0); });
    }
  }
};

const Registered<Stage> centered_clipping([](Entry<Stage>& e) {
  e.name = "centered-clipping";
  e.summary = "moves from the last output by the mean of the messages' deviations, each clipped";
  e.formula = "repeat: v = v + (1/n) sum of (x_i - v) min(1, tau / |x_i - v|), from the last output (zero at first)";
  e.source = "Karimireddy, He, Jaggi, Learning from History for Byzantine Robust Optimization, ICML 2021";
  e.traits.translation_equivariant = false;  // starts at zero
  e.traits.scale_equivariant = false;        // tau is a length
  e.traits.unanimous = false;                // comes the whole way only from within tau
  e.traits.within_box = false;
  e.parameters = {count("iterations", "1", "clipping steps a round", 1, 1000000),
                  number("tau", "10", "longest deviation that is not clipped", 0),
                  flag("stateless", false, "start every round from the messages instead: see start"),
                  word("start", "median", "of a stateless one: the coordinate-wise median, the mean or zero",
                       {"median", "mean", "zero"}),
                  even_parameter()};
  e.needs = needs_majority;
  e.known_answers = {{"tau=2", 1, {{1, 0}, {0, 2}, {0, 8}}, {{1.0f / 3, 4.0f / 3}}},
                     {"tau=2, stateless=true", 1, {{1, 0}, {0, 2}, {0, 8}}, {{0.2981424f, 2.0703819f}}}};
  e.make = Factory<Stage>::usually<GramRule>([](const Arguments& a) -> std::unique_ptr<Stage> {
    CenteredClipping rule;
    rule.iterations = a.count("iterations");
    rule.tau = a.number("tau");
    if (!a.flag("stateless")) {
      for (const char* name : {"start", "even"})
        if (a.given(name)) throw UserError("centered-clipping: " + std::string(name) + " is for stateless=true");
      return gram_rule(rule);
    }
    if (!a.is("start", "median")) {
      if (a.given("even")) throw UserError("centered-clipping: even is for start=median");
      rule.start = a.is("start", "mean") ? CenteredClipping::Start::mean : CenteredClipping::Start::zero;
      return gram_rule(rule);
    }
    if (a.n() > column_limit)
      throw UserError("centered-clipping: start=median takes n <= " + std::to_string(column_limit) +
                      " messages; n = " + std::to_string(a.n()));
    return anchored_rule(median_of(a), rule);
  });
});

}  // namespace
}  // namespace gauntlet
