// SPDX-License-Identifier: Apache-2.0
#include "src/report/cell_rows.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

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

/// The non-negative integer in a field that this program wrote.
int stored_integer(const CsvRecord& record, std::size_t field, const std::string& source) {
  const std::string& text = record.fields[field];
  int value = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0)
    throw UserError(source + ":" + std::to_string(record.line) + ": '" + text + "' is not a number of cells or rows");
  return value;
}

UserError other_columns(const fs::path& path) {
  return UserError(path.string() + ": the columns are not those that this version of gauntlet writes");
}

/// Calls `store(record)` for every complete row of the file, which has these columns and perhaps others after them.
template <class Store>
void read_rows(const fs::path& path, const std::vector<std::string>& columns, Store store) {
  if (!fs::exists(path)) return;
  const std::string text = read_file(path);
  CsvReader reader(text, path.string(), TornLine::drop);
  CsvRecord record;
  if (!reader.next(record)) return;
  if (!begins_with(record.fields, columns)) throw other_columns(path);
  while (reader.next(record)) store(record);
}

/// Replaces `names` by the first line of the file, if there is one. \throws UserError if it does not begin with them.
void read_header(const fs::path& path, std::vector<std::string>& names) {
  if (!fs::exists(path)) return;
  const std::string text = read_file(path);
  CsvReader reader(text, path.string(), TornLine::drop);
  CsvRecord record;
  if (!reader.next(record)) return;
  if (!begins_with(record.fields, names)) throw other_columns(path);
  names = record.fields;
}

}  // namespace

Headers headers_of(const ObservedColumns& columns) { return {summary_columns(columns), convergence_columns(columns)}; }

Headers read_headers(const fs::path& folder) {
  Headers headers = headers_of(standard_columns());
  read_header(folder / "summary.csv", headers.summary);
  read_header(folder / "convergence.csv", headers.convergence);
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

StoredCells read_cells(const fs::path& folder) {
  StoredCells cells;
  std::map<int, int> promised;  // the rows that convergence.csv must have
  const auto columns = summary_columns();
  const auto field = [&columns](const char* name) {
    return static_cast<std::size_t>(std::find(columns.begin(), columns.end(), name) - columns.begin());
  };
  const std::size_t status = field("status"), evaluations = field("evaluations");
  const fs::path summary = folder / "summary.csv", convergence = folder / "convergence.csv";
  read_rows(summary, columns, [&](const CsvRecord& record) {
    const int cell = stored_integer(record, 0, summary.string());
    cells[cell] = {record.fields[status], std::string(record.text), {}};
    promised[cell] = stored_integer(record, evaluations, summary.string());
  });
  read_rows(convergence, convergence_columns(), [&](const CsvRecord& record) {
    const auto found = cells.find(stored_integer(record, 0, convergence.string()));
    if (found == cells.end()) return;
    found->second.convergence += record.text;
    --promised[found->first];
  });
  for (const auto& [cell, missing] : promised)
    if (missing != 0) cells.erase(cell);
  return cells;
}

void write_cells(const fs::path& folder, const StoredCells& cells, const Headers& headers) {
  std::string summary = CsvWriter().row(headers.summary).text();
  std::string convergence = CsvWriter().row(headers.convergence).text();
  for (const auto& [index, cell] : cells) {
    summary += cell.summary;
    convergence += cell.convergence;
  }
  // A summary row says that its cell is complete, so it must not appear before the cell's convergence rows.
  update_file(folder / "convergence.csv", convergence);
  update_file(folder / "summary.csv", summary);
}

}  // namespace gauntlet
