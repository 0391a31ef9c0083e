// SPDX-License-Identifier: Apache-2.0

#include "src/plan/plan.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>

#include "src/plan/components.hpp"
#include "src/spec/spec.hpp"

namespace gauntlet {
namespace {

constexpr std::size_t most_cells = 1'000'000;

/// One axis of the matrix: how many values it has, and how a cell gets one of them.
struct Axis {
  std::size_t size;
  std::function<void(Cell&, std::size_t)> set;
};

template <class T, class Field>
Axis axis(const std::vector<T>& values, Field Cell::*field) {
  return {values.size(), [&values, field](Cell& cell, std::size_t i) { cell.*field = static_cast<Field>(values[i]); }};
}

Axis axis(const std::vector<Written>& values, std::string Cell::*field) {
  return {values.size(), [&values, field](Cell& cell, std::size_t i) { cell.*field = values[i].text; }};
}

/// All axes, slowest first.
std::vector<Axis> axes(const Spec& spec) {
  return {axis(spec.datasets, &Cell::dataset),
          axis(spec.models, &Cell::model),
          axis(spec.batches, &Cell::batch),
          axis(spec.partitions, &Cell::partition),
          axis(spec.byzantine_data, &Cell::byzantine_data),
          axis(spec.train_fractions, &Cell::train_fraction),
          axis(spec.workers, &Cell::workers),
          axis(spec.byzantine, &Cell::byzantine),
          axis(spec.declared, &Cell::declared),
          axis(spec.estimators, &Cell::estimator),
          axis(spec.optimizers, &Cell::optimizer),
          axis(spec.learning_rates, &Cell::learning_rate),
          axis(spec.schedules, &Cell::schedule),
          axis(spec.weight_decays, &Cell::weight_decay),
          axis(spec.protocols, &Cell::protocol),
          axis(spec.rounds, &Cell::rounds),
          axis(spec.attacks, &Cell::attack),
          axis(spec.defenses, &Cell::defense),
          axis(spec.seeds, &Cell::seed)};
}

std::string for_n_and_f(int n, int f) { return " (n = " + std::to_string(n) + ", f = " + std::to_string(f) + ")"; }

/// Where each kind of component stands in a spec and in a cell.
struct Place {
  Kind kind;
  std::vector<Written> Spec::*axis;
  std::string Cell::*field;
};

constexpr Place places[] = {
    {Kind::dataset, &Spec::datasets, &Cell::dataset},       {Kind::model, &Spec::models, &Cell::model},
    {Kind::partition, &Spec::partitions, &Cell::partition}, {Kind::estimator, &Spec::estimators, &Cell::estimator},
    {Kind::optimizer, &Spec::optimizers, &Cell::optimizer}, {Kind::schedule, &Spec::schedules, &Cell::schedule},
    {Kind::protocol, &Spec::protocols, &Cell::protocol},    {Kind::attack, &Spec::attacks, &Cell::attack},
    {Kind::defense, &Spec::defenses, &Cell::defense},
};

/// Makes the components of cells.
class Checker {
 public:
  explicit Checker(const Spec& spec) {
    for (const Place& place : places)
      for (const Written& value : spec.*place.axis) where_[{place.kind, value.text}] = value.where;
  }

  /// Gives the cell its parts, or says in `skipped` why it cannot run. \throws UserError for a parameter's value, with
  /// its place in the spec.
  void operator()(Cell& cell) {
    cell.skipped = unmet(cell);
    if (!cell.skipped.empty()) return;
    const auto parts = maker_.parts(cell);
    cell.skipped = parts->protocol->unmet(parts->attack.get(), *parts->defense);
    if (cell.skipped.empty()) cell.parts = parts;
  }

  /// The base rate that the cell's optimizer brings along (`adam(learning_rate=0.001)`); NaN where the task's holds.
  double own_rate(const Cell& cell) {
    const auto made = std::static_pointer_cast<const Optimizer>(one(Kind::optimizer, cell).product);
    return made == nullptr ? NAN : made->learning_rate;
  }

  /// `spec.toml:12:13: ` of the component that the first cell cannot run with; empty if there is none.
  const std::string& first_place() const { return first_place_; }

 private:
  std::string unmet(const Cell& cell) {
    const int n = cell.workers;
    if (cell.byzantine >= n) return "no worker is honest" + for_n_and_f(n, cell.byzantine);
    if (cell.declared >= n) return "no worker would be honest as declared" + for_n_and_f(n, cell.declared);
    for (const Place& place : places) {
      const std::string& reason = one(place.kind, cell).unmet;
      if (reason.empty()) continue;
      const std::string& where = where_[{place.kind, cell.*place.field}];
      if (cell.index == 0 && !where.empty()) first_place_ = where + ": ";
      return reason;
    }
    return "";
  }

  const ComponentMaker::Made& one(Kind kind, const Cell& cell) {
    try {
      return maker_.made(kind, cell);
    } catch (const UserError& error) {
      const auto where = where_.find({kind, component_of(cell, kind)});
      throw UserError(where == where_.end() ? error.what() : where->second + ": " + error.what());
    }
  }

  ComponentMaker maker_;
  std::map<std::pair<Kind, std::string>, std::string> where_;
  std::string first_place_;
};

std::size_t number_of_cells(const std::vector<Axis>& axes) {
  std::size_t cells = 1;
  for (const Axis& axis : axes) {
    if (axis.size == 0) throw UserError("the matrix is empty: an axis of the spec has no values");
    if (axis.size > most_cells / cells)
      throw UserError("the matrix has more than " + std::to_string(most_cells) + " cells; shorten an axis or split it");
    cells *= axis.size;
  }
  return cells;
}

}  // namespace

std::vector<Cell> make_plan(const Spec& spec) {
  const std::vector<Axis> all_axes = axes(spec);
  const std::size_t number = number_of_cells(all_axes);
  Checker check(spec);
  std::vector<Cell> cells;
  bool any_runs = false;
  for (std::size_t i = 0; i < number; ++i) {
    Cell cell;
    cell.index = static_cast<int>(cells.size());
    cell.data_dir = spec.data_dir;
    cell.evaluate_every = spec.evaluate_every;
    std::size_t rest = i;
    for (auto axis = all_axes.rbegin(); axis != all_axes.rend(); ++axis) {
      axis->set(cell, rest % axis->size);
      rest /= axis->size;
    }
    if (!spec.total) cell.workers += cell.byzantine;
    if (cell.declared == Spec::same) {
      cell.declared = cell.byzantine;
      // Where the axis lists that number as well, the cell is there already.
      if (std::count(spec.declared.begin(), spec.declared.end(), cell.declared) != 0) continue;
    }
    check(cell);
    if (const double own = check.own_rate(cell); !std::isnan(own)) {
      // One cell, however many rates the axis has for the others.
      if (cell.learning_rate != spec.learning_rates.front()) continue;
      cell.learning_rate = own;
    }
    any_runs = any_runs || cell.skipped.empty();
    cells.push_back(std::move(cell));
  }
  if (!any_runs)
    throw UserError(check.first_place() + "the matrix is empty: all its cells are skipped, the first as " +
                    cells.at(0).skipped);
  return cells;
}

}  // namespace gauntlet
