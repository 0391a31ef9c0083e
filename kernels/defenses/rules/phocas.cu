// SPDX-License-Identifier: Apache-2.0
#include "kernels/defenses/rule.cuh"
#include "kernels/defenses/shared/robustness.hpp"
#include "kernels/defenses/shared/trimmed_mean.cuh"

namespace gauntlet {
namespace {

struct Phocas {
  static constexpr bool sorted = true;
  TrimmedMean center;
  int f;

  GAUNTLET_HD Phocas without(int absent) const { return {center.without(absent), f > absent ? f - absent : 0}; }

  template <class Values>
  GAUNTLET_HD typename Values::Number operator()(const Values& column) const {
    return mean_nearest(column, center(column), column.n - f);
  }
};

const Registered<Stage> phocas([](Entry<Stage>& e) {
  e.name = "phocas";
  e.summary = "per coordinate, the mean of the n-f values nearest to the trimmed mean";
  e.formula =
      "mean of the n-f values x_ik with least |x_ik - trimmed-mean_k| for each coordinate k; of equally near ones "
      "below and above, of both choices";
  e.source = "Xie, Koyejo, Gupta, Phocas: Dimensional Byzantine-resilient Stochastic Gradient Descent, 2018";
  e.traits.keeps_majority = true;
  e.traits.mean_without_byzantine = true;
  e.parameters = {trim_parameter()};
  e.needs = needs_majority;
  e.kappa = {"4f/(n-f) (1 + kappa of trimmed-mean), derived",
             [](int n, int f, double) { return nearest_kappa(n, f, trimmed_mean_kappa(n, f)); }};
  e.known_answers = {{"", 1, {{0}, {1}, {2}, {3}, {99}}, {{1.5}}}};
  e.make = [](const Arguments& a) { return column_rule(Phocas{trimmed_mean_of(a, "phocas"), a.f()}); };
});

}  // namespace
}  // namespace gauntlet
