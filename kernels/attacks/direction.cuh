// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/attacks/honest.cuh"

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
    double mean[span_width], deviation[span_width];
    honest_moments(view, c, k, mean, deviation);
    float* out = extra_data(view, c, 0) + k;
    const auto round = static_cast<std::uint32_t>(*view.round);
    for (int l = 0; l < span_width; ++l) {
      switch (direction) {
        case Direction::std:
          out[l] = static_cast<float>(-deviation[l]);
          break;
        case Direction::plus_std:
          out[l] = static_cast<float>(deviation[l]);
          break;
        case Direction::mean:
          out[l] = static_cast<float>(-mean[l]);
          break;
        case Direction::sign:
          out[l] = static_cast<float>((mean[l] < 0) - (mean[l] > 0));
          break;
        case Direction::random:
          out[l] = k + l < view.d
                       ? Random(view.seeds[c], Purpose::attack, 0, round, static_cast<std::uint32_t>((k + l) / 2))
                             .normal(l % 2)
                       : 0.0f;
          break;
      }
    }
  }
};

}  // namespace gauntlet
