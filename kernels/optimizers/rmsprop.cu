// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "kernels/optimizers/fused.cuh"

namespace gauntlet {
namespace {

struct RmspropRule {
  static constexpr int states = 1;
  float keep, take, epsilon;
  GAUNTLET_HD RmspropRule at(int) const { return *this; }
  GAUNTLET_HD float operator()(float g, float& square, float&) const {
    square = keep * square + take * g * g;
    return ratio_or_zero(g, sqrtf(square) + epsilon);
  }
};

const RegisteredOptimizer registered([](Entry<Optimizer>& entry) {
  entry.name = "rmsprop";
  entry.summary = "RMSProp on the aggregates";
  entry.formula = "g = aggregate + decay x; v <- alpha v + (1 - alpha) g^2; x <- x - rate g / (sqrt(v) + epsilon)";
  entry.source = "Tieleman, Hinton, 2012, in PyTorch's form";
  entry.parameters = {number("alpha", "0.99", "how much of the old mean square is kept", 0, 0.999999),
                      number("epsilon", "1e-8", "added to the root; 0 / 0 counts as 0", 0)};
  entry.make = [](const Arguments& arguments) {
    const double alpha = arguments.number("alpha");
    return std::make_unique<FusedOptimizer<RmspropRule>>(RmspropRule{
        static_cast<float>(alpha), static_cast<float>(1 - alpha), static_cast<float>(arguments.number("epsilon"))});
  };
});

}  // namespace
}  // namespace gauntlet
