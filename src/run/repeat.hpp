// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "kernels/estimators/estimator.cuh"
#include "kernels/protocols/protocol.cuh"
#include "src/run/sample_source.hpp"

namespace gauntlet {

/// Computes some workers' messages of the round again, at the same models and from the same samples, for a protocol
/// that compares. Costs what these workers' gradients cost.
class Repeat {
 public:
  /// `job` is that of the cohort's estimator; every cell has one model.
  Repeat(Exec& exec, const std::vector<Cell>& cells, const Estimator& estimator, EstimatorJob job,
         const SampleSource& samples, std::shared_ptr<const DeviceData> data, const BoundProtocol& protocol);
  void run();

 private:
  Exec& exec_;
  std::shared_ptr<const DeviceData> data_;
  SampleStreams streams_;
  Array<std::int32_t> first_, labels_;
  Array<std::uint64_t> seeds_;
  Array<float> inputs_, targets_, losses_;
  Array<float*> input_table_, target_table_;
  Array<std::int32_t*> label_table_;
  std::unique_ptr<BoundEstimator> estimator_;
};

}  // namespace gauntlet
