// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "kernels/defenses/defense.cuh"

/// Order statistics that Gram rules share. Values are non-negative (+∞ allowed, never NaN), as distances and norms are;
/// ties go to the lower index.
namespace gauntlet {

/// The bit pattern, which orders non-negative doubles as they are, and back.
GAUNTLET_HD inline std::uint64_t bits_of(double value) {
  std::uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}
GAUNTLET_HD inline double double_of(std::uint64_t bits) {
  double value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

/// The k-th smallest (k from 1) of value(0), …, value(n − 1), by one thread: counting for small n, bisection on the bit
/// pattern, which orders non-negative doubles, for large n.
template <class Value>
GAUNTLET_HD double kth_smallest(int n, int k, Value value) {
  if (n <= 64) {
    for (int i = 0; i < n; ++i) {
      const double candidate = value(i);
      int below = 0, equal = 0;
      for (int j = 0; j < n; ++j) {
        const double other = value(j);
        below += other < candidate;
        equal += other == candidate;
      }
      if (below < k && k <= below + equal) return candidate;
    }
  }
  std::uint64_t low = 0, high = bits_of(INFINITY);
  while (low < high) {
    const std::uint64_t middle = low + (high - low) / 2;
    int count = 0;
    for (int i = 0; i < n; ++i) count += bits_of(value(i)) <= middle;
    if (count >= k)
      high = middle;
    else
      low = middle + 1;
  }
  return double_of(low);
}

/// Calls chosen(i) for the k smallest of n values, in index order, by one thread.
template <class Value, class Chosen>
GAUNTLET_HD void for_smallest(int n, int k, Value value, Chosen chosen) {
  if (k <= 0) return;
  const double bound = kth_smallest(n, k, value);
  int ties = k;
  for (int i = 0; i < n; ++i) ties -= value(i) < bound;
  for (int i = 0; i < n; ++i) {
    const double v = value(i);
    if (v < bound || (v == bound && ties-- > 0)) chosen(i);
  }
}

/// The squared distance of message i from row `target`, for rankings: finite for every finite row, so that non-finite
/// ones come last even when the target itself is not finite.
GAUNTLET_HD inline double rank_distance2(const Gram& gram, int i, int target) {
  if (gram.norm(i) == INFINITY) return INFINITY;
  const double square = gram.distance2(i, target);
  return square < INFINITY ? square : 1.7976931348623157e308;
}

/// Weights 1/k on the k smallest of n values and 0 elsewhere: the mean of the k best messages.
template <class Value>
GAUNTLET_HD void mean_of_smallest(const Team& team, int n, int k, Value value, double* weights) {
  team.each(n, [=](int i) { weights[i] = 0; });
  team.once([=] { for_smallest(n, k, value, [=](int i) { weights[i] = 1.0 / k; }); });
}

}  // namespace gauntlet
