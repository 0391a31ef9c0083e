// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/defenses/shared/clipping.cuh"

/// What the rules for a receiver on a graph share: x_0 is its own message, W_0j is Gram::link, δ is Gram::told.
namespace gauntlet {

/// A rule that looks at how far its neighbors are.
struct NeighborhoodFunctor : GramFunctor {
  static constexpr bool neighborhood = true;
  std::size_t scratch(int n) const { return static_cast<std::size_t>(n); }
};

/// Weights are sums of the same few numbers in any order: what differs by less than this share of them is equal.
inline constexpr double weight_slack = 1e-9;

/// ‖x_j − x_0‖ of every message, zero of the own one; +∞ where one of them is not finite.
GAUNTLET_HD inline void distances_from_own(const Team& team, const Gram& gram, double* distances) {
  team.each(gram.n, [=](int j) { distances[j] = j == 0 ? 0 : sqrt(gram.distance2(0, j)); });
}

/// Weights of neighbors that are given by brought(j), j ≥ 1; the own message gets what is left of one.
template <class Brought>
GAUNTLET_HD void weigh_neighbors(const Team& team, const Gram& gram, Brought brought, double* weights) {
  const double moved = team.sum(gram.n, [=](int j) { return j == 0 ? 0.0 : brought(j); });
  team.each(gram.n, [=](int j) { weights[j] = j == 0 ? 1 - moved : brought(j); });
}

/// x_0 + Σ_j W_0j clip(x_j − x_0, radius). Within a finite radius a non-finite message brings nothing.
GAUNTLET_HD inline void clipped_gossip(const Team& team, const Gram& gram, const double* distances, double radius,
                                       double* weights) {
  weigh_neighbors(
      team, gram, [=](int j) { return gram.link(j) * (radius < INFINITY ? clip_factor(distances[j], radius) : 1); },
      weights);
}

}  // namespace gauntlet
