// SPDX-License-Identifier: Apache-2.0
#include "kernels/optimizers/fused.cuh"

namespace gauntlet {
namespace {

struct SgdRule {
  static constexpr int states = 0;
  GAUNTLET_HD SgdRule at(int) const { return *this; }
  GAUNTLET_HD float operator()(float g, float&, float&) const { return g; }
};

const RegisteredOptimizer registered([](Entry<Optimizer>& entry) {
  entry.name = "sgd";
  entry.summary = "A step against the aggregate";
  entry.formula = "g = aggregate + decay x; x <- x - rate g";
  entry.source = "standard";
  entry.make = [](const Arguments&) { return std::make_unique<FusedOptimizer<SgdRule>>(SgdRule{}); };
});

}  // namespace
}  // namespace gauntlet
