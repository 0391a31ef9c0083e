// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/exec/portability.cuh"

namespace gauntlet {

/// Some rounds of a run, counted from 0: start, start + every, … below stop.
struct RoundWindow {
  int start = 0, stop = 0, every = 1;  ///< stop = 0: has no end; every = 0: holds no round

  GAUNTLET_HD bool holds(int round) const {
    return every > 0 && round >= start && (stop == 0 || round < stop) && (round - start) % every == 0;
  }
  bool all() const { return start == 0 && stop == 0 && every == 1; }
  static RoundWindow none() { return {0, 0, 0}; }
};

}  // namespace gauntlet
