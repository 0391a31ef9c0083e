// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/attacks/shared/honest.cuh"

namespace gauntlet {

/// Every Byzantine worker sends the same number in all coordinates. It is a row, not a mixing: nothing finite mixes to
/// NaN or infinity.
struct ConstantRow : AttackFunctor {
  static constexpr int extra_rows = 1;
  float value;

  GAUNTLET_HD void write(const AttackView& view, int c, std::int64_t k) const {
    float* out = extra_data(view, c, 0) + k;
    for (int l = 0; l < span_width; ++l) out[l] = k + l < view.d ? value : 0.0f;
  }
  GAUNTLET_HD double operator()(const AttackView& view, int, int, int p) const { return p == view.extra_row(0); }
};

}  // namespace gauntlet
