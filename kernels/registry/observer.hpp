// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

namespace gauntlet {

/// How summary.csv sums up a column of convergence.csv: its last value, the largest one, or the mean of those that
/// apply.
enum class Reduce { last, best, mean };

/// A column of summary.csv.
struct SummaryColumn {
  std::string name;
  Reduce reduce;
  std::string text = {};  ///< one line; empty: what is reduced, and of which column
  int place = 1000;       ///< among the metrics: in this order, then as declared
};

/// A column of convergence.csv, as whoever measures it declares it: at registration, so that the header and the docs
/// know it without a run.
struct ObservedColumn {
  std::string name, unit, text;               ///< the unit may be empty; the text is one line
  std::vector<SummaryColumn> summaries = {};  ///< of one number per cell
  bool per_worker = false;                    ///< n numbers in one field, honest workers first
};

/// What was measured of some cells, by column: [cells] numbers, or [cells][n] where the column is per worker. NaN: does
/// not apply. A column that is missing applies to none of the cells.
using Observations = std::map<std::string, std::vector<double>>;

/// Of what was observed of some cells, the part of one.
inline Observations of_cell(const Observations& all, int cells, int cell) {
  Observations part;
  for (const auto& [column, values] : all) {
    const auto each = static_cast<std::ptrdiff_t>(values.size()) / cells;
    part[column] = {values.begin() + cell * each, values.begin() + (cell + 1) * each};
  }
  return part;
}

/// What a check of a protocol found: a line of events.csv. Peers by number, −1 for nobody.
struct ProtocolEvent {
  int round = 0;      ///< in which it happened, from 0, as an attack's `start`
  std::string check;  ///< the check that found it
  int accuser = -1, accused = -1;
  int part = -1;                         ///< by the number of the peer who owns it
  std::string verdict;                   ///< guilty, innocent, or both
  std::vector<int> banned;               ///< by this event and not before
  int active = 0, byzantine_active = 0;  ///< peers, and Byzantine ones, that are left then
};

/// Of protocols in which every client has a model: the simulation measures it.
inline ObservedColumn worst_accuracy_column() {
  return {"worst_accuracy",
          "",
          "least test accuracy of an honest client's model",
          {{"final_worst_accuracy", Reduce::last, "least test accuracy of an honest client's model at the end"}}};
}
inline ObservedColumn mean_model_accuracy_column() {
  return {"mean_model_accuracy",
          "",
          "test accuracy of the mean of the honest clients' models",
          {{"final_mean_model_accuracy", Reduce::last}}};
}

/// Of protocols that report events: how many, so that a cell whose rows were not all written is known by it.
inline ObservedColumn events_column() {
  return {"events",
          "rows",
          "of this cell in `events.csv` so far",
          {{"events", Reduce::last, "of this cell in `events.csv`; a cell with fewer is incomplete and runs again"}}};
}

/// The columns of rules that learn how far each worker is to be trusted. Every results folder has them.
inline ObservedColumn worker_weights_column() {
  return {"worker_weights",
          "",
          "what each worker's message weighs in the next round, for rules that learn it (signsgd-fd: averaged over the "
          "coordinates); n numbers with spaces between them, honest workers first",
          {},
          true};
}
inline ObservedColumn worker_error_rates_column() {
  return {"worker_error_rates",
          "share",
          "how often the rule found each worker wrong so far; as `worker_weights`",
          {},
          true};
}

}  // namespace gauntlet
