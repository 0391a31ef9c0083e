// SPDX-License-Identifier: Apache-2.0
#include "src/run/device_data.hpp"

namespace gauntlet {

namespace {

/// The host vector itself on the CPU; on CUDA its copy, kept in `copy`. Null for an empty vector.
template <class T>
const T* place_vector(Exec& exec, const std::vector<T>& host, Array<T>& copy) {
  if (host.empty()) return nullptr;
  if (!exec.cuda()) return host.data();
  copy = Array<T>(exec, host);
  return copy.data();
}

}  // namespace

DeviceData::DeviceData(Exec& exec, std::shared_ptr<const Dataset> dataset) : dataset_(std::move(dataset)) {
  place(exec, dataset_->train, train_);
  place(exec, dataset_->test, test_);
  train_.features.scale = test_.features.scale = place_vector(exec, dataset_->scale, scale_);
  train_.features.shift = test_.features.shift = place_vector(exec, dataset_->shift, shift_);
}

void DeviceData::place(Exec& exec, const Samples& samples, Part& part) {
  part.features.count = samples.count;
  part.features.features = dataset_->features;
  part.features.channels = dataset_->scale.empty() ? 1 : static_cast<int>(dataset_->scale.size());
  part.features.bytes = place_vector(exec, samples.bytes, part.bytes);
  part.features.values = place_vector(exec, samples.values, part.values);
  part.features.labels = place_vector(exec, samples.labels, part.labels);
  part.features.targets = place_vector(exec, samples.targets, part.targets);
}

}  // namespace gauntlet
