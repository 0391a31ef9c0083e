// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/defenses/defense.cuh"

/// What the rules share that judge messages by one that the server computes itself.
namespace gauntlet {

/// Row n of the problem is the trusted message.
struct TrustedFunctor : GramFunctor {
  int samples = 1;

  MemoryRow memory_row() const { return MemoryRow::trusted; }
  int trusted_batch() const { return samples; }
};

inline ParameterSpec trusted_batch_parameter() {
  return count("trusted_batch", "100", "training samples that the server holds and draws its batches from", 1);
}

}  // namespace gauntlet
