// SPDX-License-Identifier: Apache-2.0
#include "src/report/columns.hpp"

#include <algorithm>
#include <set>

#include "src/cell/axes.hpp"
#include "src/cell/catalogue.hpp"

namespace gauntlet {
namespace {

/// A column that is neither an axis nor measured.
struct FixedColumn {
  const char *name, *unit, *text;
};

constexpr FixedColumn index_column = {"cell", "", "number of the cell in the plan, from 0; the same in every shard"};
constexpr FixedColumn round_column = {"round", "rounds", "done when the values were taken"};
constexpr FixedColumn status_columns[] = {
    {"status", "",
     "`ok`; `diverged`: the model left the finite numbers, which is a result; `failed`: an error, run again on resume; "
     "`skipped`: the defense or attack is impossible with these n and f"},
    {"reason", "", "why, unless `ok`"},
    {"evaluations", "rows", "of this cell in `convergence.csv`; a cell with fewer is incomplete and runs again"},
};

constexpr FixedColumn event_fields[] = {
    {"round", "", "in which it happened, from 0, as an attack's `start`"},
    {"check", "", "that found it, as the protocol calls it"},
    {"accuser", "", "number of the peer who accuses, from 0; empty: nobody does"},
    {"accused", "", "likewise of the one who is accused"},
    {"part", "", "likewise of the owner of the part of the vector that it is about"},
    {"verdict", "", "`guilty` or `innocent`: the accused; `both`: accuser and accused"},
    {"banned", "", "numbers of the peers that this event bans, with spaces between them"},
    {"active", "peers", "that are left then"},
    {"byzantine_active", "peers", "of these, Byzantine ones"},
};

/// Adds the component's columns that are not there yet.
void add(ObservedColumns& columns, const Component& component) {
  ObservedColumns more = component.columns;
  if (component.reports_events) more.push_back(events_column());
  for (const ObservedColumn& column : more)
    if (std::none_of(columns.begin(), columns.end(), [&](const auto& known) { return known.name == column.name; }))
      columns.push_back(column);
}

/// What all registered components could add to the standard columns.
ObservedColumns all_columns() {
  ObservedColumns columns = standard_columns();
  for (const Catalogue& catalogue : catalogues())
    for (const Component* component : catalogue.components) add(columns, *component);
  return columns;
}

std::string summary_text(const Metric& metric) {
  const std::string of = "`" + metric.of->name + "`";
  if (!metric.column.text.empty()) return metric.column.text;
  switch (metric.column.reduce) {
    case Reduce::last:
      return of + " at the last evaluation";
    case Reduce::best:
      return "the highest " + of + " of all evaluations";
    case Reduce::mean:
      return "mean of " + of + " over the evaluations";
  }
  return "";
}

/// Rows of a Markdown table; neighbors that mean the same share one.
class Rows {
 public:
  void add(const std::string& name, const std::string& unit, const std::string& text) {
    if (!names_.empty() && (unit != unit_ || text != text_)) flush();
    names_ += (names_.empty() ? "`" : ", `") + name + "`";
    unit_ = unit, text_ = text;
  }
  std::string table() {
    flush();
    return "| column | unit | meaning |\n|---|---|---|\n" + rows_;
  }

 private:
  void flush() {
    rows_ += "| " + names_ + " | " + (unit_.empty() ? "" : unit_ + " ") + "| " + text_ + " |\n";
    names_.clear();
  }

  std::string names_, unit_, text_, rows_;
};

}  // namespace

const ObservedColumns& standard_columns() {
  static const ObservedColumns all = {
      {"train_loss",
       "",
       "mean loss of the honest workers' batches in that round",
       {{"final_train_loss", Reduce::last, "mean loss of the honest workers' last batches at the last evaluation", 3}}},
      {"test_loss",
       "",
       "mean loss on the test set",
       {{"final_test_loss", Reduce::last, "mean loss on the test set at the last evaluation", 2}}},
      {"test_accuracy",
       "share",
       "of the test set that is classified correctly",
       {{"final_accuracy", Reduce::last, "test accuracy at the last evaluation", 0},
        {"best_accuracy", Reduce::best, "the highest test accuracy of all evaluations", 1}}},
      {"aggregate_norm", "", "Euclidean norm of the aggregate"},
      {"aggregate_error",
       "",
       "Euclidean distance of the aggregate and the mean of the honest messages",
       {{"mean_aggregate_error", Reduce::mean, "", 5}}},
      {"aggregate_cosine", "", "cosine of the two", {{"mean_aggregate_cosine", Reduce::mean, "", 6}}},
      {"byzantine_weight",
       "share",
       "of the Byzantine messages in the weights of the aggregate, where it is a weighted mean",
       {{"mean_byzantine_weight", Reduce::mean, "", 7}}},
      {"learning_rate", "", "in that round"},
      {"optimum_distance",
       "",
       "Euclidean distance of model and optimum, where it is known",
       {{"final_optimum_distance", Reduce::last,
         "Euclidean distance of model and optimum at the last evaluation, where the optimum is known", 4}}},
      worker_weights_column(),
      worker_error_rates_column(),
  };
  return all;
}

ObservedColumns columns_of(const std::vector<Cell>& plan) {
  ObservedColumns columns = standard_columns();
  for (const Axis& axis : axes()) {
    if (!axis.kind) continue;
    std::set<std::string> seen;
    for (const Cell& cell : plan) {
      const std::string& text = component_of(cell, *axis.kind);
      if (!seen.insert(text).second || (*axis.kind == Kind::model && text == "auto")) continue;
      for (const ComponentText& component : parse_components(*axis.kind, text))
        add(columns, find_component(*axis.kind, component.name));
    }
  }
  return columns;
}

std::vector<Metric> metrics_of(const ObservedColumns& columns) {
  std::vector<Metric> metrics;
  for (const ObservedColumn& column : columns)
    for (const SummaryColumn& summary : column.summaries) metrics.push_back({summary, &column});
  std::stable_sort(metrics.begin(), metrics.end(),
                   [](const Metric& a, const Metric& b) { return a.column.place < b.column.place; });
  return metrics;
}

std::vector<std::string> axis_columns() {
  std::vector<std::string> names;
  for (const Axis* axis : column_axes()) names.emplace_back(axis->column.name);
  return names;
}

std::vector<std::string> metric_columns(const ObservedColumns& columns) {
  std::vector<std::string> names;
  for (const Metric& metric : metrics_of(columns)) names.push_back(metric.column.name);
  return names;
}

std::vector<std::string> summary_columns(const ObservedColumns& columns) {
  std::vector<std::string> names = {index_column.name};
  for (std::string& name : axis_columns()) names.push_back(std::move(name));
  for (const FixedColumn& column : status_columns) names.emplace_back(column.name);
  for (std::string& name : metric_columns(columns)) names.push_back(std::move(name));
  return names;
}

std::vector<std::string> convergence_columns(const ObservedColumns& columns) {
  std::vector<std::string> names = {index_column.name};
  for (const Axis* axis : column_axes())
    if (axis->column.in_convergence) names.emplace_back(axis->column.name);
  names.emplace_back(round_column.name);
  for (const ObservedColumn& column : columns) names.push_back(column.name);
  return names;
}

std::vector<std::string> event_columns() {
  std::vector<std::string> names = {index_column.name, "seed"};
  for (const FixedColumn& column : event_fields) names.emplace_back(column.name);
  return names;
}

std::string summary_table() {
  Rows rows;
  rows.add(index_column.name, index_column.unit, index_column.text);
  for (const Axis* axis : column_axes()) rows.add(axis->column.name, axis->column.unit, axis->column.text);
  for (const FixedColumn& column : status_columns) rows.add(column.name, column.unit, column.text);
  const ObservedColumns columns = all_columns();
  for (const Metric& metric : metrics_of(columns)) rows.add(metric.column.name, metric.of->unit, summary_text(metric));
  return rows.table();
}

std::string convergence_table() {
  Rows rows;
  rows.add(round_column.name, round_column.unit, round_column.text);
  for (const ObservedColumn& column : all_columns()) rows.add(column.name, column.unit, column.text);
  return rows.table();
}

std::string events_table() {
  Rows rows;
  for (const FixedColumn& column : event_fields) rows.add(column.name, column.unit, column.text);
  return rows.table();
}

}  // namespace gauntlet
