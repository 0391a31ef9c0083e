// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "src/cell/catalogue.hpp"
#include "src/cell/cell.hpp"

namespace gauntlet {

/// A value that a cell has on an axis.
using AxisValue = std::variant<std::string, int, double, bool, std::uint64_t>;

/// As dry runs and the resolved spec show it: numbers as number_text, `true` or `false`.
std::string text_of(const AxisValue& value);

/// What cells share that have equal values on the axes of a group.
enum AxisGroup : unsigned {
  cell_only = 0,
  cohort = 1,   ///< they advance together
  samples = 2,  ///< their workers draw the same samples
};

/// The column of an axis in summary.csv.
struct AxisColumn {
  const char* name = nullptr;  ///< null: it has none
  int place = 0;               ///< among the columns of axes
  const char* unit = "";
  const char* text = "";
  bool in_convergence = false;  ///< a column of convergence.csv as well
};

/// One key of a spec that decides what a cell is. All that reads a spec, plans, describes, groups or reports cells
/// goes over axes(): a new axis is a row of that table, a field of Cell and the code that uses the field.
struct Axis {
  std::string table;  ///< of the spec; empty: the top of the file
  std::string key;
  std::variant<std::string Cell::*, int Cell::*, double Cell::*, bool Cell::*, std::uint64_t Cell::*> field;
  std::vector<AxisValue> fallback;  ///< what an absent key means; empty: what parse_spec works out
  unsigned groups;                  ///< of AxisGroup
  AxisColumn column;
  const char* help;                     ///< one line of Markdown
  double minimum = 0, maximum = 0;      ///< of numbers, both included
  std::optional<Kind> kind = {};        ///< of a component, which is kept as text
  bool single = false;                  ///< one value for the whole plan, not a list
  bool identity = true;                 ///< a part of what the results are the results of
  const char* word = nullptr;           ///< a word that may stand in a spec for the number `same`
  const char* other_key = nullptr;      ///< a key that may stand in place of this one: `total` for `honest`
  const char* other_help = nullptr;     ///< its line of help
  const char* fallback_help = nullptr;  ///< in words, where there is no fallback
  const char* label = nullptr;          ///< in dry runs, where that is not the column or the key

  static constexpr int same = -1;  ///< in `declared`: as many as there are

  AxisValue of(const Cell& cell) const {
    return std::visit([&](auto member) { return AxisValue(cell.*member); }, field);
  }
  void set(Cell& cell, const AxisValue& value) const;
};

/// All axes, slowest first: the order of the plan and, within each table, of the spec.
const std::vector<Axis>& axes();

/// The tables of a spec, the top of the file first.
std::vector<std::string> axis_tables();

/// The axes with a column in summary.csv, in the order of the columns.
const std::vector<const Axis*>& column_axes();

/// The position of the axis of a field.
template <class T>
std::size_t axis_of(T Cell::*field) {
  std::size_t i = 0;
  while (axes().at(i).field != decltype(Axis::field)(field)) ++i;
  return i;
}

/// A cell's values on the axes of a group: equal for cells that share what the group stands for.
using CellKey = std::vector<AxisValue>;
CellKey key_of(const Cell& cell, AxisGroup group);

/// The text of a cell's component of that kind.
const std::string& component_of(const Cell& cell, Kind kind);

}  // namespace gauntlet
