// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "kernels/registry/observer.hpp"
#include "src/cell/cell.hpp"

namespace gauntlet {

using ObservedColumns = std::vector<ObservedColumn>;

/// What every run observes of every cell; each results folder has these columns.
const ObservedColumns& standard_columns();

/// The standard columns, then those that the components of the cells declare beside them, by kind and in plan order.
ObservedColumns columns_of(const std::vector<Cell>& plan);

/// Column names of the two main tables, in file order. results/README.md describes every one.
std::vector<std::string> axis_columns();  ///< the axes of a cell, a part of summary_columns()
std::vector<std::string> metric_columns(const ObservedColumns& columns = standard_columns());  ///< likewise its results
std::vector<std::string> summary_columns(const ObservedColumns& columns = standard_columns());  ///< a row per cell
std::vector<std::string> convergence_columns(
    const ObservedColumns& columns = standard_columns());  ///< a row per cell and evaluation

/// A row per event of a cell, in folders whose summary has the column `events` (events_column).
std::vector<std::string> event_columns();

/// A column of summary.csv with what it is made from.
struct Metric {
  SummaryColumn column;
  const ObservedColumn* of;
};
/// In the order of the file. The observed columns must outlive the metrics.
std::vector<Metric> metrics_of(const ObservedColumns& columns);

/// Markdown tables of the columns of summary.csv and, from the round on, of convergence.csv and events.csv: name, unit,
/// meaning. Those that registered components declare are there too.
std::string summary_table();
std::string convergence_table();
std::string events_table();

}  // namespace gauntlet
