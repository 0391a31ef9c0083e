// SPDX-License-Identifier: Apache-2.0
#include "kernels/attacks/engine/optimal.cuh"

namespace gauntlet {
namespace {

const RegisteredAttack optimal([](Entry<Attack>& e) {
  e.name = "optimal";
  e.summary = "the honest mean moved along a direction as far as harms the cell's own defense most";
  e.formula =
      "b = mu + t |sigma| p / |p|, p = -sigma, sigma, -mu, -sign(mu) or random; t = argmax |A(h, b, ..., b) - mu|";
  e.source = "Shejwalkar, Houmansadr, Manipulating the Byzantine, NDSS 2021 (defense known to the attacker)";
  e.parameters = search_parameters("t", "20", ", in norms of the honest deviation");
  e.parameters.insert(e.parameters.begin(), direction_parameter({"std", "plus-std", "mean", "sign", "random"}));
  e.make = [](const Arguments& a) {
    return std::make_unique<OptimalAttack<AlongExtraRow>>("optimal", AlongExtraRow{}, 1, direction_of(a),
                                                          search_spec(a));
  };
});

}  // namespace
}  // namespace gauntlet
