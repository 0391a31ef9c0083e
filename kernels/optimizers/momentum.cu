// SPDX-License-Identifier: Apache-2.0
#include "kernels/optimizers/fused.cuh"

namespace gauntlet {
namespace {

struct MomentumRule {
  static constexpr int states = 1;
  float beta;
  GAUNTLET_HD MomentumRule at(int) const { return *this; }
  GAUNTLET_HD float operator()(float g, float& velocity, float&) const { return velocity = beta * velocity + g; }
};

const RegisteredOptimizer registered([](Entry<Optimizer>& entry) {
  entry.name = "momentum";
  entry.summary = "Heavy-ball momentum of the aggregates, kept by the server";
  entry.formula = "g = aggregate + decay x; v <- beta v + g; x <- x - rate v";
  entry.source = "Polyak 1964, in PyTorch's form";
  entry.parameters = {number("beta", "0.9", "how much of the old velocity is kept", 0, 0.999999)};
  entry.make = [](const Arguments& arguments) {
    return std::make_unique<FusedOptimizer<MomentumRule>>(MomentumRule{static_cast<float>(arguments.number("beta"))});
  };
});

}  // namespace
}  // namespace gauntlet
