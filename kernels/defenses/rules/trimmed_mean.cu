// SPDX-License-Identifier: Apache-2.0
#include "kernels/defenses/shared/trimmed_mean.cuh"
#include "kernels/defenses/rule.cuh"
#include "kernels/defenses/shared/robustness.hpp"

namespace gauntlet {
namespace {

const Registered<Stage> trimmed_mean([](Entry<Stage>& e) {
  e.name = "trimmed-mean";
  e.summary = "the mean of every coordinate without its f lowest and f highest values";
  e.formula = "(1/(n-2f)) sum of the (f+1)-th .. (n-f)-th smallest of x_1k .. x_nk for each coordinate k";
  e.source = "Yin, Chen, Kannan, Bartlett, Byzantine-Robust Distributed Learning, ICML 2018";
  e.traits.keeps_majority = true;
  e.traits.mean_without_byzantine = true;
  e.parameters = {trim_parameter()};
  e.needs = needs_majority;
  e.kappa = {"6f/(n-2f) (1 + f/(n-2f))", trimmed_mean_kappa};
  e.known_answers = {{"", 1, {{1, 4}, {2, -9}, {3, 0}, {90, 2}}, {{2.5, 1}}}};
  e.make = [](const Arguments& a) { return column_rule(trimmed_mean_of(a, "trimmed-mean")); };
});

}  // namespace
}  // namespace gauntlet
