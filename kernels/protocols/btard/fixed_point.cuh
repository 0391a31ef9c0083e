// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>

#include "kernels/defenses/shared/clipping.cuh"
#include "kernels/exec/team.cuh"

/// The fixed point of centered clipping in Gram space.
namespace gauntlet {

/// An iteration ends when the clipped deviations add up to this share of their lengths, or after so many steps.
inline constexpr double fixed_point_accuracy = 1e-7;
inline constexpr int fixed_point_steps = 1000;

/// The point v = Σ w_i x_i at which v ← v + mean_i clip(x_i − v, tau) stands still: the minimizer of Σ_i Huber_tau(‖x_i
/// − v‖), by v ← Σ ω_i x_i / Σ ω_i with ω_i = min(1, tau / ‖x_i − v‖) from the vector with the least such sum, with
/// Nesterov's momentum, which starts again when it points uphill: without it vectors near one line take thousands of
/// steps. A vector that is not finite has no weight; if none is, v is zero. `products` is g × g, rows `stride` apart;
/// `weights` [g]; `scratch` 5 g. Returns ‖v‖². 5 to 20 steps of g² operations where few vectors are clipped.
GAUNTLET_HD inline double clipping_fixed_point(const Team& team, int g, const double* products, int stride, double tau,
                                               double* weights, double* scratch) {
  // The products with all vectors of v and of the point that is looked from; its weights; the next v.
  double *along = scratch, *along_from = scratch + g, *from = scratch + 2 * g, *next = scratch + 3 * g,
         *along_next = scratch + 4 * g;
  const auto product = [=](int a, int b) { return products[std::int64_t{a} * stride + b]; };
  const auto finite = [=](int a) { return product(a, a) >= 0 && product(a, a) < INFINITY; };
  const auto length = [](double square) { return sqrt(square > 0 ? square : 0); };
  const auto huber = [=](double r) { return r <= tau ? r * r / 2 : tau * (r - tau / 2); };
  if (team.sum(g, [=](int a) { return finite(a) ? 1.0 : 0.0; }) == 0) {
    team.each(g, [=](int a) { weights[a] = 0; });
    return 0;
  }
  team.each(g, [=](int a) {
    double total = 0;
    for (int b = 0; b < g; ++b)
      if (finite(a) && finite(b)) total += huber(length(product(a, a) + product(b, b) - 2 * product(a, b)));
    next[a] = finite(a) ? total : INFINITY;
  });
  const int first = team.argmin(g, [=](int a) { return next[a]; });
  team.each(g, [=](int a) {
    weights[a] = from[a] = a == first;
    along[a] = along_from[a] = finite(a) ? product(a, first) : 0;
  });
  for (int step = 0, pace = 0; step < fixed_point_steps; ++step) {
    const double square = team.sum(g, [=](int a) { return from[a] * along_from[a]; });
    const auto distance = [=](int a) {
      return finite(a) ? length(product(a, a) - 2 * along_from[a] + square) : INFINITY;
    };
    const double pull = team.sum(g, [=](int a) { return clip_factor(distance(a), tau); });
    const double clipped = team.sum(g, [=](int a) { return finite(a) ? fmin(distance(a), tau) : 0.0; });
    team.each(g, [=](int a) { next[a] = clip_factor(distance(a), tau) / pull; });
    team.each(g, [=](int a) {
      double total = 0;
      for (int b = 0; b < g; ++b)
        if (next[b] != 0) total += product(a, b) * next[b];
      along_next[a] = finite(a) ? total : 0;
    });
    const double moved = team.sum(g, [=](int a) { return (next[a] - from[a]) * (along_next[a] - along_from[a]); });
    const double ahead = team.sum(g, [=](int a) { return (next[a] - from[a]) * (along_next[a] - along[a]); });
    pace = ahead < 0 ? 0 : pace;
    const double momentum = pace / (pace + 3.0);
    ++pace;
    team.each(g, [=](int a) {
      from[a] = next[a] + momentum * (next[a] - weights[a]);
      along_from[a] = along_next[a] + momentum * (along_next[a] - along[a]);
      weights[a] = next[a], along[a] = along_next[a];
    });
    const double bound = fixed_point_accuracy * clipped;
    if (pull * pull * moved <= bound * bound) break;
  }
  return team.sum(g, [=](int a) { return weights[a] * along[a]; });
}

}  // namespace gauntlet
