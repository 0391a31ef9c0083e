// SPDX-License-Identifier: Apache-2.0
#include "src/run/sample_source.hpp"

#include <map>
#include <mutex>
#include <string>
#include <tuple>

#include "kernels/exec/error.hpp"
#include "src/cell/axes.hpp"
#include "src/data/deal.hpp"

namespace gauntlet {

namespace {

/// Cells that draw the same samples, and whoever checks them before, share what was dealt. Kept are some 64 MB of it.
class DealtShards {
 public:
  std::shared_ptr<const Shards> of(const Cell& cell, const std::shared_ptr<const Dataset>& dataset) {
    const int receivers = cell.byzantine_data ? cell.workers : cell.workers - cell.byzantine;
    const Key key(dataset, cell.partition, cell.train_fraction, receivers, cell.seed);
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (const auto found = kept_.find(key); found != kept_.end()) return found->second;
    }
    auto shards =
        std::make_shared<const Shards>(deal(*dataset, cell.partition, cell.train_fraction, receivers, cell.seed));
    const std::lock_guard<std::mutex> lock(mutex_);
    if (samples_ > most_samples) kept_.clear(), samples_ = 0;
    if (kept_.emplace(key, shards).second)
      for (const auto& shard : *shards) samples_ += shard.size();
    return shards;
  }

 private:
  using Key = std::tuple<std::shared_ptr<const Dataset>, std::string, double, int, std::uint64_t>;
  static constexpr std::size_t most_samples = std::size_t{1} << 24;

  std::mutex mutex_;
  std::map<Key, std::shared_ptr<const Shards>> kept_;
  std::size_t samples_ = 0;
};

}  // namespace

Shards shards_of(const Cell& cell, const std::shared_ptr<const Dataset>& dataset, int senders, int trusted) {
  static DealtShards dealt;
  Shards shards = *dealt.of(cell, dataset);
  std::vector<std::int32_t> all;
  if (static_cast<int>(shards.size()) < senders)
    for (const auto& shard : shards) all.insert(all.end(), shard.begin(), shard.end());
  shards.resize(static_cast<std::size_t>(senders), all);
  if (trusted > 0) shards.push_back(deal_trusted(*dataset, trusted, cell.seed));
  return shards;
}

int common_size(const Shards& shards, int honest, int senders, bool server) {
  for (std::size_t i = 0; i < shards.size(); ++i) {
    if (shards[i].size() == shards.front().size()) continue;
    const int worker = static_cast<int>(i) % (senders + server);
    throw UserError("task.batch = 0 (all samples) needs workers with equally many samples; here one has " +
                    std::to_string(shards.front().size()) + " and " +
                    (worker < honest    ? "another "
                     : worker < senders ? "a Byzantine one, which computes its message under this attack, "
                                        : "the server (trusted_batch) ") +
                    std::to_string(shards[i].size()));
  }
  return static_cast<int>(shards.front().size());
}

namespace {

template <class T>
std::vector<T*> split(Array<T>& values, std::size_t stride) {
  std::vector<T*> parts;
  for (std::size_t at = 0; at < values.size(); at += stride) parts.push_back(values.data() + at);
  return parts;
}

}  // namespace

SampleSource::SampleSource(Exec& exec, const std::vector<Cell>& cells, const Roster& roster,
                           std::shared_ptr<const DeviceData> data, const int* round)
    : exec_(exec), data_(std::move(data)), models_(roster.models) {
  const Dataset& dataset = data_->dataset();
  std::map<CellKey, int> known;
  std::vector<std::uint64_t> seeds;
  Shards shards;  // of every stream those of the numbers 0, 1, …
  for (const Cell& cell : cells) {
    const auto [place, fresh] = known.emplace(key_of(cell, AxisGroup::samples), static_cast<int>(known.size()));
    stream_of_.push_back(place->second);
    if (!fresh) continue;
    seeds.push_back(cell.seed);
    for (auto& shard : shards_of(cell, data_->shared_dataset(), roster.senders, roster.trusted))
      shards.push_back(std::move(shard));
  }
  streams_.streams = static_cast<int>(known.size());
  const std::vector<int> numbers = roster.numbers();
  streams_.workers = static_cast<int>(numbers.size());
  streams_.server = roster.server();
  streams_.whole = cells.front().batch == 0;
  streams_.batch =
      streams_.whole ? common_size(shards, roster.honest, roster.senders, roster.trusted > 0) : cells.front().batch;
  streams_.round = round;

  std::vector<std::int32_t> values, sizes, all_numbers;
  std::vector<std::size_t> offsets, starts;
  for (const auto& shard : shards) {
    starts.push_back(values.size());
    values.insert(values.end(), shard.begin(), shard.end());
  }
  const std::size_t per_stream = shards.size() / known.size();
  for (std::size_t stream = 0; stream < known.size(); ++stream)
    for (const int number : numbers) {
      const std::size_t shard = stream * per_stream + static_cast<std::size_t>(number);
      offsets.push_back(starts[shard]);
      sizes.push_back(static_cast<std::int32_t>(shards[shard].size()));
      all_numbers.push_back(number);
    }
  seeds_ = Array<std::uint64_t>(exec, seeds);
  shard_values_ = Array<std::int32_t>(exec, values);
  shard_sizes_ = Array<std::int32_t>(exec, sizes);
  std::vector<const std::int32_t*> table;
  for (const std::size_t offset : offsets) table.push_back(shard_values_.data() + offset);
  shard_table_ = Array<const std::int32_t*>(exec, table);
  numbers_ = Array<std::int32_t>(exec, all_numbers);
  streams_.seeds = seeds_.data();
  streams_.numbers = numbers_.data();
  streams_.shards = shard_table_.data();
  streams_.shard_sizes = shard_sizes_.data();

  const auto samples = static_cast<std::size_t>(streams_.workers) * streams_.batch;
  input_values_ = Array<float>(exec, known.size() * samples * dataset.features);
  if (dataset.classes > 0)
    label_values_ = Array<std::int32_t>(exec, known.size() * samples);
  else
    target_values_ = Array<float>(exec, known.size() * samples);
  input_table_ = Array<float*>(exec, split(input_values_, samples * dataset.features));
  label_table_ = Array<std::int32_t*>(exec, split(label_values_, samples));
  target_table_ = Array<float*>(exec, split(target_values_, samples));
  const std::size_t share = samples / static_cast<std::size_t>(models_);
  input_rows_ = split(input_values_, share * dataset.features);
  label_rows_ = split(label_values_, share);
  target_rows_ = split(target_values_, share);
}

void SampleSource::draw(int k) {
  if (k > 0 && streams_.whole) return;
  SampleStreams drawn = streams_;
  drawn.first_slot = k * streams_.batch;
  gather_samples(exec_, data_->train(), drawn, input_table_.data(), label_table_.data(), target_table_.data());
}

}  // namespace gauntlet
