// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/exec/philox.cuh"

/// Step 10 of btard: who checks whom.
namespace gauntlet {

/// From r^t of a round: m targets, uniform without replacement, from the active peers that computed a gradient, then m
/// validators from all other active peers, paired in order. m is `most`, or less where peers are too few: at most
/// (active − 1) / 2 and the peers that computed. Returns m; by one thread, O(n m²).
GAUNTLET_HD inline int draw_pairs(std::uint64_t seed, int round, int n, const std::uint8_t* active,
                                  const std::uint8_t* computed, int most, int* validator, int* target) {
  int peers = 0, computing = 0;
  for (int i = 0; i < n; ++i) {
    peers += active[i] != 0;
    computing += active[i] != 0 && computed[i] != 0;
  }
  int m = most < computing ? most : computing;
  if (m > (peers - 1) / 2) m = (peers - 1) / 2;
  int drawn = 0;
  const auto below = [&](int bound) {
    const Random random(seed, ProtocolDraw::pairs, 0, static_cast<std::uint32_t>(round),
                        static_cast<std::uint32_t>(drawn / 4));
    return static_cast<int>(random.below(static_cast<std::uint32_t>(bound), drawn++ % 4));
  };
  const auto among = [](const int* chosen, int count, int peer) {
    for (int k = 0; k < count; ++k)
      if (chosen[k] == peer) return true;
    return false;
  };
  for (int k = 0; k < m; ++k) {
    int skip = below(computing - k);
    for (int i = 0; i < n; ++i)
      if (active[i] != 0 && computed[i] != 0 && !among(target, k, i) && skip-- == 0) target[k] = i;
  }
  for (int k = 0; k < m; ++k) {
    int skip = below(peers - m - k);
    for (int i = 0; i < n; ++i)
      if (active[i] != 0 && !among(target, m, i) && !among(validator, k, i) && skip-- == 0) validator[k] = i;
  }
  return m;
}

}  // namespace gauntlet
