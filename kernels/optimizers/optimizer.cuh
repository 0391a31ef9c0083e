// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "kernels/exec/array.cuh"
#include "kernels/registry/registry.hpp"

namespace gauntlet {

/// What an optimizer moves: R parameter vectors, each by its own aggregate.
struct OptimizerJob {
  std::int64_t d = 0;
  std::vector<float*> parameters;         ///< R padded rows
  std::vector<const float*> points;       ///< R padded rows: where the gradients were taken, often the parameters
  std::vector<const float*> aggregates;   ///< R padded rows
  const float* learning_rates = nullptr;  ///< R × rounds, in the back end's memory
  const float* weight_decay = nullptr;    ///< R; λ · point is added to the aggregate
  int rounds = 0;
  const int* round = nullptr;  ///< the round counter, from 0, in the back end's memory
};

/// An optimizer with its state for R replicas.
class BoundOptimizer {
 public:
  virtual ~BoundOptimizer() = default;
  virtual void step() = 0;  ///< one pass over the parameters, the aggregates and the state
};

/// What the server does with the aggregate: sgd, momentum, nesterov, adam, rmsprop, sign.
class Optimizer {
 public:
  virtual ~Optimizer() = default;
  virtual std::unique_ptr<BoundOptimizer> bind(Exec& exec, const OptimizerJob& job) const = 0;
  virtual int rows_per_replica() const { return 0; }  ///< state vectors of d numbers

  /// The base rate that it takes instead of the task's; NaN: the task's.
  double learning_rate = std::numeric_limits<double>::quiet_NaN();
};

/// The optimizer with every step followed by a projection onto the ball of that radius about zero: x ← x min(1, radius
/// / |x|), as stochastic optimization over a bounded domain has it. Two more passes over the parameters.
std::unique_ptr<Optimizer> projected(std::unique_ptr<Optimizer> optimizer, double radius);

/// Registers an optimizer: as Registered<Optimizer>, and adds the parameters learning_rate and radius that all have.
struct RegisteredOptimizer {
  template <class Describe>
  explicit RegisteredOptimizer(Describe describe) {
    Registered<Optimizer>([&](Entry<Optimizer>& entry) {
      describe(entry);
      entry.parameters.push_back(number(
          "learning_rate", "task", "base rate of this optimizer; task: training.learning_rate", 0, no_limit, {"task"}));
      entry.parameters.push_back(
          number("radius", "none", "after every step the model is projected onto the ball of this radius about zero",
                 1e-9, no_limit, {"none"}));
      entry.make = [make = entry.make](const Arguments& a) {
        auto optimizer = make(a);
        if (!a.is("radius", "none")) optimizer = projected(std::move(optimizer), a.number("radius"));
        if (!a.is("learning_rate", "task")) optimizer->learning_rate = a.number("learning_rate");
        return optimizer;
      };
    });
  }
};

/// Learning rate by round: constant, step, cosine, inverse-time.
class Schedule {
 public:
  virtual ~Schedule() = default;
  /// The factor on the base rate in round t of T, t from 0.
  virtual double factor(int round, int rounds) const = 0;
};

}  // namespace gauntlet
