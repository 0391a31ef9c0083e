// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/registry/registry.hpp"

/// Messages to check components with, and comparisons of what they make of them.
namespace gauntlet {

/// Vectors of one length: the messages of an inbox, or what became of them.
using Messages = std::vector<std::vector<float>>;

struct Sizes {
  int n = 0, f = 0;
};

/// The first of a few sizes that `condition` accepts, the usual ones first; n = 0 where it accepts none.
Sizes accepted_sizes(const std::function<bool(int n, int f)>& condition);

/// n messages of d numbers: standard normal ones around a common vector, the last f of them far off in one direction.
/// The same numbers everywhere for the same `seed`.
Messages random_messages(Sizes sizes, int d, std::uint64_t seed, float common = 1);

/// The coordinate-wise mean of the first `count` messages.
std::vector<float> mean_of(const Messages& messages, int count);

std::vector<float> flatten(const Messages& messages);
Messages rows_of(const std::vector<float>& numbers, std::size_t d);

/// Empty, or how `got` differs from `want` by more than `tolerance`, relative to the largest of its numbers and 1.
/// NaN is like NaN only; at tolerance 0 every bit counts.
std::string difference(const std::vector<float>& got, const std::vector<float>& want, double tolerance);

}  // namespace gauntlet
