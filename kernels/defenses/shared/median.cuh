// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/defenses/defense.cuh"

/// The coordinate-wise median, which several rules start from.
namespace gauntlet {

/// The median of a sorted column: of an even number of values the mean of the middle two, or one of them.
struct Median {
  enum class Even { mid, lower, upper };
  static constexpr bool sorted = true;
  Even even = Even::mid;

  template <class Values>
  GAUNTLET_HD typename Values::Number operator()(const Values& column) const {
    using T = typename Values::Number;
    const int low = (column.n - 1) / 2, high = column.n / 2;
    if (even == Even::lower || low == high) return column.at(low);
    if (even == Even::upper) return column.at(high);
    return (column.at(low) + column.at(high)) * T(0.5f);
  }
};

inline ParameterSpec even_parameter() {
  return word("even", "mid", "median of an even count: the mean of the middle two, the lower or the upper",
              {"mid", "lower", "upper"});
}

inline Median median_of(const Arguments& a) {
  return {a.is("even", "lower")   ? Median::Even::lower
          : a.is("even", "upper") ? Median::Even::upper
                                  : Median::Even::mid};
}

}  // namespace gauntlet
