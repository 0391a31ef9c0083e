// SPDX-License-Identifier: Apache-2.0
#include "src/report/table.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "kernels/exec/error.hpp"
#include "kernels/registry/parameters.hpp"
#include "src/report/cell_rows.hpp"
#include "src/report/manifest.hpp"

namespace gauntlet {
namespace {

void check_name(const char* what, const std::string& name, const std::vector<std::string>& known) {
  if (std::find(known.begin(), known.end(), name) != known.end()) return;
  const std::string near = suggestion(name, known);
  std::string all;
  for (const std::string& each : known) all += (all.empty() ? "" : ", ") + each;
  throw UserError("unknown " + std::string(what) + " '" + name + "'" + (near.empty() ? "; known are " + all : near));
}

/// The metrics that the file has: all columns after the number of evaluations.
std::vector<std::string> metrics_in(const CsvTable& summary) {
  const auto first = static_cast<std::ptrdiff_t>(summary.column("evaluations")) + 1;
  return {summary.header.begin() + first, summary.header.end()};
}

/// The first of the usual metrics that any cell has measured.
std::string usual_metric(const CsvTable& summary) {
  for (const char* metric : {"final_accuracy", "final_optimum_distance", "final_test_loss", "final_train_loss"}) {
    const std::size_t column = summary.column(metric);
    for (const auto& row : summary.rows)
      if (!row[column].empty()) return metric;
  }
  return "final_accuracy";
}

/// Whether equal values of column `by` always come with equal values of `column`.
bool follows(const CsvTable& summary, std::size_t column, std::size_t by) {
  std::map<std::string, std::string> value_of;
  for (const auto& row : summary.rows)
    if (value_of.emplace(row[by], row[column]).first->second != row[column]) return false;
  return true;
}

bool varies(const CsvTable& summary, std::size_t column) {
  return std::any_of(summary.rows.begin(), summary.rows.end(),
                     [&](const auto& row) { return row[column] != summary.rows.front()[column]; });
}

/// The position of a value in the list, to whose end it is added if it is new.
std::size_t place(std::vector<std::string>& values, const std::string& value) {
  const auto found = std::find(values.begin(), values.end(), value);
  if (found != values.end()) return static_cast<std::size_t>(found - values.begin());
  values.push_back(value);
  return values.size() - 1;
}

void add_moments(PivotEntry& entry, const std::vector<double>& values) {
  entry.seeds = static_cast<int>(values.size());
  if (values.empty()) return;
  const double count = static_cast<double>(values.size());
  entry.mean = std::accumulate(values.begin(), values.end(), 0.0) / count;
  double squares = 0;
  for (const double value : values) squares += (value - entry.mean) * (value - entry.mean);
  entry.deviation = values.size() > 1 ? std::sqrt(squares / (count - 1)) : 0;
}

/// One table of the given rows of the summary.
Pivot make_pivot(const CsvTable& summary, const std::vector<std::size_t>& members, const TableOptions& options) {
  const std::size_t row_axis = summary.column(options.rows), column_axis = summary.column(options.columns),
                    metric = summary.column(options.metric), status = summary.column("status");
  Pivot table;
  for (const std::size_t row : members) {
    place(table.rows, summary.rows[row][row_axis]);
    place(table.columns, summary.rows[row][column_axis]);
  }
  table.entries.resize(table.rows.size() * table.columns.size());
  std::vector<std::vector<double>> values(table.entries.size());
  for (const std::size_t row : members) {
    const auto& fields = summary.rows[row];
    const std::size_t at =
        place(table.rows, fields[row_axis]) * table.columns.size() + place(table.columns, fields[column_axis]);
    PivotEntry& entry = table.entries[at];
    ++entry.cells;
    entry.diverged += fields[status] == to_string(CellStatus::diverged);
    entry.skipped += fields[status] == to_string(CellStatus::skipped);
    const bool failed = fields[status] == to_string(CellStatus::failed);
    entry.failed += failed;
    const double value = summary.number(row, metric);
    if (!failed && !std::isnan(value)) values[at].push_back(value);
  }
  for (std::size_t i = 0; i < values.size(); ++i) add_moments(table.entries[i], values[i]);
  return table;
}

}  // namespace

std::vector<Pivot> pivot(const CsvTable& summary, TableOptions& options) {
  check_name("axis", options.rows, axis_columns());
  check_name("axis", options.columns, axis_columns());
  if (options.rows == options.columns) throw UserError("rows and columns are the same axis, '" + options.rows + "'");
  if (options.metric.empty()) options.metric = usual_metric(summary);
  check_name("metric", options.metric, metrics_in(summary));

  const std::size_t row_axis = summary.column(options.rows), column_axis = summary.column(options.columns);
  std::vector<std::string> captions;  // the axes that tell the tables apart
  for (const std::string& axis : axis_columns()) {
    const std::size_t column = summary.column(axis);
    if (axis != "seed" && varies(summary, column) && !follows(summary, column, row_axis) &&
        !follows(summary, column, column_axis))
      captions.push_back(axis);
  }

  // Rows stand in the file in the order in which cells finished; tables show the plan's order.
  std::vector<std::size_t> order(summary.rows.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const std::size_t cell = summary.column("cell");
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return summary.number(a, cell) < summary.number(b, cell); });

  using Fixed = std::vector<std::pair<std::string, std::string>>;
  std::vector<Fixed> combinations;
  std::vector<std::vector<std::size_t>> members;
  for (const std::size_t row : order) {
    Fixed fixed;
    for (const std::string& axis : captions) fixed.emplace_back(axis, summary.rows[row][summary.column(axis)]);
    const auto found = std::find(combinations.begin(), combinations.end(), fixed);
    const auto at = static_cast<std::size_t>(found - combinations.begin());
    if (found == combinations.end()) {
      combinations.push_back(fixed);
      members.emplace_back();
    }
    members[at].push_back(row);
  }
  std::vector<Pivot> tables;
  for (std::size_t i = 0; i < combinations.size(); ++i) {
    tables.push_back(make_pivot(summary, members[i], options));
    tables.back().fixed = combinations[i];
  }
  return tables;
}

std::string results_table(const std::filesystem::path& results, TableOptions options) {
  const bool folder = std::filesystem::is_directory(results);
  const std::filesystem::path file = folder ? results / "summary.csv" : results;
  if (folder && !std::filesystem::exists(file))
    throw UserError("'" + results.string() + "' is not a results folder: it has no summary.csv");
  const CsvTable summary = read_csv(file, TornLine::drop);
  if (summary.rows.empty()) throw UserError("'" + file.string() + "' has no cells yet");
  std::string text = render(pivot(summary, options), options);
  const auto manifest = read_manifest(file.parent_path());
  const int missing = manifest ? manifest->cells - static_cast<int>(summary.rows.size()) : 0;
  if (missing > 0 && options.format != TableFormat::csv) {
    const std::string note = "missing cells: " + std::to_string(missing) + " of " + std::to_string(manifest->cells);
    text += "\n" + (options.format == TableFormat::latex ? "% " + note : note) + "\n";
  }
  return text;
}

}  // namespace gauntlet
