// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "kernels/exec/array.cuh"
#include "kernels/samples/gather.cuh"
#include "src/data/dataset.hpp"

namespace gauntlet {

/// A dataset as an Exec's kernels read it: on CUDA a copy in device memory, on the CPU the dataset itself.
class DeviceData {
 public:
  DeviceData(Exec& exec, std::shared_ptr<const Dataset> dataset);

  const Dataset& dataset() const { return *dataset_; }
  const std::shared_ptr<const Dataset>& shared_dataset() const { return dataset_; }
  const Features& train() const { return train_.features; }
  const Features& test() const { return test_.features; }

 private:
  struct Part {
    Features features;
    Array<std::uint8_t> bytes;
    Array<float> values, targets;
    Array<std::int32_t> labels;
  };
  void place(Exec& exec, const Samples& samples, Part& part);

  std::shared_ptr<const Dataset> dataset_;
  Array<float> scale_, shift_;
  Part train_, test_;
};

}  // namespace gauntlet
