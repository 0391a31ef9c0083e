// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>
#include <vector>

#include "src/cell/cell.hpp"

namespace gauntlet {

/// The results of a cohort's cells, as its rounds go by.
class CohortResults {
 public:
  /// `events`: the protocol reports some, so that evaluations have the column `events`.
  CohortResults(const std::vector<Cell>& cells, bool events);

  /// Per cell, what was found since the last call; before the evaluations that count it.
  void add(const std::vector<std::vector<ProtocolEvent>>& found);
  /// Per cell, what was observed. A cell whose model left the finite numbers ends there: it is diverged, and nothing
  /// that comes later is kept.
  void add(std::vector<Evaluation> evaluations);

  bool running() const { return running_ > 0; }  ///< at least one cell has not ended
  std::vector<CellResult> take() { return std::move(results_); }

 private:
  std::vector<CellResult> results_;
  bool events_;
  int running_;
};

}  // namespace gauntlet
