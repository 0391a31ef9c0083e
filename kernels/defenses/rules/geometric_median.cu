// SPDX-License-Identifier: Apache-2.0
#include "kernels/defenses/shared/geometric_median.cuh"
#include "kernels/defenses/rule.cuh"

#include "kernels/defenses/shared/robustness.hpp"

namespace gauntlet {
namespace {

const Registered<Stage> geometric_median([](Entry<Stage>& e) {
  e.name = "geometric-median";
  e.summary = "the point with the least sum of distances to the messages";
  e.formula = "argmin over z of sum of |z - x_i|";
  e.source = "Chen, Su, Xu, Distributed Statistical Machine Learning in Adversarial Settings, POMACS 2017";
  e.traits.keeps_majority = true;
  e.parameters = {number("tolerance", "1e-7", "length of the mean unit vector toward the messages at which to stop", 0),
                  count("iterations", "1000", "most steps of Weiszfeld or Newton", 1, 1000000)};
  e.needs = needs_majority;
  e.kappa = {"4 (1 + f/(n-2f))^2", median_kappa};
  // The Fermat point of a triangle with an angle over 120 degrees is that corner; of a square, its center.
  e.known_answers = {{"", 1, {{0, 0}, {9, 1}, {-9, 1}}, {{0, 0}}}, {"", 1, {{0, 0}, {2, 0}, {2, 2}, {0, 2}}, {{1, 1}}}};
  e.make = [](const Arguments& a) {
    GeometricMedian rule;
    rule.tolerance = a.number("tolerance");
    rule.iterations = a.count("iterations");
    return gram_rule(rule);
  };
});

}  // namespace
}  // namespace gauntlet
