// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/exec/array.cuh"

namespace gauntlet {

/// The number of the round, from 0, in the back end's memory, so that a replayed graph finds the current one.
class RoundCounter {
 public:
  explicit RoundCounter(Exec& exec) : exec_(exec), value_(exec, 1) {}
  const int* data() const { return value_.data(); }
  /// Queues the step to the next round.
  void advance();

 private:
  Exec& exec_;
  Array<int> value_;
};

}  // namespace gauntlet
