// SPDX-License-Identifier: Apache-2.0
#include "kernels/optimizers/fused.cuh"

namespace gauntlet {
namespace {

struct MomentumRule {
  static constexpr int states = 1;
  float beta, weight;
  GAUNTLET_HD MomentumRule at(int) const { return *this; }
  GAUNTLET_HD float operator()(float g, float& velocity, float&) const {
    return velocity = beta * velocity + weight * g;
  }
};

const RegisteredOptimizer registered([](Entry<Optimizer>& entry) {
  entry.name = "momentum";
  entry.summary = "Heavy-ball momentum of the aggregates, kept by the server";
  entry.formula = "g = aggregate + decay x; v <- beta v + (1 - damping) g; x <- x - rate v";
  entry.source =
      "Polyak 1964, in PyTorch's form; damping from the first step as El-Mhamdi, Guerraoui, Rouault, ICLR 2021";
  entry.parameters = {number("beta", "0.9", "how much of the old velocity is kept", 0, 0.999999),
                      number("damping", "0", "the weight of the new aggregate is 1 - damping", 0, 1)};
  entry.make = [](const Arguments& arguments) {
    return std::make_unique<FusedOptimizer<MomentumRule>>(MomentumRule{
        static_cast<float>(arguments.number("beta")), static_cast<float>(1 - arguments.number("damping"))});
  };
});

}  // namespace
}  // namespace gauntlet
