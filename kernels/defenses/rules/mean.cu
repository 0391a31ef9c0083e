// SPDX-License-Identifier: Apache-2.0
#include "kernels/defenses/rule.cuh"

namespace gauntlet {
namespace {

struct Mean : GramFunctor {
  static constexpr Reads reads = Reads::nothing;

  GAUNTLET_HD void operator()(const Team& team, const Gram& gram, double* weights, double*) const {
    team.each(gram.n, [=](int i) { weights[i] = 1.0 / gram.n; });
  }
};

const Registered<Stage> mean([](Entry<Stage>& e) {
  e.name = "mean";
  e.aliases = {"average"};
  e.summary = "the average of all messages; one attacker can move it anywhere";
  e.formula = "(1/n) sum of x_i";
  e.source = "McMahan et al., Communication-Efficient Learning of Deep Networks, AISTATS 2017";
  e.traits.robust = false;
  e.traits.mean_without_byzantine = true;
  e.kappa = {"0 for f = 0", [](int, int f, double) { return f == 0 ? 0.0 : INFINITY; }};
  e.known_answers = {{"", 1, {{0, 0}, {1, 0}, {2, 6}}, {{1, 2}}}};
  e.make = [](const Arguments&) { return gram_rule(Mean{}); };
});

}  // namespace
}  // namespace gauntlet
