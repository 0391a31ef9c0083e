// SPDX-License-Identifier: Apache-2.0
#include "kernels/defenses/shared/median.cuh"
#include "kernels/defenses/rule.cuh"
#include "kernels/defenses/shared/robustness.hpp"

namespace gauntlet {
namespace {

const Registered<Stage> median([](Entry<Stage>& e) {
  e.name = "median";
  e.summary = "the median of every coordinate";
  e.formula = "median of x_1k .. x_nk for each coordinate k";
  e.source = "Yin, Chen, Kannan, Bartlett, Byzantine-Robust Distributed Learning, ICML 2018";
  e.traits.keeps_majority = true;
  e.parameters = {even_parameter()};
  e.needs = needs_majority;
  e.kappa = {"4 (1 + f/(n-2f))^2", median_kappa};
  e.known_answers = {{"", 1, {{1, 9}, {2, -9}, {5, 0}}, {{2, 0}}},
                     {"", 1, {{1}, {2}, {5}, {9}}, {{3.5}}},
                     {"even=upper", 1, {{1}, {2}, {5}, {9}}, {{5}}}};
  e.make = [](const Arguments& a) { return column_rule(median_of(a)); };
});

}  // namespace
}  // namespace gauntlet
