// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/defenses/defense.cuh"
#include "kernels/defenses/shared/eigenpair.cuh"

namespace gauntlet {

/// The covariance Σ c_i (x_i − μ)(x_i − μ)ᵀ / Σ c_i, μ = Σ c_i x_i / Σ c_i, of messages with weights c ≥ 0, as the n ×
/// n matrix of the same non-zero eigenvalues. Made from distances alone, so that a common part of the messages costs no
/// precision; messages of weight zero, which may be non-finite, count for nothing.
struct WeightedCovariance {
  Gram gram;
  const double* c;
  const double* spread;  ///< Σ_j c_j ‖x_i − x_j‖² / Σ c, for finite x_i
  double total, mean_spread;

  /// ⟨x_i − μ, x_j − μ⟩ of finite messages.
  GAUNTLET_HD double centered(int i, int j) const {
    return (spread[i] + spread[j] - mean_spread - gram.distance2(i, j)) / 2;
  }
  GAUNTLET_HD double operator()(int i, int j) const {
    return c[i] > 0 && c[j] > 0 ? sqrt(c[i] * c[j]) * centered(i, j) / total : 0;
  }
};

/// `spread` is room for n numbers, which must outlive the result.
GAUNTLET_HD inline WeightedCovariance weighted_covariance(const Team& team, const Gram& gram, const double* c,
                                                          double* spread) {
  const int n = gram.n;
  const double total = team.sum(n, [=](int i) { return c[i]; });
  team.each(n, [=](int i) {
    spread[i] = 0;
    for (int j = 0; j < n && gram.norm(i) < INFINITY; ++j)
      if (c[j] > 0) spread[i] += c[j] * gram.distance2(i, j) / total;
  });
  const double mean_spread = team.sum(n, [=](int i) { return c[i] > 0 ? c[i] * spread[i] / total : 0.0; });
  return {gram, c, spread, total, mean_spread};
}

/// A first guess for leading_eigenpair, a little off an earlier answer in x: orthogonal to the answer but by accident.
GAUNTLET_HD inline void guess_eigenvector(const Team& team, int n, double* x) {
  team.each(n, [=](int i) { x[i] += 0.01 * (cos(1.0 + i) + 0.1 * cos(2.3 * i)); });
}

}  // namespace gauntlet
