// SPDX-License-Identifier: Apache-2.0
#include "src/data/deal.hpp"

#include <cmath>
#include <numeric>
#include <stdexcept>
#include <string_view>

#include "kernels/exec/error.hpp"
#include "src/data/random.hpp"

namespace gauntlet {
namespace {

std::vector<std::vector<std::int32_t>> deal_to_owners(const Dataset& dataset, int receivers) {
  std::vector<std::vector<std::int32_t>> parts(static_cast<std::size_t>(receivers));
  for (std::size_t i = 0; i < dataset.owner.size(); ++i)
    parts.at(static_cast<std::size_t>(dataset.owner[i])).push_back(static_cast<std::int32_t>(i));
  for (const auto& part : parts)
    if (part.empty()) throw std::logic_error("dataset '" + dataset.name + "' was made for fewer workers");
  return parts;
}

/// All training samples in random order.
std::vector<std::int32_t> shuffled(const Dataset& dataset, std::uint64_t seed, std::string_view purpose) {
  std::vector<std::int32_t> indices(static_cast<std::size_t>(dataset.train.count));
  std::iota(indices.begin(), indices.end(), 0);
  Stream(seed, purpose).shuffle(indices);
  return indices;
}

}  // namespace

std::vector<std::vector<std::int32_t>> deal(const Dataset& dataset, const std::string& partition_text,
                                            double train_fraction, int receivers, std::uint64_t seed) {
  const ComponentText text = parse_component(partition_text);
  const auto partition = Registry<Partition>::find(text.name, "partition").create(text, receivers, 0);
  if (!(train_fraction > 0 && train_fraction <= 1))
    throw UserError("task.train_fraction must be above 0 and at most 1, not " + std::to_string(train_fraction));
  if (!dataset.owner.empty()) {
    if (train_fraction < 1)
      throw UserError("task.train_fraction must be 1 for dataset '" + dataset.name + "': its workers own their data");
    return deal_to_owners(dataset, receivers);
  }

  std::vector<std::int32_t> candidates = shuffled(dataset, seed, "deal");
  candidates.resize(static_cast<std::size_t>(std::llround(train_fraction * dataset.train.count)));
  return partition->split(dataset, candidates, receivers, seed);
}

std::vector<std::int32_t> deal_trusted(const Dataset& dataset, int count, std::uint64_t seed) {
  if (count > dataset.train.count)
    throw UserError("trusted_batch = " + std::to_string(count) + " is more than the " +
                    std::to_string(dataset.train.count) + " training samples of dataset '" + dataset.name + "'");
  std::vector<std::int32_t> indices = shuffled(dataset, seed, "trusted");
  indices.resize(static_cast<std::size_t>(count));
  return indices;
}

}  // namespace gauntlet
