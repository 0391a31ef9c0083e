// SPDX-License-Identifier: Apache-2.0
#include "src/run/cohort_results.hpp"

#include <cmath>
#include <string>

namespace gauntlet {

CohortResults::CohortResults(const std::vector<Cell>& cells, bool events)
    : results_(cells.size()), events_(events), running_(static_cast<int>(cells.size())) {
  for (std::size_t c = 0; c < cells.size(); ++c) results_[c].cell = cells[c].index;
}

void CohortResults::add(const std::vector<std::vector<ProtocolEvent>>& found) {
  for (std::size_t c = 0; c < results_.size(); ++c)
    if (results_[c].status == CellStatus::ok)
      results_[c].events.insert(results_[c].events.end(), found[c].begin(), found[c].end());
}

void CohortResults::add(std::vector<Evaluation> evaluations) {
  for (std::size_t c = 0; c < results_.size(); ++c) {
    CellResult& result = results_[c];
    if (result.status != CellStatus::ok) continue;
    result.evaluations.push_back(std::move(evaluations[c]));
    Evaluation& now = result.evaluations.back();
    if (events_) now.values[events_column().name] = {static_cast<double>(result.events.size())};
    if (std::isfinite(now["test_loss"]) && (now.round == 0 || std::isfinite(now["aggregate_norm"]))) continue;
    result.status = CellStatus::diverged;
    result.reason = "not finite at round " + std::to_string(now.round);
    --running_;
  }
}

}  // namespace gauntlet
