// SPDX-License-Identifier: Apache-2.0
#include "src/run/repeat.hpp"

namespace gauntlet {

namespace {

/// Pointers to the cells' shares of the values.
template <class T>
std::vector<T*> shares(Array<T>& values, std::size_t cells) {
  std::vector<T*> all;
  for (std::size_t c = 0; c < cells && values.size() > 0; ++c)
    all.push_back(values.data() + c * (values.size() / cells));
  return all;
}

}  // namespace

Repeat::Repeat(Exec& exec, const std::vector<Cell>& cells, const Estimator& estimator, EstimatorJob job,
               const SampleSource& samples, std::shared_ptr<const DeviceData> data, const BoundProtocol& protocol)
    : exec_(exec), data_(std::move(data)), streams_(samples.streams()) {
  const BoundProtocol::Repeats what = protocol.to_repeat();
  const std::size_t count = cells.size(), batch = static_cast<std::size_t>(streams_.batch);
  const std::size_t repeated = count * static_cast<std::size_t>(protocol.repeats()) * batch;
  std::vector<std::int32_t> first;
  std::vector<std::uint64_t> seeds;
  for (std::size_t c = 0; c < count; ++c) {
    first.push_back(samples.stream_of()[c] * streams_.workers);
    seeds.push_back(cells[c].seed);
  }
  first_ = {exec, first}, seeds_ = {exec, seeds};
  streams_.streams = static_cast<int>(count), streams_.workers = protocol.repeats();
  streams_.seeds = seeds_.data();
  streams_.picks = what.workers, streams_.first = first_.data();

  const Dataset& dataset = data_->dataset();
  inputs_ = Array<float>(exec, repeated * static_cast<std::size_t>(dataset.features));
  if (dataset.classes > 0)
    labels_ = Array<std::int32_t>(exec, repeated);
  else
    targets_ = Array<float>(exec, repeated);
  losses_ = Array<float>(exec, what.messages.size());
  const auto inputs = shares(inputs_, count), targets = shares(targets_, count);
  const auto labels = shares(labels_, count);
  input_table_ = {exec, inputs}, target_table_ = {exec, targets}, label_table_ = {exec, labels};

  job.draw_batch = nullptr;
  job.numbers.clear();
  job.gradient.workers = protocol.repeats();
  job.gradient.inputs.assign(inputs.begin(), inputs.end());
  job.gradient.labels.assign(labels.begin(), labels.end());
  job.gradient.targets.assign(targets.begin(), targets.end());
  job.gradient.gradients = what.messages;
  job.gradient.losses = losses_.data();
  job.gradient.flips.clear();  // validators know the labels
  estimator_ = estimator.bind(exec, job);
}

void Repeat::run() {
  gather_samples(exec_, data_->train(), streams_, input_table_.data(), label_table_.data(), target_table_.data());
  estimator_->run();
}

}  // namespace gauntlet
