// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/exec/exec.cuh"

namespace gauntlet {

/// Runs a defense once on n messages of d numbers that lie row by row in host memory, with seed 0 and round 0. Returns
/// the one output of d numbers, or the n' messages of a pipeline that ends with a pre-aggregator, row by row.
/// `trusted`: d numbers, the server's own message, or null; rules that take none do not look at it.
/// \throws UserError for a pipeline that does not exist, does not take this n and f, or lacks its trusted message.
std::vector<float> aggregate_rows(Exec& exec, const std::string& pipeline, int f, int n, std::int64_t d,
                                  const float* rows, const float* trusted = nullptr);

}  // namespace gauntlet
