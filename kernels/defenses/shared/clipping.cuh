// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/defenses/shared/selection.cuh"

/// What the clipping pre-aggregators share.
namespace gauntlet {

/// The factor that brings a vector of this norm down to the threshold; 0 for a non-finite one, which has no direction.
GAUNTLET_HD inline double clip_factor(double norm, double threshold) {
  if (norm <= threshold) return norm < INFINITY ? 1 : 0;
  return norm < INFINITY ? threshold / norm : 0;
}

/// Writes the diagonal mixing that clips every message to the threshold.
GAUNTLET_HD inline void clip_all(const Team& team, const Gram& gram, double threshold, double* mixing) {
  const int n = gram.n;
  team.each(n, [=](int i) {
    double* row = mixing + std::int64_t{i} * n;
    for (int j = 0; j < n; ++j) row[j] = 0;
    row[i] = clip_factor(gram.norm(i), threshold);
  });
}

}  // namespace gauntlet
