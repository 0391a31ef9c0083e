// SPDX-License-Identifier: Apache-2.0
#include "kernels/exec/round_counter.cuh"

#include "kernels/exec/launch.cuh"

namespace gauntlet {

namespace {

struct Advance {
  int* round;
  GAUNTLET_HD void operator()(std::int64_t) const { ++*round; }
};

}  // namespace

void RoundCounter::advance() { parallel_for(exec_, "advance", 1, Advance{value_.data()}); }

}  // namespace gauntlet
