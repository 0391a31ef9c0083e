// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/defenses/shared/selection.cuh"

/// The subset of n − f messages of least diameter, which mda, md-mean and md-geom start from.
namespace gauntlet {

/// Exact search by one thread. Two messages farther apart than a limit are in conflict; a subset within the limit is
/// what remains after at most f messages are taken out so that no conflict is left. The search takes messages in index
/// order, keeps one before it tries to drop it, and turns back as soon as more than f must go: it visits at most about
/// 2^f branches however large n is, and what it finds first is first in lexicographic order.
class SubsetSearch {
 public:
  GAUNTLET_HD SubsetSearch(const Gram& gram, double* scratch)
      : gram_(gram), kept_(scratch), matched_(scratch + gram.n) {}

  GAUNTLET_HD static std::size_t scratch(int n) { return 2 * static_cast<std::size_t>(n); }

  /// Finds the subset; kept(i) then tells who is in it.
  GAUNTLET_HD void run() {
    std::uint64_t low = 0, high = bits_of(INFINITY);
    while (low < high) {
      const std::uint64_t middle = low + (high - low) / 2;
      if (within(double_of(middle)))
        high = bits_of(diameter2());
      else
        low = middle + 1;
    }
    within(double_of(high));
  }

  GAUNTLET_HD bool kept(int i) const { return kept_[i] > 0; }

 private:
  /// What kept_ holds.
  static constexpr double dropped = 0, may_drop = 1, must_keep = 2;

  GAUNTLET_HD bool conflict(int i, int j) const { return gram_.distance2(i, j) > limit_; }

  GAUNTLET_HD bool conflicts_with_kept(int i, int below) const {
    for (int j = 0; j < below; ++j)
      if (kept(j) && conflict(i, j)) return true;
    return conflict(i, i);
  }

  /// Whether n − f messages lie within the limit of each other; leaves the first such subset.
  GAUNTLET_HD bool within(double limit2) {
    limit_ = limit2;
    const int n = gram_.n, f = gram_.f;
    int i = 0, lost = 0;
    while (true) {
      if (i - lost == n - f) {
        for (; i < n; ++i) kept_[i] = dropped;
        return true;
      }
      bool dead = false;
      if (conflicts_with_kept(i, i)) {
        kept_[i] = dropped;
        dead = ++lost > f;
      } else {
        const bool free = !has_later_conflict(i);
        kept_[i] = free ? must_keep : may_drop;
        dead = !free && lost + least_losses(i + 1) > f;
      }
      ++i;
      while (dead) {
        // Turn back to the last message that was kept by choice, and drop it.
        while (i > 0 && kept_[i - 1] != may_drop) lost -= !kept(--i);
        if (i == 0) return false;
        kept_[i - 1] = dropped;
        dead = ++lost + least_losses(i) > f;
      }
    }
  }

  GAUNTLET_HD bool has_later_conflict(int i) const {
    for (int j = i + 1; j < gram_.n; ++j)
      if (conflict(i, j)) return true;
    return false;
  }

  /// A lower bound on how many of the messages from `first` on must go: those in conflict with kept ones, and one of
  /// each pair of a matching of conflicts among the rest.
  GAUNTLET_HD int least_losses(int first) {
    int losses = 0;
    for (int j = first; j < gram_.n; ++j) {
      matched_[j] = conflicts_with_kept(j, first);
      losses += matched_[j] != 0;
    }
    for (int j = first; j < gram_.n && losses <= gram_.f; ++j) {
      for (int k = j + 1; k < gram_.n && matched_[j] == 0; ++k) {
        if (matched_[k] != 0 || !conflict(j, k)) continue;
        matched_[j] = matched_[k] = 1;
        ++losses;
      }
    }
    return losses;
  }

  GAUNTLET_HD double diameter2() const {
    double largest = 0;
    for (int i = 0; i < gram_.n; ++i)
      for (int j = 0; j < i; ++j)
        if (kept(i) && kept(j) && gram_.distance2(i, j) > largest) largest = gram_.distance2(i, j);
    return largest;
  }

  Gram gram_;
  double* kept_;
  double* matched_;
  double limit_ = 0;
};

/// The search may visit 2^f branches.
inline const Condition needs_subset_search = {"n > 2f and f <= 24 (exact search)",
                                              [](int n, int f) { return n > 2 * f && f <= 24; }};

}  // namespace gauntlet
