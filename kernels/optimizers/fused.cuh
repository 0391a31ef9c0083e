// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "kernels/exec/array.cuh"
#include "kernels/exec/launch.cuh"
#include "kernels/optimizers/optimizer.cuh"

namespace gauntlet {

/// a / b, and 0 where a is: a coordinate without any gradient so far, such as those of the padding, does not move even
/// where nothing is added to its root.
GAUNTLET_HD inline float ratio_or_zero(float a, float b) { return a == 0 ? 0.0f : a / b; }

/// One optimizer step as one pass. A Rule is a plain struct with
///   static constexpr int states                              vectors of d numbers that it keeps, at most two
///   Rule at(int t) const                                     the rule with its constants for step t, from 1
///   float operator()(float g, float& a, float& b) const      what is subtracted, per unit of learning rate
/// where g is the aggregate with weight decay and a, b are the state, zero before the first step.
template <class Rule>
struct FusedStep {
  Rule rule;
  float* const* parameters;
  const float* const* points;
  const float* const* aggregates;
  float* const* state_a;
  float* const* state_b;
  const float* learning_rates;
  const float* weight_decay;
  int rounds;
  const int* round;

  GAUNTLET_HD void operator()(int r, std::int64_t k) const {
    const Rule now = rule.at(*round + 1);
    const float rate = learning_rates[std::int64_t{r} * rounds + *round], decay = weight_decay[r];
    float gradient[span_width];  // read first: the point may be the row that is written
    for (int j = 0; j < span_width; ++j) gradient[j] = aggregates[r][k + j] + decay * points[r][k + j];
    move(now, rate, gradient, parameters[r] + k, r, k);
  }

 private:
  GAUNTLET_HD void move(const Rule& now, float rate, const float* g, float* __restrict__ x, int r,
                        std::int64_t k) const {
    float unused = 0;
    if constexpr (Rule::states == 0) {
      for (int j = 0; j < span_width; ++j) x[j] -= rate * now(g[j], unused, unused);
    } else if constexpr (Rule::states == 1) {
      float* __restrict__ a = state_a[r] + k;
      for (int j = 0; j < span_width; ++j) x[j] -= rate * now(g[j], a[j], unused);
    } else {
      float* __restrict__ a = state_a[r] + k;
      float* __restrict__ b = state_b[r] + k;
      for (int j = 0; j < span_width; ++j) x[j] -= rate * now(g[j], a[j], b[j]);
    }
  }
};

template <class Rule>
class FusedOptimizer : public Optimizer {
 public:
  explicit FusedOptimizer(const Rule& rule) : rule_(rule) {}

  std::unique_ptr<BoundOptimizer> bind(Exec& exec, const OptimizerJob& job) const override {
    return std::make_unique<Bound>(exec, rule_, job);
  }
  int rows_per_replica() const override { return Rule::states; }

 private:
  class Bound : public BoundOptimizer {
   public:
    Bound(Exec& exec, const Rule& rule, const OptimizerJob& job)
        : exec_(exec),
          d_(job.d),
          state_(exec, static_cast<std::int64_t>(job.parameters.size()) * Rule::states, job.d),
          parameters_(exec, job.parameters),
          points_(exec, job.points),
          aggregates_(exec, job.aggregates),
          states_(exec, state_.pointers()),
          step_{rule,
                parameters_.data(),
                points_.data(),
                aggregates_.data(),
                states_.data(),
                states_.data() + (Rule::states == 2 ? job.parameters.size() : 0),
                job.learning_rates,
                job.weight_decay,
                job.rounds,
                job.round} {}

    void step() override { parallel_spans(exec_, "optimizer", static_cast<int>(parameters_.size()), d_, step_); }

   private:
    Exec& exec_;
    std::int64_t d_;
    RowStore state_;
    Array<float*> parameters_;
    Array<const float*> points_, aggregates_;
    Array<float*> states_;
    FusedStep<Rule> step_;
  };

  Rule rule_;
};

}  // namespace gauntlet
