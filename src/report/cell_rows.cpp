// SPDX-License-Identifier: Apache-2.0
#include "src/report/cell_rows.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "kernels/exec/error.hpp"
#include "src/report/atomic_file.hpp"
#include "src/report/csv.hpp"

namespace gauntlet {
namespace fs = std::filesystem;
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

struct Axis {
  const char* name;
  void (*write)(CsvWriter&, const Cell&);
};

const Axis axes[] = {
    {"dataset", [](CsvWriter& row, const Cell& c) { row.field(c.dataset); }},
    {"model", [](CsvWriter& row, const Cell& c) { row.field(c.model); }},
    {"partition", [](CsvWriter& row, const Cell& c) { row.field(c.partition); }},
    {"batch", [](CsvWriter& row, const Cell& c) { row.field(c.batch); }},
    {"train_fraction", [](CsvWriter& row, const Cell& c) { row.field(c.train_fraction); }},
    {"byzantine_data", [](CsvWriter& row, const Cell& c) { row.field(c.byzantine_data); }},
    {"n", [](CsvWriter& row, const Cell& c) { row.field(c.workers); }},
    {"f", [](CsvWriter& row, const Cell& c) { row.field(c.byzantine); }},
    {"declared_f", [](CsvWriter& row, const Cell& c) { row.field(c.declared); }},
    {"estimator", [](CsvWriter& row, const Cell& c) { row.field(c.estimator); }},
    {"optimizer", [](CsvWriter& row, const Cell& c) { row.field(c.optimizer); }},
    {"learning_rate", [](CsvWriter& row, const Cell& c) { row.field(c.learning_rate); }},
    {"schedule", [](CsvWriter& row, const Cell& c) { row.field(c.schedule); }},
    {"weight_decay", [](CsvWriter& row, const Cell& c) { row.field(c.weight_decay); }},
    {"protocol", [](CsvWriter& row, const Cell& c) { row.field(c.protocol); }},
    {"attack", [](CsvWriter& row, const Cell& c) { row.field(c.attack); }},
    {"defense", [](CsvWriter& row, const Cell& c) { row.field(c.defense); }},
    {"seed", [](CsvWriter& row, const Cell& c) { row.field(c.seed); }},
    {"rounds", [](CsvWriter& row, const Cell& c) { row.field(c.rounds); }},
};

using Evaluations = std::vector<Evaluation>;

double last(const Evaluations& evaluations, double Evaluation::*value) {
  return evaluations.empty() ? nan : evaluations.back().*value;
}

double best(const Evaluations& evaluations, double Evaluation::*value) {
  double result = nan;
  for (const Evaluation& evaluation : evaluations) result = std::fmax(result, evaluation.*value);
  return result;
}

/// The mean of the evaluations where the value applies.
double mean(const Evaluations& evaluations, double Evaluation::*value) {
  double sum = 0;
  int count = 0;
  for (const Evaluation& evaluation : evaluations) {
    if (std::isnan(evaluation.*value)) continue;
    sum += evaluation.*value;
    ++count;
  }
  return count == 0 ? nan : sum / count;
}

struct Metric {
  const char* name;
  double (*reduce)(const Evaluations&, double Evaluation::*);
  double Evaluation::*value;
};

const Metric metrics[] = {
    {"final_accuracy", last, &Evaluation::test_accuracy},
    {"best_accuracy", best, &Evaluation::test_accuracy},
    {"final_test_loss", last, &Evaluation::test_loss},
    {"final_train_loss", last, &Evaluation::train_loss},
    {"final_optimum_distance", last, &Evaluation::optimum_distance},
    {"mean_aggregate_error", mean, &Evaluation::aggregate_error},
    {"mean_aggregate_cosine", mean, &Evaluation::aggregate_cosine},
    {"mean_byzantine_weight", mean, &Evaluation::byzantine_weight},
};

struct Observation {
  const char* name;
  double Evaluation::*value;
};

const Observation observations[] = {
    {"train_loss", &Evaluation::train_loss},
    {"test_loss", &Evaluation::test_loss},
    {"test_accuracy", &Evaluation::test_accuracy},
    {"aggregate_norm", &Evaluation::aggregate_norm},
    {"aggregate_error", &Evaluation::aggregate_error},
    {"aggregate_cosine", &Evaluation::aggregate_cosine},
    {"byzantine_weight", &Evaluation::byzantine_weight},
    {"learning_rate", &Evaluation::learning_rate},
    {"optimum_distance", &Evaluation::optimum_distance},
};

/// Numbers of one worker each, in one field.
struct WorkerObservation {
  const char* name;
  std::vector<double> Evaluation::*values;
};

const WorkerObservation worker_observations[] = {
    {"worker_weights", &Evaluation::worker_weights},
    {"worker_error_rates", &Evaluation::worker_error_rates},
};

/// The numbers with spaces between them.
std::string list_text(const std::vector<double>& values) {
  std::string text;
  for (const double value : values) text += (text.empty() ? "" : " ") + csv_number(value);
  return text;
}

template <class Columns>
std::vector<std::string> names(const Columns& columns) {
  std::vector<std::string> result;
  for (const auto& column : columns) result.emplace_back(column.name);
  return result;
}

void append(std::vector<std::string>& names, const std::vector<std::string>& more) {
  names.insert(names.end(), more.begin(), more.end());
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

/// Calls `store(record)` for every complete row of the file.
template <class Store>
void read_rows(const fs::path& path, const std::vector<std::string>& columns, Store store) {
  if (!fs::exists(path)) return;
  const std::string text = read_file(path);
  CsvReader reader(text, path.string(), TornLine::drop);
  CsvRecord record;
  if (!reader.next(record)) return;
  if (record.fields != columns)
    throw UserError(path.string() + ": the columns are not those that this version of gauntlet writes");
  while (reader.next(record)) store(record);
}

}  // namespace

std::vector<std::string> axis_columns() { return names(axes); }
std::vector<std::string> metric_columns() { return names(metrics); }

std::vector<std::string> summary_columns() {
  std::vector<std::string> columns = {"cell"};
  append(columns, axis_columns());
  append(columns, {"status", "reason", "evaluations"});
  append(columns, metric_columns());
  return columns;
}

std::vector<std::string> convergence_columns() {
  std::vector<std::string> columns = {"cell", "n", "f", "attack", "defense", "seed", "round"};
  append(columns, names(observations));
  append(columns, names(worker_observations));
  return columns;
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

std::string summary_row(const Cell& cell, const CellResult& result) {
  CsvWriter row;
  row.field(cell.index);
  for (const Axis& axis : axes) axis.write(row, cell);
  row.field(to_string(result.status)).field(result.reason).field(result.evaluations.size());
  for (const Metric& metric : metrics) row.field(metric.reduce(result.evaluations, metric.value));
  return row.end_row().text();
}

std::string convergence_rows(const Cell& cell, const CellResult& result) {
  CsvWriter rows;
  for (const Evaluation& evaluation : result.evaluations) {
    rows.field(cell.index).field(cell.workers).field(cell.byzantine);
    rows.field(cell.attack).field(cell.defense).field(cell.seed).field(evaluation.round);
    for (const Observation& observation : observations) rows.field(evaluation.*observation.value);
    for (const WorkerObservation& observation : worker_observations)
      rows.field(list_text(evaluation.*observation.values));
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

void write_cells(const fs::path& folder, const StoredCells& cells) {
  std::string summary = CsvWriter().row(summary_columns()).text();
  std::string convergence = CsvWriter().row(convergence_columns()).text();
  for (const auto& [index, cell] : cells) {
    summary += cell.summary;
    convergence += cell.convergence;
  }
  // A summary row says that its cell is complete, so it must not appear before the cell's convergence rows.
  update_file(folder / "convergence.csv", convergence);
  update_file(folder / "summary.csv", summary);
}

}  // namespace gauntlet
