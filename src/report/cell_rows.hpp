// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "src/plan/plan.hpp"

namespace gauntlet {

/// Column names of the two main tables, in file order. results/README.md describes every one.
std::vector<std::string> axis_columns();         ///< the axes of a cell, a part of summary_columns()
std::vector<std::string> metric_columns();       ///< the results of a cell, a part of summary_columns()
std::vector<std::string> summary_columns();      ///< one row per cell
std::vector<std::string> convergence_columns();  ///< one row per cell and evaluation

const char* to_string(CellStatus status);

/// The rows of one cell, with line ends.
std::string summary_row(const Cell& cell, const CellResult& result);
std::string convergence_rows(const Cell& cell, const CellResult& result);

/// One cell as the files hold it: its rows are kept as bytes, so that copying them cannot change a number.
struct StoredCell {
  std::string status;  ///< as to_string gives it
  std::string summary, convergence;
};
using StoredCells = std::map<int, StoredCell>;  // by Cell::index

/// The complete cells of a results folder. A cell is complete when its summary row, which is written last, stands
/// in summary.csv and convergence.csv has as many rows of it as that row says; all else (a torn last line, rows
/// of a cell that was interrupted) is passed over. Missing files hold no cells.
/// \throws UserError for files with other columns or malformed rows.
StoredCells read_cells(const std::filesystem::path& folder);

/// Writes summary.csv and convergence.csv in cell order, each atomically. \throws UserError naming the file.
void write_cells(const std::filesystem::path& folder, const StoredCells& cells);

}  // namespace gauntlet
