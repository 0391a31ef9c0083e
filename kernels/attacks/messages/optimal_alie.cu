// SPDX-License-Identifier: Apache-2.0
#include "kernels/attacks/engine/optimal.cuh"

namespace gauntlet {
namespace {

const RegisteredAttack optimal_alie([](Entry<Attack>& e) {
  e.name = "optimal-alie";
  e.summary = "alie with the z that carries the cell's own defense farthest from the honest mean";
  e.formula = "b = mu - z sigma, z = argmax |A(h, b, ..., b) - mu|";
  e.source =
      "Baruch, Baruch, Goldberg, NeurIPS 2019; searched as in Shejwalkar, Houmansadr, NDSS 2021, and Allouah et "
      "al., AISTATS 2023";
  e.parameters = search_parameters("z", "20", "");
  e.make = [](const Arguments& a) {
    return std::make_unique<OptimalAttack<AlongExtraRow>>("optimal-alie", AlongExtraRow{}, 1, Direction::std,
                                                          search_spec(a));
  };
});

}  // namespace
}  // namespace gauntlet
