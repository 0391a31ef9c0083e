// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "kernels/exec/portability.cuh"

/// Rules that look at every subset of n − f messages.
namespace gauntlet {

inline constexpr int subset_limit = 100000;

/// C(n, k), or limit + 1 where it is larger than that.
GAUNTLET_HD inline int subset_count(int n, int k, int limit = subset_limit) {
  if (k > n - k) k = n - k;
  long long count = 1;
  for (int i = 1; i <= k; ++i) {
    count = count * (n - k + i) / i;
    if (count > limit) return limit + 1;
  }
  return static_cast<int>(count);
}

/// Turns in[0 … n), 1 for the members of a k-subset and 0 elsewhere, into the next one in lexicographic order; false
/// after the last. The first has its members in front.
GAUNTLET_HD inline bool next_subset(int n, double* in) {
  int i = n - 1, members = 0;
  while (i >= 0 && in[i] != 0) --i, ++members;
  while (i >= 0 && in[i] == 0) --i;
  if (i < 0) return false;
  in[i] = 0;
  for (int j = i + 1; j < n; ++j) in[j] = j - i - 1 <= members;
  return true;
}

inline bool few_subsets(int n, int f) { return n > 2 * f && subset_count(n, f) <= subset_limit; }

}  // namespace gauntlet
