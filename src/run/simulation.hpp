// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "src/cell/cell.hpp"
#include "src/run/cohort.hpp"
#include "src/run/device_data.hpp"

namespace gauntlet {

/// What a running simulation tells and asks its host.
struct SimulationHooks {
  std::function<void(int cells)> round_done = [](int) {};  ///< after each round: how many cells advanced
  const std::atomic<bool>* stop = nullptr;                 ///< set: give up before the next round
  std::function<void(const std::string&)> message = [](const std::string&) {};  ///< what a user should know
};

/// A cohort: cells of one key, with their parts, on one dataset, advancing together round by round on one Exec.
class Simulation {
 public:
  /// \throws UserError when a component cannot be made for this task.
  Simulation(Exec& exec, std::vector<Cell> cells, std::shared_ptr<const DeviceData> data);
  ~Simulation();

  /// Runs all rounds. The results are in the order of the cells; none when stopped. A cell whose model leaves the
  /// finite numbers ends as diverged; the others go on.
  std::vector<CellResult> run(const SimulationHooks& hooks);

  /// Some rounds without evaluation, for benchmarks; waits for the last. The first call also warms up.
  void advance(int rounds);

  std::int64_t parameters() const;  ///< d

  /// What the computing workers sent in the last round: [cells][workers][d].
  std::vector<float> messages() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace gauntlet
