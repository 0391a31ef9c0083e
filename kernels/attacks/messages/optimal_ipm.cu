// SPDX-License-Identifier: Apache-2.0
#include "kernels/attacks/engine/optimal.cuh"

namespace gauntlet {
namespace {

struct NegatedMean {
  GAUNTLET_HD double operator()(const AttackView& view, int, double epsilon, int, int p) const {
    return p < view.honest ? -epsilon / view.honest : 0;
  }
};

const RegisteredAttack optimal_ipm([](Entry<Attack>& e) {
  e.name = "optimal-ipm";
  e.summary = "ipm with the epsilon that carries the cell's own defense farthest from the honest mean";
  e.formula = "b = -epsilon mu, epsilon = argmax |A(h, b, ..., b) - mu|";
  e.source =
      "Xie, Koyejo, Gupta, UAI 2019; searched as in Shejwalkar, Houmansadr, NDSS 2021, and Allouah et al., "
      "AISTATS 2023";
  e.parameters = search_parameters("epsilon", "20", "");
  e.make = [](const Arguments& a) {
    return std::make_unique<OptimalAttack<NegatedMean>>("optimal-ipm", NegatedMean{}, 0, Direction::std,
                                                        search_spec(a));
  };
});

}  // namespace
}  // namespace gauntlet
