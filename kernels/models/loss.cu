// SPDX-License-Identifier: Apache-2.0
#include "kernels/models/loss.cuh"

#include <cmath>

#include "kernels/exec/launch.cuh"

namespace gauntlet {
namespace {

/// Where the highest of `classes` scores is; the first among equals.
GAUNTLET_HD inline int highest(const float* scores, int classes) {
  int best = 0;
  for (int c = 1; c < classes; ++c)
    if (scores[c] > scores[best]) best = c;
  return best;
}

/// Σ exp(score − highest): the highest is taken out so that nothing overflows.
GAUNTLET_HD inline float exponential_sum(const float* scores, int classes, float top) {
  float sum = 0;
  for (int c = 0; c < classes; ++c) sum += expf(scores[c] - top);
  return sum;
}

struct CrossEntropy {
  LossJob job;
  float* outputs;
  float* losses;

  GAUNTLET_HD void operator()(std::int64_t row) const {
    const std::int64_t unit = row / job.batch, replica = unit / job.workers;
    const std::int64_t own_row = row - replica * job.workers * job.batch;
    int label = job.labels[replica][own_row];
    const int round = job.round != nullptr ? *job.round : 0;
    if (job.flips != nullptr && job.flips[unit].holds(round)) label = job.classes - 1 - label;
    float* scores = outputs + row * job.classes;
    const float top = scores[highest(scores, job.classes)];
    const float sum = exponential_sum(scores, job.classes, top);
    losses[row] = logf(sum) + top - scores[label];
    const float scale = 1.0f / static_cast<float>(job.batch);
    for (int c = 0; c < job.classes; ++c)
      scores[c] = (expf(scores[c] - top) / sum - (c == label ? 1.0f : 0.0f)) * scale;
  }
};

struct SquaredError {
  LossJob job;
  float* outputs;
  float* losses;

  GAUNTLET_HD void operator()(std::int64_t row) const {
    const std::int64_t replica = row / job.batch / job.workers;
    const float error = outputs[row] - job.targets[replica][row - replica * job.workers * job.batch];
    losses[row] = error * error;
    outputs[row] = 2 * error / static_cast<float>(job.batch);
  }
};

struct Mean {
  int batch;
  const float* losses;
  float* means;

  GAUNTLET_HD void operator()(std::int64_t unit) const {
    double sum = 0;
    for (int i = 0; i < batch; ++i) sum += losses[unit * batch + i];
    means[unit] = static_cast<float>(sum / batch);
  }
};

struct Scores {
  int rows, skip, classes;
  const float* outputs;
  const std::int32_t* labels;
  const float* targets;
  double* totals;

  GAUNTLET_HD double loss(std::int64_t replica, int row) const {
    const float* scores = outputs + (replica * rows + row) * (classes == 0 ? 1 : classes);
    if (classes == 0) {
      const double error = double{scores[0]} - targets[row];
      return error * error;
    }
    const float top = scores[highest(scores, classes)];
    return double{logf(exponential_sum(scores, classes, top))} + top - scores[labels[row]];
  }

  GAUNTLET_HD double right(std::int64_t replica, int row) const {
    return classes != 0 && highest(outputs + (replica * rows + row) * classes, classes) == labels[row] ? 1.0 : 0.0;
  }

  GAUNTLET_HD void operator()(const Team& team, int replica) const {
    const Scores& s = *this;
    const double losses = team.sum(rows - skip, [&](int i) { return s.loss(replica, skip + i); });
    const double correct = team.sum(rows - skip, [&](int i) { return s.right(replica, skip + i); });
    team.once([&] {
      s.totals[2 * replica] += losses;
      s.totals[2 * replica + 1] += correct;
    });
  }
};

}  // namespace

void loss_and_delta(Exec& exec, const LossJob& job, float* outputs, float* sample_losses) {
  const std::int64_t rows = std::int64_t{job.replicas} * job.workers * job.batch;
  if (job.classes == 0) return parallel_for(exec, "squared_error", rows, SquaredError{job, outputs, sample_losses});
  parallel_for(exec, "cross_entropy", rows, CrossEntropy{job, outputs, sample_losses});
}

void mean_losses(Exec& exec, int units, int batch, const float* sample_losses, float* means) {
  parallel_for(exec, "mean_losses", units, Mean{batch, sample_losses, means});
}

void score(Exec& exec, int replicas, int rows, int skip, int classes, const float* outputs, const std::int32_t* labels,
           const float* targets, double* totals) {
  for_teams(exec, "score", replicas, 256, Scores{rows, skip, classes, outputs, labels, targets, totals});
}

}  // namespace gauntlet
