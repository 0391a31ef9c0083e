// SPDX-License-Identifier: Apache-2.0
#include "src/report/cell_rows.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <tuple>

#include "kernels/exec/error.hpp"
#include "src/cell/axes.hpp"
#include "src/data/atomic_file.hpp"
#include "src/report/csv.hpp"

namespace gauntlet {
namespace fs = std::filesystem;
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

using Evaluations = std::vector<Evaluation>;

double last(const Evaluations& evaluations, const std::string& column) {
  return evaluations.empty() ? nan : evaluations.back()[column];
}

double best(const Evaluations& evaluations, const std::string& column) {
  double result = nan;
  for (const Evaluation& evaluation : evaluations) result = std::fmax(result, evaluation[column]);
  return result;
}

/// The mean of the evaluations where the value applies.
double mean(const Evaluations& evaluations, const std::string& column) {
  double sum = 0;
  int count = 0;
  for (const Evaluation& evaluation : evaluations) {
    const double value = evaluation[column];
    if (std::isnan(value)) continue;
    sum += value;
    ++count;
  }
  return count == 0 ? nan : sum / count;
}

double reduced(const Evaluations& evaluations, const Metric& metric) {
  switch (metric.column.reduce) {
    case Reduce::last:
      return last(evaluations, metric.of->name);
    case Reduce::best:
      return best(evaluations, metric.of->name);
    case Reduce::mean:
      return mean(evaluations, metric.of->name);
  }
  return nan;
}

/// The numbers with spaces between them.
std::string list_text(const std::vector<double>& values) {
  std::string text;
  for (const double value : values) text += (text.empty() ? "" : " ") + csv_number(value);
  return text;
}

void write_axis(CsvWriter& row, const Axis& axis, const Cell& cell) {
  std::visit([&](auto member) { row.field(cell.*member); }, axis.field);
}

/// Whether the first names are these.
bool begins_with(const std::vector<std::string>& names, const std::vector<std::string>& first) {
  return names.size() >= first.size() && std::equal(first.begin(), first.end(), names.begin());
}

/// Reads a table of a results folder row by row: the complete ones, none where the file is missing.
class StoredTable {
 public:
  /// \throws UserError if the file's columns do not begin with these.
  StoredTable(const fs::path& path, const std::vector<std::string>& columns)
      : source_(path.string()),
        text_(fs::exists(path) ? read_file(path) : std::string()),
        reader_(text_, source_, TornLine::drop),
        columns_(columns) {
    if (!next()) return;
    if (!begins_with(record_.fields, columns))
      throw UserError(source_ + ": the columns are not those that this version of gauntlet writes");
    columns_ = record_.fields;
  }
  StoredTable(const StoredTable&) = delete;
  StoredTable& operator=(const StoredTable&) = delete;

  const std::vector<std::string>& columns() const { return columns_; }  ///< of the file, if it has any
  bool next() { return reader_.next(record_); }
  std::string_view row() const { return record_.text; }  ///< with its line end
  /// Empty also where there is no such column.
  std::string field(const std::string& column) const {
    const auto found = std::find(columns_.begin(), columns_.end(), column);
    return found == columns_.end() ? "" : record_.fields[static_cast<std::size_t>(found - columns_.begin())];
  }
  /// The non-negative integer in a field that this program wrote; 1e+05 is one, too.
  int integer(const std::string& column) const {
    const std::string text = field(column);
    double value = -1;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() ||
        !(value >= 0 && value <= std::numeric_limits<int>::max() && value == std::floor(value)))
      throw UserError(source_ + ":" + std::to_string(record_.line) + ": '" + text +
                      "' is not a number of cells or rows");
    return static_cast<int>(value);
  }

 private:
  std::string source_, text_;
  CsvReader reader_;
  CsvRecord record_;
  std::vector<std::string> columns_;
};

bool has_events(const std::vector<std::string>& summary) {
  return std::find(summary.begin(), summary.end(), events_column().name) != summary.end();
}

}  // namespace

Headers headers_of(const ObservedColumns& columns) {
  Headers headers{summary_columns(columns), convergence_columns(columns), {}};
  if (has_events(headers.summary)) headers.events = event_columns();
  return headers;
}

Headers read_headers(const fs::path& folder) {
  Headers headers;
  headers.summary = StoredTable(folder / "summary.csv", summary_columns()).columns();
  headers.convergence = StoredTable(folder / "convergence.csv", convergence_columns()).columns();
  if (has_events(headers.summary)) headers.events = StoredTable(folder / "events.csv", event_columns()).columns();
  return headers;
}

const char* to_string(CellStatus status) {
  switch (status) {
    case CellStatus::ok:
      return "ok";
    case CellStatus::diverged:
      return "diverged";
    case CellStatus::failed:
      return "failed";
    case CellStatus::skipped:
      return "skipped";
  }
  return "";
}

std::string summary_row(const Cell& cell, const CellResult& result, const ObservedColumns& columns) {
  CsvWriter row;
  row.field(cell.index);
  for (const Axis* axis : column_axes()) write_axis(row, *axis, cell);
  row.field(to_string(result.status)).field(result.reason).field(result.evaluations.size());
  for (const Metric& metric : metrics_of(columns)) row.field(reduced(result.evaluations, metric));
  return row.end_row().text();
}

std::string convergence_rows(const Cell& cell, const CellResult& result, const ObservedColumns& columns) {
  CsvWriter rows;
  for (const Evaluation& evaluation : result.evaluations) {
    rows.field(cell.index);
    for (const Axis* axis : column_axes())
      if (axis->column.in_convergence) write_axis(rows, *axis, cell);
    rows.field(evaluation.round);
    for (const ObservedColumn& column : columns) {
      const auto found = evaluation.values.find(column.name);
      rows.field(found == evaluation.values.end() ? "" : list_text(found->second));
    }
    rows.end_row();
  }
  return rows.text();
}

std::string event_rows(const Cell& cell, const CellResult& result) {
  CsvWriter rows;
  for (const ProtocolEvent& event : result.events) {
    rows.field(cell.index).field(cell.seed).field(event.round).field(event.check);
    for (const int peer : {event.accuser, event.accused, event.part}) peer < 0 ? rows.field("") : rows.field(peer);
    rows.field(event.verdict).field(list_text({event.banned.begin(), event.banned.end()}));
    rows.field(event.active).field(event.byzantine_active).end_row();
  }
  return rows.text();
}

StoredCells read_cells(const fs::path& folder) {
  StoredCells cells;
  std::map<int, int> evaluations, events;  // by cell: the rows that are still to be found
  StoredTable summary(folder / "summary.csv", summary_columns());
  while (summary.next()) {
    const int cell = summary.integer("cell");
    cells[cell] = {summary.field("status"), std::string(summary.row()), {}, {}};
    evaluations[cell] = summary.integer("evaluations");
    events[cell] = summary.field(events_column().name).empty() ? 0 : summary.integer(events_column().name);
  }
  const auto collect = [&cells](StoredTable table, std::string StoredCell::*rows, std::map<int, int>& missing) {
    while (table.next()) {
      const auto found = cells.find(table.integer("cell"));
      if (found == cells.end()) continue;
      found->second.*rows += table.row();
      --missing[found->first];
    }
  };
  collect({folder / "convergence.csv", convergence_columns()}, &StoredCell::convergence, evaluations);
  if (has_events(summary.columns())) collect({folder / "events.csv", event_columns()}, &StoredCell::events, events);
  for (const auto* missing : {&evaluations, &events})
    for (const auto& [cell, rows] : *missing)
      if (rows != 0) cells.erase(cell);
  return cells;
}

void write_cells(const fs::path& folder, const StoredCells& cells, const Headers& headers) {
  // A summary row says that its cell is complete, so it must not appear before the cell's other rows.
  const std::tuple<const char*, const std::vector<std::string>&, std::string StoredCell::*> tables[] = {
      {"events.csv", headers.events, &StoredCell::events},
      {"convergence.csv", headers.convergence, &StoredCell::convergence},
      {"summary.csv", headers.summary, &StoredCell::summary}};
  for (const auto& [name, header, rows] : tables) {
    if (header.empty()) continue;
    std::string text = CsvWriter().row(header).text();
    for (const auto& [index, cell] : cells) text += cell.*rows;
    update_file(folder / name, text);
  }
}

}  // namespace gauntlet
