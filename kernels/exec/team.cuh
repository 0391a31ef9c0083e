// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "kernels/exec/portability.cuh"

namespace gauntlet {

/// The threads that work on one small problem together: a block on CUDA, the calling thread on the CPU. Every member
/// must be called by all of them. Sums run in a fixed order, so the same team size gives the same bits.
class Team {
 public:
  GAUNTLET_HD int rank() const {
#if GAUNTLET_DEVICE
    return static_cast<int>(threadIdx.x);
#else
    return 0;
#endif
  }

  GAUNTLET_HD int size() const {
#if GAUNTLET_DEVICE
    return static_cast<int>(blockDim.x);
#else
    return 1;
#endif
  }

  /// Waits until everybody has come here; what they wrote before is then visible to all.
  GAUNTLET_HD void sync() const {
#if GAUNTLET_DEVICE
    __syncthreads();
#endif
  }

  /// f(i) for i in [0, n), shared out among the team; synchronises at the end.
  template <class F>
  GAUNTLET_HD void each(int n, F f) const {
    for (int i = rank(); i < n; i += size()) f(i);
    sync();
  }

  /// f() by one member; synchronises at the end.
  template <class F>
  GAUNTLET_HD void once(F f) const {
    if (rank() == 0) f();
    sync();
  }

  /// Σ f(i) over [0, n), the same value for all.
  template <class F>
  GAUNTLET_HD double sum(int n, F f) const {
    double total = 0;
    for (int i = rank(); i < n; i += size()) total += f(i);
#if GAUNTLET_DEVICE
    GAUNTLET_SHARED(double, parts, [32]);
    for (int step = 16; step > 0; step /= 2) total += __shfl_down_sync(0xffffffffu, total, step);
    if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = total;
    __syncthreads();
    total = 0;
    for (unsigned w = 0; w < (blockDim.x + 31) / 32; ++w) total += parts[w];
    __syncthreads();
#endif
    return total;
  }

  /// The index of the least f(i), the lowest index among equals; n must be positive and f never NaN.
  template <class F>
  GAUNTLET_HD int argmin(int n, F f) const {
    int best = -1;
    double least = 0;
    for (int i = rank(); i < n; i += size()) {
      const double value = f(i);
      if (best < 0 || value < least) best = i, least = value;
    }
#if GAUNTLET_DEVICE
    GAUNTLET_SHARED(double, values, [32]);
    GAUNTLET_SHARED(int, indices, [32]);
    for (int step = 16; step > 0; step /= 2) {
      const double other = __shfl_down_sync(0xffffffffu, least, step);
      const int index = __shfl_down_sync(0xffffffffu, best, step);
      if (index >= 0 && (best < 0 || other < least || (other == least && index < best))) best = index, least = other;
    }
    if (threadIdx.x % 32 == 0) values[threadIdx.x / 32] = least, indices[threadIdx.x / 32] = best;
    __syncthreads();
    best = indices[0], least = values[0];
    for (unsigned w = 1; w < (blockDim.x + 31) / 32; ++w)
      if (indices[w] >= 0 && (values[w] < least || (values[w] == least && indices[w] < best)))
        best = indices[w], least = values[w];
    __syncthreads();
#endif
    return best;
  }
};

}  // namespace gauntlet
