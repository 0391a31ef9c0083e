// SPDX-License-Identifier: Apache-2.0
#include "kernels/defenses/rule.cuh"

namespace gauntlet {
namespace {

/// All that a rule in Gram space sees are inner products; what it says are the weights of the messages.
struct Medoid : GramFunctor {
  GAUNTLET_HD void operator()(const Team& team, const Gram& gram, double* weights, double*) const {
    const int best = team.argmin(gram.n, [=](int i) -> double {
      if (gram.norm(i) == INFINITY) return INFINITY;  // a message with NaN or infinity
      double total = 0;
      for (int j = 0; j < gram.n; ++j)
        if (gram.norm(j) < INFINITY) total += sqrt(gram.distance2(i, j));
      return total;
    });
    team.each(gram.n, [=](int i) { weights[i] = i == best; });
  }
};

const Registered<Stage> medoid([](Entry<Stage>& e) {
  e.name = "medoid";
  e.summary = "the message with the least sum of distances to all others";
  e.formula = "x_i with least sum over j of |x_i - x_j|";
  e.source = "Kaufman, Rousseeuw, Finding Groups in Data, 1990";
  e.needs = needs_majority;
  e.known_answers = {{"", 1, {{0}, {2}, {3}, {5}, {90}}, {{3}}}};
  e.make = [](const Arguments&) { return gram_rule(Medoid{}); };
});

}  // namespace
}  // namespace gauntlet
