// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/models/model.cuh"

namespace gauntlet {

/// What the network's outputs are measured against. Tables and flags lie in the back end's memory.
struct LossJob {
  int replicas = 0, workers = 0, batch = 0;
  int classes = 0;                              ///< 0: regression, one output
  const std::int32_t* const* labels = nullptr;  ///< R: W·B
  const float* const* targets = nullptr;        ///< R: W·B
  const RoundWindow* flips = nullptr;           ///< R·W, or null
  const int* round = nullptr;                   ///< or null: 0
};

/// Replaces the outputs by the derivative of the worker's mean loss (softmax and cross-entropy, or the square of the
/// error) and writes the loss of every sample. NaN and infinite outputs give NaN, nothing worse.
void loss_and_delta(Exec& exec, const LossJob& job, float* outputs, float* sample_losses);

/// means[u] ← mean of its `batch` sample losses, summed in order.
void mean_losses(Exec& exec, int units, int batch, const float* sample_losses, float* means);

/// Adds to totals[2r] the loss and to totals[2r + 1] the number of right answers of rows [skip, rows) of replica r.
/// `labels` and `targets` belong to row 0 and are shared by all replicas.
void score(Exec& exec, int replicas, int rows, int skip, int classes, const float* outputs, const std::int32_t* labels,
           const float* targets, double* totals);

}  // namespace gauntlet
