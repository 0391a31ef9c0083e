// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "kernels/optimizers/fused.cuh"

namespace gauntlet {
namespace {

struct AdamRule {
  static constexpr int states = 2;
  double beta1, beta2;
  float epsilon;
  float keep1 = 0, take1 = 0, keep2 = 0, take2 = 0, scale = 0, root_scale = 0;

  /// The corrections for the start at zero, worked out once per span.
  GAUNTLET_HD AdamRule at(int t) const {
    AdamRule now = *this;
    now.keep1 = static_cast<float>(beta1), now.take1 = static_cast<float>(1 - beta1);
    now.keep2 = static_cast<float>(beta2), now.take2 = static_cast<float>(1 - beta2);
    now.scale = static_cast<float>(1 / (1 - pow(beta1, t)));
    now.root_scale = static_cast<float>(1 / sqrt(1 - pow(beta2, t)));
    return now;
  }
  GAUNTLET_HD float operator()(float g, float& mean, float& square) const {
    mean = keep1 * mean + take1 * g;
    square = keep2 * square + take2 * g * g;
    return ratio_or_zero(scale * mean, sqrtf(square) * root_scale + epsilon);
  }
};

const RegisteredOptimizer registered([](Entry<Optimizer>& entry) {
  entry.name = "adam";
  entry.summary = "Adam on the aggregates";
  entry.formula =
      "g = aggregate + decay x; m <- beta1 m + (1 - beta1) g; v <- beta2 v + (1 - beta2) g^2; "
      "x <- x - rate m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + epsilon)";
  entry.source = "Kingma, Ba, ICLR 2015";
  entry.parameters = {number("beta1", "0.9", "how much of the old mean is kept", 0, 0.999999),
                      number("beta2", "0.999", "how much of the old mean square is kept", 0, 0.99999999),
                      number("epsilon", "1e-8", "added to the root; 0 / 0 counts as 0", 0)};
  entry.make = [](const Arguments& arguments) {
    return std::make_unique<FusedOptimizer<AdamRule>>(AdamRule{arguments.number("beta1"), arguments.number("beta2"),
                                                               static_cast<float>(arguments.number("epsilon"))});
  };
});

}  // namespace
}  // namespace gauntlet
