// SPDX-License-Identifier: Apache-2.0
#include "kernels/passes/passes.cuh"

#include <cmath>

#include "kernels/exec/launch.cuh"
#include "kernels/passes/parts.cuh"

namespace gauntlet {

namespace {

struct Moments {
  Rows rows;
  int h;
  float* const* mean;
  float* const* deviation;

  /// One column whose sums overflow in floats.
  GAUNTLET_HD void in_double(int c, std::int64_t k, float& center, float& spread) const {
    const float* const* table = rows.of(c);
    double middle = 0, squares = 0;
    for (int p = 0; p < h; ++p) middle += table[p][k];
    middle /= h;
    for (int p = 0; p < h; ++p) squares += (table[p][k] - middle) * (table[p][k] - middle);
    center = static_cast<float>(middle);
    spread = h > 1 ? static_cast<float>(sqrt(squares / (h - 1))) : 0.0f;
  }

  GAUNTLET_HD void operator()(int c, std::int64_t k) const {
    const float* const* table = rows.of(c);
    float center[span_width] = {}, spread[span_width] = {};
    for (int p = 0; p < h; ++p)
      for (int l = 0; l < span_width; ++l) center[l] += table[p][k + l];
    for (int l = 0; l < span_width; ++l) center[l] /= static_cast<float>(h);
    for (int p = 0; p < h; ++p)
      for (int l = 0; l < span_width; ++l) {
        const float gap = table[p][k + l] - center[l];
        spread[l] += gap * gap;
      }
    for (int l = 0; l < span_width; ++l) {
      spread[l] = h > 1 ? sqrtf(spread[l] / static_cast<float>(h - 1)) : 0.0f;
      if (!(fabsf(center[l]) < INFINITY && spread[l] < INFINITY)) in_double(c, k + l, center[l], spread[l]);
      if (mean != nullptr) mean[c][k + l] = center[l];
      if (deviation != nullptr) deviation[c][k + l] = spread[l];
    }
  }
};

/// Whole vectors are their only part.
Parts whole(const Rows& rows) { return {1, nullptr, rows.d}; }

}  // namespace

void combine(Exec& exec, const Rows& rows, const double* weights, int stride, float* const* out) {
  part_combine(exec, rows, whole(rows), weights, stride, out);
}

std::size_t dot_scratch(const Exec& exec, const Rows& rows) { return part_dot_scratch(exec, rows, whole(rows)); }

void dots(Exec& exec, const Rows& rows, const float* const* vectors, double* scratch, double* dots) {
  part_dots(exec, rows, whole(rows), vectors, scratch, dots);
}

void moments(Exec& exec, const Rows& rows, int h, float* const* mean, float* const* deviation) {
  parallel_spans(exec, "moments", rows.count, rows.d, Moments{rows, h, mean, deviation});
}

}  // namespace gauntlet
