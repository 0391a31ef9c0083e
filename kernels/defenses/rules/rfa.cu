// SPDX-License-Identifier: Apache-2.0
#include "kernels/defenses/rule.cuh"
#include "kernels/defenses/shared/weiszfeld.cuh"

namespace gauntlet {
namespace {

struct SmoothedWeiszfeld : GramFunctor {
  int iterations = 3;
  double nu = 0.1;

  std::size_t scratch(int n) const { return 2 * static_cast<std::size_t>(n); }

  GAUNTLET_HD void operator()(const Team& team, const Gram& gram, double* weights, double* scratch) const {
    const int n = gram.n;
    const double floor = nu;
    double* squares = scratch + n;
    const auto product = [=](int i, int j) { return gram(i, j); };
    const auto finite = [=](int i) { return gram.norm(i) < INFINITY; };
    team.each(n, [=](int i) { weights[i] = 0; });
    for (int step = 0; step < iterations; ++step) {
      distances_to_point(team, n, weights, product, finite, scratch, squares);
      const auto pull = [=](int i) {
        const double distance = sqrt(squares[i]);
        return finite(i) ? 1 / (distance > floor ? distance : floor) : 0.0;
      };
      const double total = team.sum(n, pull);
      team.each(n, [=](int i) { weights[i] = total > 0 ? pull(i) / total : 0; });
    }
  }
};

const Registered<Stage> rfa([](Entry<Stage>& e) {
  e.name = "rfa";
  e.summary = "a few smoothed Weiszfeld steps from zero: what several libraries call the geometric median";
  e.formula = "repeat: z = sum of w_i x_i / sum of w_i, w_i = 1 / max(|x_i - z|, nu), from z = 0";
  e.source = "Pillutla, Kakade, Harchaoui, Robust Aggregation for Federated Learning, IEEE TSP 2022";
  e.traits.translation_equivariant = false;  // its few steps start at zero
  e.traits.scale_equivariant = false;        // nu is a length
  e.parameters = {count("iterations", "3", "Weiszfeld steps", 1, 1000000),
                  number("nu", "0.1", "distances below this count as this", 1e-30)};
  e.needs = needs_majority;
  // From zero the weights are 1, 1 and 1/2: one step gives (1 + 1 + 1) / 2.5.
  e.known_answers = {{"iterations=1", 1, {{1}, {1}, {2}}, {{1.2f}}},
                     {"iterations=2", 1, {{1}, {1}, {2}}, {{10.0f / 9}}}};
  e.make = [](const Arguments& a) {
    SmoothedWeiszfeld rule;
    rule.iterations = a.count("iterations");
    rule.nu = a.number("nu");
    return gram_rule(rule);
  };
});

}  // namespace
}  // namespace gauntlet
