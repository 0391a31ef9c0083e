// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "kernels/protocols/btard/aggregation.cuh"
#include "kernels/protocols/protocol.cuh"

/// The rows of d numbers that btard keeps.
namespace gauntlet {

/// What statements project on, and what wrong aggregates are shifted along: numbers uniform in ±√3, so of unit
/// variance, drawn anew in every step. Attacks do not see them.
class Directions {
 public:
  Directions(Exec& exec, const CouncilView& council, std::int64_t d, bool shifts);
  /// Writes one row or two of every cell.
  void draw();
  std::vector<const float*> z() { return rows(z_); }
  std::vector<const float*> shift() { return rows(shift_); }  ///< empty without shifts

 private:
  static std::vector<const float*> rows(RowStore& store);

  Exec& exec_;
  CouncilView council_;
  std::int64_t d_;
  RowStore z_, shift_;
  Array<float*> z_table_, shift_table_;
};

/// BTARD-Clipped-SGD: every peer's gradient, no longer than `clip`. With an infinite one the rows are those that were
/// computed and cost nothing; else two passes.
class ClippedGradients {
 public:
  ClippedGradients(Exec& exec, const Wiring& wiring, double clip);
  void run();
  /// The wiring with the clipped rows in place of the computed ones.
  const Wiring& wiring() const { return wiring_; }

 private:
  Exec& exec_;
  Wiring wiring_;
  double clip_;
  RowStore store_;
  Array<const float*> from_;
  Array<float*> to_;
  Array<double> scratch_, squares_;
};

/// recompute=true: validators compute the gradients of the peers that they will check again, and these count as forged
/// if they differ from what was sent in any number. One pass over few rows.
class RecomputedGradients {
 public:
  /// Of `sent`, the rows of PartAggregation; `clip` as of ClippedGradients; `senders`: the first peers, who compute.
  /// Who sends what it never computed is known to.
  RecomputedGradients(Exec& exec, const CouncilView& council, const SentRows& sent, double clip, int senders);
  /// When the targets are drawn: whose gradients are computed again, [cells][validators].
  void choose();
  const int* workers() const { return workers_.data(); }
  /// [cells][validators] where they are to be written.
  std::vector<float*> messages() { return again_.pointers(); }
  void compare();

 private:
  /// Every row of the table as a stack of its own.
  Rows rows(const Array<float*>& table) const { return {static_cast<int>(table.size()), 1, again_.d(), table.data()}; }

  Exec& exec_;
  CouncilView council_;
  int m_, senders_;
  double clip_;
  RowStore again_, sent_;
  Array<const float*> base_;
  MessageTables messages_;
  Array<float*> again_table_, sent_table_;
  Array<double> weights_, squares_, differences_, scratch_;
  Array<int> workers_;
};

/// Adds what a peer sent in this round to the mean over the rounds so far.
void count_bytes(Exec& exec, const CouncilView& council, std::int64_t d);

}  // namespace gauntlet
