// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "kernels/models/model.cuh"

namespace gauntlet {

/// What an estimator works with: the workers' samples and where their messages go.
struct EstimatorJob {
  const Model* model = nullptr;
  GradientJob gradient;  ///< parameters: the query points; gradients: the R·W messages
  /// R·W: every worker's own number, which tells its noise from others'; empty: 0 … W − 1 in each replica.
  std::vector<int> numbers;
  int features = 0;  ///< of one sample, for whoever cuts the inputs by worker
  /// Replaces the samples of `gradient` by each worker's k-th mini-batch of the round; run() finds the 0th there.
  std::function<void(int k)> draw_batch;
  std::vector<float*> query;             ///< R: the same query points, writable
  std::vector<float*> iterate;           ///< R: what the optimizer moves; the same rows as query unless `averages()`
  std::vector<const float*> aggregates;  ///< R: what the server made of the last round's messages, at first zero
  const std::uint64_t* seeds = nullptr;  ///< R, in the back end's memory
  const int* round = nullptr;            ///< the round counter, from 0, in the back end's memory

  std::vector<int> worker_numbers() const {
    std::vector<int> all = numbers;
    for (std::size_t unit = all.size(); unit < gradient.gradients.size(); ++unit)
      all.push_back(static_cast<int>(unit % static_cast<std::size_t>(gradient.workers)));
    return all;
  }
};

/// Steps 2 and 3 of a round for all workers of a cohort.
class BoundEstimator {
 public:
  virtual ~BoundEstimator() = default;
  /// Leaves every worker's message in its row. The message rows keep their value from round to round and start at zero.
  virtual void run() = 0;
  /// Called after the optimizer's step, before the next round.
  virtual void moved() {}
  /// After a round: the columns that the estimator declares (Component::columns), of all replicas; [R][workers] where
  /// they are per worker. Waits for the result.
  virtual Observations observe() const { return {}; }
};

/// What an honest worker computes from its sample: gradient, momentum, sign, double momentum, local steps.
class Estimator {
 public:
  virtual ~Estimator() = default;
  virtual std::unique_ptr<BoundEstimator> bind(Exec& exec, const EstimatorJob& job) const = 0;
  /// Whether gradients are taken at an average of the iterates, which then needs rows of its own.
  virtual bool averages() const { return false; }
  /// Whether a message follows from the model and the round's samples alone, so that another can compute it again.
  virtual bool repeatable() const { return false; }
  /// What multiplies the learning rate of a round.
  virtual double step_factor(int round) const { return (void)round, 1; }
  /// Padded vectors of d numbers kept per worker beside the message; cohorts are sized with it.
  virtual int rows_per_worker() const { return 0; }
};

}  // namespace gauntlet
