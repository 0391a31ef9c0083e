// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "kernels/exec/exec.cuh"
#include "src/cell/cell.hpp"
#include "src/report/timing.hpp"

namespace gauntlet {

/// What the runner tells its caller; called by one thread at a time.
struct RunnerHooks {
  std::function<void(const Cell&, const CellResult&)> finished;  ///< a cell is done; may throw to end the run
  std::function<void(std::int64_t cell_rounds)> advanced;
  std::function<void(const std::string&)> message;  ///< what a user should know, once
  const std::atomic<bool>* stop = nullptr;
};

/// Runs cells to the end: on CUDA in cohorts as large as memory allows, on the CPU one cell per thread. A cell that
/// throws becomes a failed result and the others go on; a lost device, or what hooks.finished throws, ends the run and
/// is passed on. Returns the time of every step of the rounds.
std::vector<TimingRow> run_cells(const DeviceChoice& device, int threads, std::vector<Cell> cells,
                                 const RunnerHooks& hooks);

/// Loads the data, makes the model and deals the samples of every cell that is to run, so that a user's error shows
/// before anything is written. A cell whose model has too few parameters for its protocol is skipped from then on; only
/// with the data is that known. Returns the checksums of the datasets that are the same for all seeds, by their name in
/// the spec. \throws UserError.
std::map<std::string, std::string> check_cells(std::vector<Cell>& cells);

/// Threads that run cells on the CPU: $GAUNTLET_THREADS, or one for each processor.
int default_threads();

}  // namespace gauntlet
