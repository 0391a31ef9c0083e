// SPDX-License-Identifier: Apache-2.0
#include "kernels/optimizers/fused.cuh"

namespace gauntlet {
namespace {

struct SignRule {
  static constexpr int states = 0;
  GAUNTLET_HD SignRule at(int) const { return *this; }
  GAUNTLET_HD float operator()(float g, float&, float&) const {
    return static_cast<float>(g > 0) - static_cast<float>(g < 0);
  }
};

const RegisteredOptimizer registered([](Entry<Optimizer>& entry) {
  entry.name = "sign";
  entry.summary = "A step of fixed length against the aggregate's sign in every coordinate";
  entry.formula = "g = aggregate + decay x; x <- x - rate sign(g)";
  entry.source = "Bernstein, Wang, Azizzadenesheli, Anandkumar, ICML 2018";
  entry.make = [](const Arguments&) { return std::make_unique<FusedOptimizer<SignRule>>(SignRule{}); };
});

}  // namespace
}  // namespace gauntlet
