// SPDX-License-Identifier: Apache-2.0
#include "kernels/defenses/rule.cuh"

namespace gauntlet {
namespace {

struct ComparativeElimination : GramFunctor {
  static constexpr Reads reads = Reads::norms;

  GAUNTLET_HD void operator()(const Team& team, const Gram& gram, double* weights, double*) const {
    mean_of_smallest(
        team, gram.n, gram.n - gram.f, [=](int i) { return gram.norm(i); }, weights);
  }
};

const Registered<Stage> cge([](Entry<Stage>& e) {
  e.name = "cge";
  e.summary = "the mean of the n-f shortest messages";
  e.formula = "mean of the n-f x_i with least |x_i|";
  e.source = "Gupta, Liu, Vaidya, Byzantine Fault-Tolerant Distributed Machine Learning with Norm-Based CGE, 2021";
  e.traits.translation_equivariant = false;  // ranks by norm
  e.traits.mean_without_byzantine = true;
  e.needs = needs_majority;
  e.known_answers = {{"", 1, {{3, 4}, {0, 6}, {1, 0}}, {{2, 2}}}};
  e.make = [](const Arguments&) { return gram_rule(ComparativeElimination{}); };
});

}  // namespace
}  // namespace gauntlet
