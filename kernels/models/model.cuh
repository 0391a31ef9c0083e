// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "kernels/exec/array.cuh"
#include "kernels/exec/round_window.cuh"
#include "kernels/registry/registry.hpp"
#include "kernels/samples/gather.cuh"

namespace gauntlet {

/// What a model must fit: the shape of one sample and of the answer.
struct TaskShape {
  int features = 0;
  int classes = 0;                          ///< 0: regression, one output, squared loss
  int height = 0, width = 0, channels = 0;  ///< of an image, channel last; 0 otherwise
};

/// One gradient evaluation of R replicas (parameter vectors) with W workers each and B samples per worker.
/// Everything lies in the back end's memory and stays where it is for the life of the pass made from it.
struct GradientJob {
  int workers = 0, batch = 0;
  std::vector<const float*> parameters;     ///< R: padded vectors of d numbers
  std::vector<const float*> inputs;         ///< R: (W·B) × features, worker by worker; replicas may share one
  std::vector<const std::int32_t*> labels;  ///< R: W·B, classification
  std::vector<const float*> targets;        ///< R: W·B, regression
  std::vector<RoundWindow> flips;           ///< R·W: rounds in which labels are read as C − 1 − y; empty: none
  const int* round = nullptr;               ///< the round's number; null: 0
  std::vector<float*> gradients;            ///< R·W: padded rows that run() writes
  float* losses = nullptr;                  ///< R·W: mean loss of each worker's batch; may be null
};

/// A prepared gradient evaluation: activations and pointer tables are allocated once.
class GradientPass {
 public:
  virtual ~GradientPass() = default;
  /// row ← beta · row + alpha · ∇ (mean loss of the worker's batch), for every worker. The accumulation happens in the
  /// epilogue of the weight-gradient GEMM, so worker momentum costs no pass of its own. beta = 0 does not read the row.
  virtual void run(float alpha, float beta) = 0;
};

/// Loss and accuracy of one replica on a data set.
struct Score {
  double loss = 0;
  double accuracy = 0;  ///< NaN for regression
};

/// A prepared evaluation of R replicas on the same samples.
class EvaluationPass {
 public:
  virtual ~EvaluationPass() = default;
  virtual std::vector<Score> run() = 0;  ///< waits for the result
};

/// A network as a function of one flat parameter vector, laid out layer by layer as weights (out × in, row-major; a
/// convolution's in is kernel-channel × height × width order of its own choice, documented in conv.cu) then bias.
class Model {
 public:
  virtual ~Model() = default;
  virtual std::int64_t parameters() const = 0;  ///< d
  /// Multiplications and additions of one sample's forward and backward products; what a round costs at least.
  virtual double operations_per_sample() const = 0;
  /// PyTorch's defaults for the layer kinds: weights and biases uniform in ±1/√fan_in. `to` has d numbers.
  virtual void initialize(std::uint64_t seed, float* to) const = 0;
  virtual std::unique_ptr<GradientPass> gradient_pass(Exec& exec, const GradientJob& job) const = 0;
  virtual std::unique_ptr<EvaluationPass> evaluation_pass(Exec& exec, const std::vector<const float*>& parameters,
                                                          const Features& samples) const = 0;
  /// Bytes of activations that a gradient pass over one replica needs; cohorts are sized with it.
  virtual std::size_t bytes_per_replica(int workers, int batch) const = 0;
};

/// A registered kind of model: `mlp(hidden=[100])` becomes a Model once the task's shape is known.
class ModelFamily {
 public:
  virtual ~ModelFamily() = default;
  /// \throws UserError when the model does not fit the task (a cnn on data without images).
  virtual std::unique_ptr<Model> build(const TaskShape& shape) const = 0;
};

}  // namespace gauntlet
