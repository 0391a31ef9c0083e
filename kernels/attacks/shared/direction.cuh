// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/attacks/shared/honest.cuh"

namespace gauntlet {

/// Which way an attack pushes the mean: against or along the honest spread, against the mean itself, against its signs,
/// or at random (anew each round).
enum class Direction { std, plus_std, mean, sign, random };

inline ParameterSpec direction_parameter(std::vector<std::string> words) {
  const std::string random = words.back() == "random" ? ", or random" : "";
  return word(
      "direction", "std",
      "which way: minus or (plus-std, as in ByzFL) plus the honest deviation, minus the mean or its signs" + random,
      std::move(words));
}

inline Direction direction_of(const Arguments& a) {
  const std::string& text = a.word("direction");
  return text == "std"        ? Direction::std
         : text == "plus-std" ? Direction::plus_std
         : text == "mean"     ? Direction::mean
         : text == "sign"     ? Direction::sign
                              : Direction::random;
}

/// Fills extra row 0 with the direction, of no particular length.
struct WriteDirection {
  AttackView view;
  Direction direction;

  GAUNTLET_HD void operator()(int c, std::int64_t k) const {
    float* out = extra_data(view, c, 0) + k;
    double mean[span_width], deviation[span_width];
    switch (direction) {
      case Direction::std:
      case Direction::plus_std:
        honest_moments(view, c, k, mean, deviation);
        for (int l = 0; l < span_width; ++l)
          out[l] = static_cast<float>(direction == Direction::std ? -deviation[l] : deviation[l]);
        break;
      case Direction::mean:
        honest_mean(view, c, k, mean);
        for (int l = 0; l < span_width; ++l) out[l] = static_cast<float>(-mean[l]);
        break;
      case Direction::sign:
        honest_mean(view, c, k, mean);
        for (int l = 0; l < span_width; ++l) out[l] = static_cast<float>((mean[l] < 0) - (mean[l] > 0));
        break;
      case Direction::random:
        draw(c, k, out);
        break;
    }
  }

 private:
  GAUNTLET_HD void draw(int c, std::int64_t k, float* out) const {
    const auto round = static_cast<std::uint32_t>(*view.round);
    for (int l = 0; l < span_width; l += 2) {
      const Random random(view.seeds[c], AttackDraw::values, round, static_cast<std::uint32_t>((k + l) / 2));
      for (int i = 0; i < 2; ++i) out[l + i] = k + l + i < view.d ? random.normal(i) : 0.0f;
    }
  }
};

}  // namespace gauntlet
