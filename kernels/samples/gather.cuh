// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "kernels/exec/exec.cuh"

namespace gauntlet {

/// A data set in the back end's memory: images as bytes with a scale and shift per channel, all else as floats.
struct Features {
  std::int64_t count = 0;
  int features = 0, channels = 1;
  const std::uint8_t* bytes = nullptr;  ///< count × features, or null
  const float* values = nullptr;        ///< count × features, or null
  const float* scale = nullptr;         ///< channels; value = byte · scale + shift
  const float* shift = nullptr;
  const std::int32_t* labels = nullptr;  ///< count, classification
  const float* targets = nullptr;        ///< count, regression
};

/// Which samples the workers draw: one stream per distinct seed, shared by all cells of that seed.
struct SampleStreams {
  int streams = 0, workers = 0, batch = 0;
  const std::int32_t* numbers = nullptr;  ///< streams · workers: each worker's own number, which its draws follow
  const std::uint64_t* seeds = nullptr;   ///< streams
  const std::int32_t* const* shards = nullptr;  ///< streams · workers: the sample indices each worker owns
  const std::int32_t* shard_sizes = nullptr;    ///< streams · workers
  const int* round = nullptr;                   ///< the round counter, in the back end's memory
  bool whole = false;                           ///< slot s takes sample s of the shard instead of a random one
  int first_slot = 0;                           ///< slots are counted from here: k · batch for the round's k-th batch
  /// Some workers only, which lie in the back end's memory: unit u of stream s is the one at [first[s] + picks[u]] of
  /// the tables of workers. Null: all of them.
  const std::int32_t* picks = nullptr;  ///< [streams · workers]
  const std::int32_t* first = nullptr;  ///< [streams]
  int server = -1;  ///< the number of the server, whose draws do not depend on how many workers there are; −1: none
};

/// Step 1 of a round. Slot s of the worker with number w takes sample Random(seed, Purpose::sample, w, round, s) of its
/// shard, drawn with replacement; the server's takes sample Random(seed, Purpose::trusted, 0, round, s). Writes
/// (workers · batch) × features inputs and the labels or targets of each stream.
void gather_samples(Exec& exec, const Features& data, const SampleStreams& streams, float* const* inputs,
                    std::int32_t* const* labels, float* const* targets);

/// Rows [first, first + count) of the data, normalised, to `inputs` (count × features).
void gather_range(Exec& exec, const Features& data, std::int64_t first, std::int64_t count, float* inputs);

}  // namespace gauntlet
