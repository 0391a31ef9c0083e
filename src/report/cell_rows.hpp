// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "src/cell/cell.hpp"
#include "src/report/columns.hpp"

namespace gauntlet {

/// The first lines of the two main tables.
struct Headers {
  std::vector<std::string> summary, convergence;

  friend bool operator==(const Headers& a, const Headers& b) {
    return a.summary == b.summary && a.convergence == b.convergence;
  }
};
Headers headers_of(const ObservedColumns& columns);
/// Of a results folder; the standard ones where a file is missing. \throws UserError if they do not begin with those.
Headers read_headers(const std::filesystem::path& folder);

const char* to_string(CellStatus status);

/// The rows of one cell, with line ends.
std::string summary_row(const Cell& cell, const CellResult& result,
                        const ObservedColumns& columns = standard_columns());
std::string convergence_rows(const Cell& cell, const CellResult& result,
                             const ObservedColumns& columns = standard_columns());

/// One cell as the files hold it: its rows are kept as bytes, so that copying them cannot change a number.
struct StoredCell {
  std::string status;  ///< as to_string gives it
  std::string summary, convergence;
};
using StoredCells = std::map<int, StoredCell>;  // by Cell::index

/// The complete cells of a results folder. A cell is complete when its summary row, which is written last, stands
/// in summary.csv and convergence.csv has as many rows of it as that row says; all else (a torn last line, rows
/// of a cell that was interrupted) is passed over. Missing files hold no cells.
/// \throws UserError for files whose columns do not begin with the standard ones, and for malformed rows.
StoredCells read_cells(const std::filesystem::path& folder);

/// Writes summary.csv and convergence.csv in cell order, each atomically. \throws UserError naming the file.
void write_cells(const std::filesystem::path& folder, const StoredCells& cells, const Headers& headers);

}  // namespace gauntlet
