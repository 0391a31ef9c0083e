// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "kernels/exec/portability.cuh"

namespace gauntlet {

/// `count` stacks of m vectors of d numbers, as pointers to padded rows (array.cuh). All tables lie in the back end's
/// memory. Padding must read as zero. With `views` > 1 so many neighboring stacks are one and the same: what several
/// receivers see of one broadcast, or what an attacker tries, are mixings of rows that lie in memory once.
struct Rows {
  int count = 0;
  int m = 0;
  std::int64_t d = 0;
  const float* const* row = nullptr;  ///< [count / views][m]
  int views = 1;

  GAUNTLET_HD const float* const* of(int c) const { return row + static_cast<std::int64_t>(c / views) * m; }
  /// Every stack once.
  Rows stacks() const { return {count / views, m, d, row, 1}; }
};

/// One number for each of many inboxes: the same for all, or each its own.
struct PerInbox {
  int same;       ///< also the largest
  const int* of;  ///< one for every `group` neighboring inboxes, in the back end's memory, or null
  int group;

  GAUNTLET_HD PerInbox(int same = 0, const int* of = nullptr, int group = 1) : same(same), of(of), group(group) {}
  GAUNTLET_HD int operator()(std::int64_t inbox) const { return of == nullptr ? same : of[inbox / group]; }
};

/// What `count` aggregators see: up to n messages each, message i being Σ_p mixing[c][i][p] · base row p. Honest
/// messages are rows themselves; a Byzantine message that is affine in them, and whatever a pre-aggregator makes, costs
/// no row. The receivers of one broadcast share their base rows (Rows::views).
struct Inboxes {
  Rows base;
  int n = 0;                       ///< the most that one holds
  const double* mixing = nullptr;  ///< [count][n][base.m], or null: message i is base row i and n = base.m
  PerInbox size = {};              ///< the messages there are, the first of an inbox's mixing; no table: n
  PerInbox absent = {};            ///< workers who are not there, where that has made messages fewer

  GAUNTLET_HD int messages(std::int64_t c) const { return size.of == nullptr ? n : size(c); }
  PerInbox sizes() const { return {n, size.of, size.group}; }
};

/// Adds weight · row to a sum, where a weight of zero hides even a row of NaN.
template <class Sum, class Weight, class Value>
GAUNTLET_HD void add_weighted(Sum& sum, Weight weight, Value value) {
  if (weight != Weight(0)) sum += static_cast<Sum>(weight) * static_cast<Sum>(value);
}

}  // namespace gauntlet
