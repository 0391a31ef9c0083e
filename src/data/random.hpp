// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "kernels/exec/random123.hpp"

namespace gauntlet {

/// A sequence of random numbers that depends on nothing but (seed, purpose, index): Philox4x32-10 in counter mode.
/// The standard library's distributions are avoided because they differ between libraries. Salmon et al., SC 2011.
class Stream {
 public:
  /// `purpose` says in a word what the numbers are for; `index` tells streams of one purpose apart.
  Stream(std::uint64_t seed, std::string_view purpose, std::uint32_t index = 0)
      : key_{{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)}},
        counter_{{0, 0, hash(purpose), index}} {}

  std::uint32_t next_u32() {
    if (used_ == 4) {
      block_ = r123::Philox4x32()(counter_, key_);
      if (++counter_[0] == 0) ++counter_[1];
      used_ = 0;
    }
    return block_[used_++];
  }

  /// In the open interval (0, 1), a multiple of 2^-33.
  double uniform() { return (next_u32() + 0.5) * 0x1p-32; }

  double uniform(double low, double high) { return low + (high - low) * uniform(); }

  /// Standard normal (Box and Muller; the second value of a pair is kept for the next call).
  double normal() {
    if (has_spare_) {
      has_spare_ = false;
      return spare_;
    }
    const double radius = std::sqrt(-2 * std::log(uniform()));
    const double angle = 6.283185307179586 * uniform();
    spare_ = radius * std::sin(angle);
    has_spare_ = true;
    return radius * std::cos(angle);
  }

  /// Uniform over 0 … bound − 1, without bias. `bound` is at least 1.
  std::uint32_t below(std::uint32_t bound) {
    const std::uint32_t rejected = (0u - bound) % bound;  // 2^32 mod bound
    for (;;) {
      const std::uint64_t product = std::uint64_t{next_u32()} * bound;
      if (static_cast<std::uint32_t>(product) >= rejected) return static_cast<std::uint32_t>(product >> 32);
    }
  }

  /// Fisher–Yates.
  template <class T>
  void shuffle(std::vector<T>& items) {
    for (std::size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[below(static_cast<std::uint32_t>(i))]);
  }

 private:
  static std::uint32_t hash(std::string_view text) {  // FNV-1a
    std::uint32_t value = 2166136261u;
    for (const char letter : text) value = (value ^ static_cast<unsigned char>(letter)) * 16777619u;
    return value;
  }

  r123::Philox4x32::key_type key_;
  r123::Philox4x32::ctr_type counter_, block_{};
  int used_ = 4;
  double spare_ = 0;
  bool has_spare_ = false;
};

}  // namespace gauntlet
