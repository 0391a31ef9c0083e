// SPDX-License-Identifier: Apache-2.0
#include "kernels/optimizers/fused.cuh"

namespace gauntlet {
namespace {

struct NesterovRule {
  static constexpr int states = 1;
  float beta;
  GAUNTLET_HD NesterovRule at(int) const { return *this; }
  GAUNTLET_HD float operator()(float g, float& velocity, float&) const {
    velocity = beta * velocity + g;
    return g + beta * velocity;
  }
};

const RegisteredOptimizer registered([](Entry<Optimizer>& entry) {
  entry.name = "nesterov";
  entry.summary = "Nesterov's momentum of the aggregates, kept by the server";
  entry.formula = "g = aggregate + decay x; v <- beta v + g; x <- x - rate (g + beta v)";
  entry.source = "Nesterov 1983, in PyTorch's form (Sutskever, Martens, Dahl, Hinton, ICML 2013)";
  entry.parameters = {number("beta", "0.9", "how much of the old velocity is kept", 0, 0.999999)};
  entry.make = [](const Arguments& arguments) {
    return std::make_unique<FusedOptimizer<NesterovRule>>(NesterovRule{static_cast<float>(arguments.number("beta"))});
  };
});

}  // namespace
}  // namespace gauntlet
