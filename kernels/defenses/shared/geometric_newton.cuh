// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>

#include "kernels/defenses/defense.cuh"

namespace gauntlet {

/// The sum of distances near a point z = Σ w_i x_i away from the messages, in Gram space. Divided by the sum of the
/// 1/distances p_i, minus its gradient is Weiszfeld's step Σ p_i x_i / Σ p_i − z, and its Hessian is I − M with
/// M = Σ p_i u_i u_iᵀ / Σ p_i, u_i the unit vectors toward the messages: M is how much of an error Weiszfeld's step
/// leaves, close to 1 in the direction of two tight clusters that face each other.
struct GeometricNewton {
  int n;
  const double* products;  ///< [n][n], 0 for the messages passed over
  const double* images;    ///< ⟨x_i, z⟩ as `products` has it
  const double* squares;   ///< ‖x_i − z‖², positive, +∞ for the messages passed over
  const double* pulls;     ///< 1/‖x_i − z‖
  double scale;            ///< Σ pulls
  double* buffer;

  GAUNTLET_HD static std::size_t scratch(int n) { return 6 * static_cast<std::size_t>(n); }

  /// Whether M may have an eigenvalue over 3/4: its Frobenius norm is larger. n² operations.
  GAUNTLET_HD bool flat(const Team& team, const double* weights) const {
    const GeometricNewton at = *this;
    const double own = team.sum(n, [=](int i) { return weights[i] * at.images[i]; });
    const double norm2 = team.sum(n, [=](int i) {
      double total = 0;
      for (int j = 0; j < at.n; ++j) {
        const double both = at.product(i, j) - at.images[i] - at.images[j] + own,
                     cosine = at.pulls[i] * at.pulls[j] * both;
        total += at.pulls[j] * cosine * cosine;
      }
      return at.pulls[i] * total;
    });
    return norm2 > 0.5625 * scale * scale;
  }

  /// Adds Newton's step, halved until the sum of distances falls, to the weights; returns its length, or 0 if there is
  /// none. Conjugate gradients, whose first direction is Weiszfeld's step, bring the residual down to `forcing` times
  /// the gradient: n² operations each.
  GAUNTLET_HD double step(const Team& team, double forcing, double* weights) const {
    const GeometricNewton at = *this;
    double* residual = buffer;
    double* residual_images = residual + n;
    double* direction = residual_images + n;
    double* direction_images = direction + n;
    double* step = direction_images + n;
    double* step_images = step + n;
    const auto dot = [=](const double* a, const double* b) {
      return team.sum(at.n, [=](int i) { return a[i] * b[i]; });
    };

    team.each(n, [=](int i) { residual[i] = at.pulls[i] / at.scale - weights[i]; });
    at.multiply(team, residual, residual_images);
    team.each(n, [=](int i) {
      direction[i] = residual[i], direction_images[i] = residual_images[i];
      step[i] = step_images[i] = 0;
    });
    double left = dot(residual, residual_images);
    const double enough = forcing * forcing * left;
    for (int k = 0; k < n && left > enough; ++k) {
      const double along = dot(weights, direction_images);
      // The weights of M · direction, those of z apart.
      const auto bent = [=](int i) {
        const double pull = at.pulls[i];
        return pull * pull * pull / at.scale * (direction_images[i] - along);
      };
      const double curvature = dot(direction, direction_images) -
                               team.sum(n, [=](int i) { return bent(i) * (direction_images[i] - along); });
      if (!(curvature > 0)) break;
      const double sum = team.sum(n, bent), size = left / curvature;
      team.each(n, [=](int i) {
        step[i] += size * direction[i];
        step_images[i] += size * direction_images[i];
        residual[i] -= size * (direction[i] - bent(i) + sum * weights[i]);
      });
      at.multiply(team, residual, residual_images);
      const double next = dot(residual, residual_images), keep = next > 0 ? next / left : 0;
      left = next;
      team.each(n, [=](int i) {
        direction[i] = residual[i] + keep * direction[i];
        direction_images[i] = residual_images[i] + keep * direction_images[i];
      });
    }

    const double length2 = dot(step, step_images), along = dot(weights, step_images);
    for (double share = 1; share > 1e-3; share /= 2) {
      // The sum of distances after less that before, from differences of squares.
      const double rise = team.sum(n, [=](int i) {
        const double square = at.squares[i];
        if (!(square < INFINITY)) return 0.0;
        const double gain = share * (share * length2 - 2 * (step_images[i] - along)), after = square + gain;
        return gain / (sqrt(square) + sqrt(after > 0 ? after : 0));
      });
      if (!(rise < 0)) continue;
      team.each(n, [=](int i) { weights[i] += share * step[i]; });
      return share * sqrt(length2);
    }
    return 0;
  }

 private:
  GAUNTLET_HD double product(int i, int j) const { return products[std::int64_t{i} * n + j]; }

  GAUNTLET_HD void multiply(const Team& team, const double* w, double* out) const {
    const GeometricNewton at = *this;
    team.each(n, [=](int i) {
      double total = 0;
      for (int j = 0; j < at.n; ++j) total += w[j] * at.product(i, j);
      out[i] = total;
    });
  }
};

}  // namespace gauntlet
