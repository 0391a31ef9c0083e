// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "kernels/passes/column.cuh"
#include "kernels/registry/registry.hpp"

/// The conditions on n and f that many rules share.
namespace gauntlet {

inline const Condition needs_honest = {"n > f", [](int n, int f) { return n > f; }};

/// What every rule that can outvote the Byzantine messages needs.
inline const Condition needs_majority = {"n > 2f", [](int n, int f) { return n > 2 * f; }};

/// The same for a rule of its own kind that also makes a column pass.
inline const Condition needs_column_majority = {"2f < n <= " + std::to_string(column_limit),
                                                [](int n, int f) { return n > 2 * f && n <= column_limit; }};

}  // namespace gauntlet
