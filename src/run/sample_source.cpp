// SPDX-License-Identifier: Apache-2.0
#include "src/run/sample_source.hpp"

#include <map>
#include <string>

#include "kernels/exec/error.hpp"
#include "src/data/deal.hpp"

namespace gauntlet {
std::vector<std::vector<std::int32_t>> shards_of(const Cell& cell, const Dataset& dataset, int senders, int trusted) {
  const int honest = cell.workers - cell.byzantine;
  auto shards =
      deal(dataset, cell.partition, cell.train_fraction, cell.byzantine_data ? cell.workers : honest, cell.seed);
  std::vector<std::int32_t> all;
  for (const auto& shard : shards) all.insert(all.end(), shard.begin(), shard.end());
  while (static_cast<int>(shards.size()) < senders) shards.push_back(all);
  shards.resize(static_cast<std::size_t>(senders));
  if (trusted > 0) shards.push_back(deal_trusted(dataset, trusted, cell.seed));
  return shards;
}

int common_size(const std::vector<std::vector<std::int32_t>>& shards, int honest, int senders, bool server) {
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
  std::map<std::string, int> known;
  std::vector<std::uint64_t> seeds;
  std::vector<std::vector<std::int32_t>> shards;  // of every stream those of the numbers 0, 1, …
  for (const Cell& cell : cells) {
    const std::string key =
        std::to_string(cell.seed) + "|" + cell.partition + "|" + std::to_string(cell.train_fraction);
    const auto [place, fresh] = known.emplace(key, static_cast<int>(known.size()));
    stream_of_.push_back(place->second);
    if (!fresh) continue;
    seeds.push_back(cell.seed);
    for (auto& shard : shards_of(cell, dataset, roster.senders, roster.trusted)) shards.push_back(std::move(shard));
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
