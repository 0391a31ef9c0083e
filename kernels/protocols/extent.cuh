// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/exec/exec.cuh"

namespace gauntlet {

/// How far apart some vectors are.
struct Extent {
  double diameter = 0;  ///< the largest Euclidean distance of two
  double edge = 0;      ///< the longest edge of their bounding box
  double variance = 0;  ///< the mean squared Euclidean distance from their mean
};

/// Of groups of equally many padded rows of d numbers, by host copies of their pointers. One Gram pass and one pass for
/// the box; makes room for them and waits for the result: for evaluations, not for rounds. NaN where a number is not
/// finite.
std::vector<Extent> extents(Exec& exec, const std::vector<std::vector<const float*>>& groups, std::int64_t d);

}  // namespace gauntlet
