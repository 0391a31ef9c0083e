// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "src/cell/cell.hpp"
#include "src/report/columns.hpp"

namespace gauntlet {

/// The first lines of the tables that hold cells.
struct Headers {
  std::vector<std::string> summary, convergence;
  std::vector<std::string> events;  ///< empty: no protocol of the plan reports any, and there is no such file

  friend bool operator==(const Headers& a, const Headers& b) {
    return a.summary == b.summary && a.convergence == b.convergence && a.events == b.events;
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
std::string event_rows(const Cell& cell, const CellResult& result);

/// One cell as the files hold it: its rows are kept as bytes, so that copying them cannot change a number.
struct StoredCell {
  std::string status;  ///< as to_string gives it
  std::string summary, convergence, events;

  friend bool operator==(const StoredCell& a, const StoredCell& b) {
    return a.status == b.status && a.summary == b.summary && a.convergence == b.convergence && a.events == b.events;
  }
};
using StoredCells = std::map<int, StoredCell>;  // by Cell::index

/// The complete cells of a results folder. A cell is complete when its summary row, which is written last, stands
/// in summary.csv and convergence.csv and, where there are events, events.csv have as many rows of it as that row says;
/// all else (a torn last line, rows of a cell that was interrupted) is passed over. Missing files hold no cells.
/// \throws UserError for files whose columns do not begin with the standard ones, and for malformed rows.
StoredCells read_cells(const std::filesystem::path& folder);

/// Writes the tables of the headers in cell order, each atomically. \throws UserError naming the file.
void write_cells(const std::filesystem::path& folder, const StoredCells& cells, const Headers& headers);

}  // namespace gauntlet
