// SPDX-License-Identifier: Apache-2.0
#include "kernels/samples/gather.cuh"

#include "kernels/exec/launch.cuh"
#include "kernels/exec/philox.cuh"

namespace gauntlet {
namespace {

/// One sample as floats, shared out among a team.
GAUNTLET_HD inline void copy_sample(const Team& team, const Features& data, std::int64_t sample,
                                    float* __restrict__ to) {
  const std::int64_t first = sample * data.features;
  if (data.values != nullptr) {
    const float* __restrict__ from = data.values + first;
    for (int j = team.rank(); j < data.features; j += team.size()) to[j] = from[j];
    return;
  }
  const std::uint8_t* __restrict__ from = data.bytes + first;
  if (data.channels == 1) {
    const float scale = data.scale[0], shift = data.shift[0];
    for (int j = team.rank(); j < data.features; j += team.size()) to[j] = static_cast<float>(from[j]) * scale + shift;
    return;
  }
  for (int p = team.rank(); p < data.features / data.channels; p += team.size())
    for (int c = 0; c < data.channels; ++c)
      to[p * data.channels + c] = static_cast<float>(from[p * data.channels + c]) * data.scale[c] + data.shift[c];
}

struct GatherSamples {
  Features data;
  SampleStreams streams;
  float* const* inputs;
  std::int32_t* const* labels;
  float* const* targets;

  GAUNTLET_HD void operator()(const Team& team, int i) const {
    const int place = i % streams.batch, unit = i / streams.batch, slot = streams.first_slot + place;
    const int stream = unit / streams.workers, of_stream = unit % streams.workers;
    const int worker = streams.picks == nullptr ? unit : streams.first[stream] + streams.picks[unit];
    const int number = streams.numbers[worker];
    const auto size = static_cast<std::uint32_t>(streams.shard_sizes[worker]);
    const auto round = static_cast<std::uint32_t>(*streams.round);
    const bool server = number == streams.server;
    const std::uint32_t pick =
        streams.whole ? static_cast<std::uint32_t>(slot) % size
                      : Random(streams.seeds[stream], server ? Purpose::trusted : Purpose::sample,
                               server ? 0 : static_cast<std::uint32_t>(number), round, static_cast<std::uint32_t>(slot))
                            .below(size);
    const std::int32_t sample = streams.shards[worker][pick];
    const std::int64_t row = std::int64_t{of_stream} * streams.batch + place;
    copy_sample(team, data, sample, inputs[stream] + row * data.features);
    if (team.rank() != 0) return;
    if (data.labels != nullptr) labels[stream][row] = data.labels[sample];
    if (data.targets != nullptr) targets[stream][row] = data.targets[sample];
  }
};

struct GatherRange {
  Features data;
  std::int64_t first;
  float* inputs;

  GAUNTLET_HD void operator()(const Team& team, int i) const {
    copy_sample(team, data, first + i, inputs + std::int64_t{i} * data.features);
  }
};

}  // namespace

void gather_samples(Exec& exec, const Features& data, const SampleStreams& streams, float* const* inputs,
                    std::int32_t* const* labels, float* const* targets) {
  for_teams(exec, "gather_samples", streams.streams * streams.workers * streams.batch, 128,
            GatherSamples{data, streams, inputs, labels, targets});
}

void gather_range(Exec& exec, const Features& data, std::int64_t first, std::int64_t count, float* inputs) {
  for_teams(exec, "gather_range", static_cast<int>(count), 128, GatherRange{data, first, inputs});
}

}  // namespace gauntlet
