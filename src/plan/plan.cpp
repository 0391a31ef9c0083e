// SPDX-License-Identifier: Apache-2.0

#include "src/plan/plan.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "src/cell/axes.hpp"
#include "src/cell/components.hpp"
#include "src/spec/spec.hpp"

namespace gauntlet {
namespace {

constexpr std::size_t most_cells = 1'000'000;

std::string for_n_and_f(int n, int f) { return " (n = " + std::to_string(n) + ", f = " + std::to_string(f) + ")"; }

/// Makes the components of cells.
class Checker {
 public:
  explicit Checker(const Spec& spec) {
    for (std::size_t i = 0; i < axes().size(); ++i)
      for (const Written& written : spec.values[i])
        if (axes()[i].kind) where_[{*axes()[i].kind, text_of(written.value)}] = written.where;
  }

  /// Gives the cell its parts, or says in `skipped` why it cannot run. \throws UserError for a parameter's value, with
  /// its place in the spec.
  void operator()(Cell& cell) {
    cell.skipped = unmet(cell);
    if (!cell.skipped.empty()) return;
    const auto parts = maker_.parts(cell);
    cell.skipped = parts->protocol->unmet({parts->attack, parts->defense, cell.seed, cell.attack, cell.defense},
                                          cell.workers, cell.byzantine);
    if (cell.skipped.empty() && parts->protocol->repeats_messages() && !parts->estimator->repeatable())
      cell.skipped = "recompute=true computes messages again, from samples alone: estimator gradient without noise";
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
    for (const Axis& axis : axes()) {
      if (!axis.kind) continue;
      const std::string& reason = one(*axis.kind, cell).unmet;
      if (reason.empty()) continue;
      const std::string& where = where_[{*axis.kind, component_of(cell, *axis.kind)}];
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

std::size_t number_of_cells(const Spec& spec) {
  std::size_t cells = 1;
  for (const auto& values : spec.values) {
    if (values.empty()) throw UserError("the matrix is empty: an axis of the spec has no values");
    if (values.size() > most_cells / cells)
      throw UserError("the matrix has more than " + std::to_string(most_cells) + " cells; shorten an axis or split it");
    cells *= values.size();
  }
  return cells;
}

}  // namespace

std::vector<Cell> make_plan(const Spec& spec) {
  const std::size_t number = number_of_cells(spec);
  const auto& declared = spec.of(&Cell::declared);
  const AxisValue& first_rate = spec.of(&Cell::learning_rate).front().value;
  Checker check(spec);
  std::vector<Cell> cells;
  bool any_runs = false;
  for (std::size_t i = 0; i < number; ++i) {
    Cell cell;
    cell.index = static_cast<int>(cells.size());
    std::size_t rest = i;
    for (std::size_t a = axes().size(); a-- > 0;) {
      const auto& values = spec.values[a];
      axes()[a].set(cell, values[rest % values.size()].value);
      rest /= values.size();
    }
    if (!spec.total) cell.workers += cell.byzantine;
    if (cell.declared == Axis::same) {
      cell.declared = cell.byzantine;
      // Where the axis lists that number as well, the cell is there already.
      if (std::any_of(declared.begin(), declared.end(),
                      [&](const Written& f) { return f.value == AxisValue(cell.declared); }))
        continue;
    }
    check(cell);
    if (const double own = check.own_rate(cell); !std::isnan(own)) {
      // One cell, however many rates the axis has for the others.
      if (AxisValue(cell.learning_rate) != first_rate) continue;
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
