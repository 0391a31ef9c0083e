// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "src/cell/cell.hpp"

namespace gauntlet {

struct Spec;

/// The cells of a spec: the cross product of its axes, seeds fastest, then defenses, then attacks, in the order of
/// axes(); `index` is the position. A cell whose n and f some component cannot work with is kept with the reason in
/// `skipped`. Every parameter of every cell that is to run has been checked when this returns.
/// \throws UserError for a value out of range (with its place in the spec), and when no cell is left to run.
std::vector<Cell> make_plan(const Spec& spec);

/// What --dry-run prints: the number of cells, each axis with its values, what all cells share, and the skipped cells
/// by reason.
std::string describe_plan(const std::vector<Cell>& cells);

}  // namespace gauntlet
