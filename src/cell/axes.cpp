// SPDX-License-Identifier: Apache-2.0
#include "src/cell/axes.hpp"

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <type_traits>

#include "kernels/registry/text.hpp"

namespace gauntlet {
namespace {

constexpr double most_workers = 1e6, most_rounds = 1e9, most_samples = 1e9;
constexpr double most_real = std::numeric_limits<float>::max();  // models are kept in floats

Axis component(const char* table, const char* key, Kind kind, std::string Cell::*field, const char* fallback,
               unsigned groups, AxisColumn column, const char* help) {
  Axis axis{table, key, field, {std::string(fallback)}, groups, column, help};
  axis.kind = kind;
  return axis;
}

template <class T>
Axis number(const char* table, const char* key, T Cell::*field, T fallback, double minimum, double maximum,
            unsigned groups, AxisColumn column, const char* help) {
  return {table, key, field, {fallback}, groups, column, help, minimum, maximum};
}

Axis flag(const char* table, const char* key, bool Cell::*field, bool fallback, unsigned groups, AxisColumn column,
          const char* help) {
  return {table, key, field, {fallback}, groups, column, help};
}

std::vector<Axis> make_axes() {
  const char* components = "components as the spec names them";
  const char* with_parameters = "components, with their parameters";

  Axis data_dir{"task",
                "data_dir",
                &Cell::data_dir,
                {std::string()},
                cell_only,
                {},
                "the folder with the data set's files; empty: `$GAUNTLET_DATA`, then `./data`"};
  data_dir.single = true, data_dir.identity = false;

  Axis workers = number("workers", "honest", &Cell::workers, 10, 1, most_workers, cohort | samples,
                        {"n", 6, "workers", "in all", true}, "honest workers");
  workers.other_key = "total", workers.other_help = "all workers, in place of `workers.honest`";

  Axis declared = number("workers", "declared", &Cell::declared, Axis::same, 0, most_workers, cell_only,
                         {"declared_f", 8, "workers", "that the defense believes to be Byzantine"},
                         "the f that the defenses are told, if not the real one");
  declared.word = "same", declared.label = "declared f";

  Axis evaluate_every{"",
                      "evaluate_every",
                      &Cell::evaluate_every,
                      {},
                      cohort,
                      {},
                      "rounds between two evaluations on the test set; the last round always has one",
                      1,
                      most_rounds};
  evaluate_every.single = true, evaluate_every.fallback_help = "a tenth of `rounds`";

  return {
      component("task", "dataset", Kind::dataset, &Cell::dataset, "synthetic-digits", cohort | samples,
                {"dataset", 0, "", components}, "`gauntlet list datasets`"),
      data_dir,
      component("task", "model", Kind::model, &Cell::model, "auto", cohort, {"model", 1, "", components},
                "`gauntlet list models`; auto: `softmax`, `linear` for regression"),
      number("task", "batch", &Cell::batch, 25, 0, most_samples, cohort | samples,
             {"batch", 3, "samples", "per worker and round; 0: all samples of the worker"},
             "samples per worker and round; 0: all that the worker has, as many for each"),
      component("task", "partition", Kind::partition, &Cell::partition, "iid", samples,
                {"partition", 2, "", components}, "`gauntlet list partitions`"),
      flag("task", "byzantine_data", &Cell::byzantine_data, false, cohort | samples,
           {"byzantine_data", 5, "",
            "`true`: Byzantine workers have a part of the data; `false`: only the honest ones do"},
           "`true`: the data is split among all workers; `false`: among the honest ones, and Byzantine workers draw "
           "from all of it"),
      number("task", "train_fraction", &Cell::train_fraction, 1.0, std::numeric_limits<double>::min(), 1, samples,
             {"train_fraction", 4, "share", "of the training set that is used"},
             "share of the training set that is used, in (0, 1]"),
      workers,
      number("workers", "byzantine", &Cell::byzantine, 3, 0, most_workers, cohort | samples,
             {"f", 7, "workers", "that are Byzantine", true}, "Byzantine workers f"),
      declared,
      component("training", "estimator", Kind::estimator, &Cell::estimator, "gradient", cohort,
                {"estimator", 9, "", "what a worker computes from its sample"},
                "what an honest worker sends: `gauntlet list estimators`"),
      component("training", "optimizer", Kind::optimizer, &Cell::optimizer, "sgd", cohort,
                {"optimizer", 10, "", "what the server does with the aggregate"},
                "what the server does with the aggregate: `gauntlet list optimizers`"),
      number("training", "learning_rate", &Cell::learning_rate, 0.1, 0, most_real, cell_only,
             {"learning_rate", 11, "", "at the start"}, "of the server"),
      component("training", "schedule", Kind::schedule, &Cell::schedule, "constant", cell_only,
                {"schedule", 12, "", "how the learning rate changes"},
                "its course over the rounds: `gauntlet list schedules`"),
      number("training", "weight_decay", &Cell::weight_decay, 0.0, 0, most_real, cell_only,
             {"weight_decay", 13, "", "coefficient of the model in the server's gradient"},
             "lambda; lambda x is added to the aggregate"),
      component("training", "protocol", Kind::protocol, &Cell::protocol, "server", cohort,
                {"protocol", 14, "", "who aggregates"}, "who aggregates: `gauntlet list protocols`"),
      number("", "rounds", &Cell::rounds, 200, 1, most_rounds, cohort, {"rounds", 18, "rounds", "asked for"},
             "rounds of training"),
      evaluate_every,
      component("matrix", "attacks", Kind::attack, &Cell::attack, "none", cell_only,
                {"attack", 15, "", with_parameters, true},
                "`gauntlet list attacks`, or `\"all\"`; protocol attacks are joined with `+`"),
      component("matrix", "defenses", Kind::defense, &Cell::defense, "mean", cell_only,
                {"defense", 16, "", with_parameters, true},
                "`gauntlet list defenses`, or `\"all\"` for every rule; pipelines with `|`"),
      number("", "seeds", &Cell::seed, std::uint64_t{0}, 0, 0, samples, {"seed", 17, "", "of everything random", true},
             "a list, or a range such as `\"0..4\"`, both ends included; a seed fixes how the data is dealt, the "
             "model's start, the samples of every round and all other random choices"),
  };
}

}  // namespace

const std::vector<Axis>& axes() {
  static const std::vector<Axis> all = make_axes();
  return all;
}

std::vector<std::string> axis_tables() {
  std::vector<std::string> result = {""};
  for (const Axis& axis : axes())
    if (std::find(result.begin(), result.end(), axis.table) == result.end()) result.push_back(axis.table);
  return result;
}

const std::vector<const Axis*>& column_axes() {
  static const std::vector<const Axis*> all = [] {
    std::vector<const Axis*> result;
    for (const Axis& axis : axes())
      if (axis.column.name != nullptr) result.push_back(&axis);
    std::stable_sort(result.begin(), result.end(),
                     [](const Axis* a, const Axis* b) { return a->column.place < b->column.place; });
    return result;
  }();
  return all;
}

void Axis::set(Cell& cell, const AxisValue& value) const {
  std::visit(
      [&](auto member) {
        using T = std::decay_t<decltype(cell.*member)>;
        cell.*member = std::get<T>(value);
      },
      field);
}

std::string text_of(const AxisValue& value) {
  return std::visit(
      [](const auto& v) -> std::string {
        using T = std::decay_t<decltype(v)>;
        if constexpr (std::is_same_v<T, std::string>) return v;
        if constexpr (std::is_same_v<T, bool>) return v ? "true" : "false";
        if constexpr (std::is_same_v<T, double>) return number_text(v);
        if constexpr (std::is_same_v<T, int> || std::is_same_v<T, std::uint64_t>) return std::to_string(v);
      },
      value);
}

CellKey key_of(const Cell& cell, AxisGroup group) {
  CellKey key;
  for (const Axis& axis : axes())
    if ((axis.groups & group) != 0) key.push_back(axis.of(cell));
  return key;
}

const std::string& component_of(const Cell& cell, Kind kind) {
  for (const Axis& axis : axes())
    if (axis.kind == kind) return cell.*std::get<std::string Cell::*>(axis.field);
  throw std::logic_error("no axis has components of this kind");
}

}  // namespace gauntlet
