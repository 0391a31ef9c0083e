// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/exec/portability.cuh"
#include "kernels/exec/random123.hpp"

namespace gauntlet {

/// What a random number is for. Every use has its own, so that no two streams overlap.
enum class Purpose : std::uint32_t {
  sample = 1,
  initialize = 2,
  attack = 3,
  defense = 4,
  noise = 5,
  protocol = 6,
  trusted = 7,
};

/// What a defense draws: each a stream of its own, also where several stand in one pipeline. Results depend on the
/// numbers: they stay, and a new draw takes the next one. Rules from outside the tree count from `outside`.
enum class DefenseDraw : std::uint32_t {
  bucketing = 0,
  resampling = 1,
  dnc_coordinates = 2,
  mixture = 3,
  noise = 4,
  outside = 1000,
};

/// What a protocol draws of its own; each of them for up to 2²⁴ peers or pairs of peers.
enum class ProtocolDraw : std::uint32_t {
  silence = 0,
  spread = 1,
  peers = 2,
  edges = 3,       ///< of a graph, the same for all seeds
  pairs = 4,       ///< of a validator and whom it checks
  direction = 5,   ///< that statements project on
  shift = 6,       ///< of a wrong aggregate
  misconduct = 7,  ///< who breaks the rules, whom it harms and whether
};

/// What an attack draws once for all its messages. Messages that draw apart are Purpose::attack's workers 0 … f−1.
enum class AttackDraw : std::uint32_t {
  values = 0,
  places = 1,
};

/// Four random words: a pure function of its arguments (Philox4x32-10, Salmon et al., SC 2011), so the same on the CPU
/// and the GPU, alone or in a batch, whatever ran before.
struct Random {
  std::uint32_t word[4];

  GAUNTLET_HD Random(std::uint64_t seed, Purpose purpose, std::uint32_t worker, std::uint32_t round,
                     std::uint32_t slot) {
    const r123::Philox4x32::ctr_type counter = {{slot, round, worker, static_cast<std::uint32_t>(purpose)}};
    const r123::Philox4x32::key_type key = {{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)}};
    const r123::Philox4x32::ctr_type out = r123::Philox4x32()(counter, key);
    for (int i = 0; i < 4; ++i) word[i] = out.v[i];
  }
  GAUNTLET_HD Random(std::uint64_t seed, DefenseDraw draw, std::uint32_t round, std::uint32_t slot)
      : Random(seed, Purpose::defense, static_cast<std::uint32_t>(draw), round, slot) {}
  GAUNTLET_HD Random(std::uint64_t seed, AttackDraw draw, std::uint32_t round, std::uint32_t slot)
      : Random(seed, Purpose::attack, static_cast<std::uint32_t>(draw), round, slot) {}
  GAUNTLET_HD Random(std::uint64_t seed, ProtocolDraw draw, std::uint32_t who, std::uint32_t round, std::uint32_t slot)
      : Random(seed, Purpose::protocol, (static_cast<std::uint32_t>(draw) << 24) + who, round, slot) {}

  /// A uniform integer in [0, bound), from one word (bias below bound / 2³²).
  GAUNTLET_HD std::uint32_t below(std::uint32_t bound, int i = 0) const {
    return static_cast<std::uint32_t>((std::uint64_t{word[i]} * bound) >> 32);
  }

  /// A uniform number in (0, 1).
  GAUNTLET_HD float uniform(int i = 0) const {
    return (static_cast<float>(word[i] >> 8) + 0.5f) * (1.0f / 16777216.0f);
  }

  /// A standard normal number from words 2i and 2i + 1 (Box and Muller), i in {0, 1}.
  GAUNTLET_HD float normal(int i = 0) const {
    const float radius = sqrtf(-2.0f * logf(uniform(2 * i)));
    return radius * cosf(6.2831853f * uniform(2 * i + 1));
  }
};

}  // namespace gauntlet
