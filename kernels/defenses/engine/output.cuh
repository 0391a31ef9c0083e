// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/defenses/defense.cuh"
#include "kernels/passes/column.cuh"

/// What a Gram rule may make of its weights other than a sum.
namespace gauntlet::detail {

/// Rows k w_i mixing_i of the k messages with a weight; the others become NaN, which a column sorts last.
struct HideMessages {
  const double* weights;  ///< [count][most n + kept]
  const double* mixing;   ///< [count][most n][m]
  PerInbox n;
  int kept, m;
  double* out;  ///< [count][most n][m]

  GAUNTLET_HD void operator()(std::int64_t index) const {
    const std::int64_t c = index / (std::int64_t{n.same} * m), i = index / m % n.same;
    const double* own = weights + c * (n.same + kept);
    if (i >= n(c)) return;
    int left = 0;
    for (int j = 0; j < n(c); ++j) left += own[j] != 0;
    out[index] = own[i] == 0 ? NAN : left * own[i] * mixing[index];
  }
};

/// The median of a column's finite values, of an even number the mean of the middle two; zero without any.
struct MedianOfFinite {
  static constexpr bool sorted = true;

  template <class Values>
  GAUNTLET_HD typename Values::Number operator()(const Values& column) const {
    using T = typename Values::Number;
    const T zero(0.0f), one(1.0f), two(2.0f), half(0.5f), most(3.4028235e38f);
    T finite = zero;
    for (int i = 0; i < column.n; ++i) finite = finite + if_not_above(column.at(i), most, one, zero);
    const T middle = half * (finite - one);
    T total = zero, counted = zero;
    for (int i = 0; i < column.n; ++i) {
      const T value = column.at(i), place(static_cast<float>(i));
      const T share = if_not_above(upper(place - middle, middle - place), half, one, zero);
      const T known = if_not_above(value, most, share, zero);
      total = total + half * if_not_above(one, known, value, zero);
      counted = counted + known;
    }
    return total * (two / upper(counted, one));
  }
};

/// Other numbers in every round, the same for all cells of a seed.
struct AddNoise {
  const std::uint64_t* seeds;
  const int* round;
  std::int64_t d;
  float deviation;
  float* const* out;

  GAUNTLET_HD void operator()(int c, std::int64_t k) const {
    for (int l = 0; l < span_width; l += 2) {
      const Random random(seeds[c], DefenseDraw::noise, static_cast<std::uint32_t>(*round),
                          static_cast<std::uint32_t>((k + l) / 2));
      for (int i = 0; i < 2 && k + l + i < d; ++i) out[c][k + l + i] += deviation * random.normal(i);
    }
  }
};

}  // namespace gauntlet::detail
