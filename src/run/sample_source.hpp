// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "kernels/exec/array.cuh"
#include "kernels/samples/gather.cuh"
#include "src/cell/cell.hpp"
#include "src/run/device_data.hpp"
#include "src/run/roster.hpp"

namespace gauntlet {

using Shards = std::vector<std::vector<std::int32_t>>;  ///< sample indices of each worker

/// What each of a cell's senders may draw, the honest ones first, and then the server, if it has `trusted` samples.
/// What workers are dealt is remembered. \throws UserError where the data cannot be dealt like that.
Shards shards_of(const Cell& cell, const std::shared_ptr<const Dataset>& dataset, int senders, int trusted);

/// The size of all shards, where every worker's batch is all it has: `honest` honest workers, then others up to
/// `senders`, then perhaps the server, and over again. \throws UserError if they differ.
int common_size(const Shards& shards, int honest, int senders, bool server);

/// The training samples that a cohort's workers draw round by round, one stream for all cells that draw the same.
class SampleSource {
 public:
  /// In every cell the senders draw from their shares of the data, Byzantine ones without data of their own from
  /// everybody's; the server draws from the samples that it holds. `round`: the counter in the back end's memory.
  /// \throws UserError when a whole share is to be a batch and the shares differ in size.
  SampleSource(Exec& exec, const std::vector<Cell>& cells, const Roster& roster, std::shared_ptr<const DeviceData> data,
               const int* round);

  int batch() const { return streams_.batch; }  ///< samples per worker

  /// Step 1 of a round: the round's k-th mini-batch of every worker. A batch of the whole share is always the same.
  void draw(int k);

  /// What is drawn of, and which of the streams is each cell's.
  const SampleStreams& streams() const { return streams_; }
  const std::vector<int>& stream_of() const { return stream_of_; }

  /// Per replica (a model of a cell) where its batch lies, (workers · batch) × features or as long; labels or targets
  /// are empty where the task has none.
  std::vector<const float*> inputs() const { return per_replica(input_rows_); }
  std::vector<const std::int32_t*> labels() const { return per_replica(label_rows_); }
  std::vector<const float*> targets() const { return per_replica(target_rows_); }

 private:
  template <class T>
  std::vector<const T*> per_replica(const std::vector<T*>& rows) const {
    std::vector<const T*> result;
    if (rows.empty()) return result;
    for (const int stream : stream_of_)
      for (int k = 0; k < models_; ++k) result.push_back(rows[static_cast<std::size_t>(stream * models_ + k)]);
    return result;
  }

  Exec& exec_;
  std::shared_ptr<const DeviceData> data_;
  int models_;                  ///< of a cell
  std::vector<int> stream_of_;  ///< per cell
  SampleStreams streams_;
  Array<std::uint64_t> seeds_;
  Array<std::int32_t> shard_values_, shard_sizes_, numbers_, label_values_;
  Array<const std::int32_t*> shard_table_;
  Array<float> input_values_, target_values_;
  std::vector<float*> input_rows_, target_rows_;  ///< [streams][models]
  std::vector<std::int32_t*> label_rows_;
  Array<float*> input_table_, target_table_;
  Array<std::int32_t*> label_table_;
};

}  // namespace gauntlet
