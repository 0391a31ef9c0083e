// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <tuple>

#include "kernels/models/model.cuh"
#include "src/cell/axes.hpp"
#include "src/data/dataset.hpp"

/// Which cells may advance together, and what each of them takes.
namespace gauntlet {

/// Cells with equal keys can advance together: they differ at most in the seed, the partition, the step size, the
/// attack and the defense. (Attacks split in two kinds: those whose workers compute messages of their own and others;
/// so do defenses, by the samples that their server holds.)
using CohortKey = std::tuple<CellKey, bool, int>;
CohortKey cohort_key(const Cell& cell);

/// Bytes of the back end's memory that one cell of a cohort takes, data aside.
std::size_t bytes_per_cell(const Cell& cell, const Dataset& dataset);

/// The model of a cell with its parts. \throws UserError when it does not fit the data.
std::unique_ptr<Model> make_model(const Cell& cell, const Dataset& dataset);

}  // namespace gauntlet
