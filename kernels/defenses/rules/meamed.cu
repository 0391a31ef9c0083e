// SPDX-License-Identifier: Apache-2.0
#include "kernels/defenses/rule.cuh"
#include "kernels/defenses/shared/median.cuh"
#include "kernels/defenses/shared/robustness.hpp"

namespace gauntlet {
namespace {

struct Meamed {
  static constexpr bool sorted = true;
  Median center;
  int f;

  GAUNTLET_HD Meamed without(int absent) const { return {center, f > absent ? f - absent : 0}; }

  template <class Values>
  GAUNTLET_HD typename Values::Number operator()(const Values& column) const {
    return mean_nearest(column, center(column), column.n - f);
  }
};

const Registered<Stage> meamed([](Entry<Stage>& e) {
  e.name = "meamed";
  e.summary = "per coordinate, the mean of the n-f values nearest to the median";
  e.formula =
      "mean of the n-f values x_ik with least |x_ik - median_k| for each coordinate k; of equally near ones below and "
      "above, of both choices";
  e.source = "Xie, Koyejo, Gupta, Generalized Byzantine-tolerant SGD, 2018";
  e.traits.keeps_majority = true;
  e.traits.mean_without_byzantine = true;
  e.parameters = {even_parameter()};
  e.needs = needs_majority;
  e.kappa = {"4f/(n-f) (1 + kappa of median), derived",
             [](int n, int f, double) { return nearest_kappa(n, f, median_kappa(n, f)); }};
  // Of three equal messages one is kept where 9 is farther from the median 4, and none where 7 is nearer.
  e.known_answers = {{"", 1, {{0}, {1}, {2}, {4}, {99}}, {{1.75}}},
                     {"", 3, {{0}, {0}, {0}, {4}, {5}, {6}, {9}}, {{3.75}}},
                     {"", 3, {{0}, {0}, {0}, {4}, {5}, {6}, {7}}, {{5.5}}}};
  e.make = [](const Arguments& a) { return column_rule(Meamed{median_of(a), a.f()}); };
});

}  // namespace
}  // namespace gauntlet
