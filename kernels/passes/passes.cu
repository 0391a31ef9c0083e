// SPDX-License-Identifier: Apache-2.0
#include "kernels/passes/passes.cuh"

#include <cmath>

#include "kernels/exec/launch.cuh"

namespace gauntlet {

namespace {

constexpr std::int64_t dot_chunk = 4096;

struct Combine {
  Rows rows;
  const double* weights;
  int stride;
  float* const* out;

  GAUNTLET_HD void operator()(int c, std::int64_t k) const {
    const float* const* table = rows.of(c);
    const double* w = weights + std::int64_t{c} * stride;
    double sum[span_width] = {};
    for (int p = 0; p < rows.m; ++p) {
      if (w[p] == 0) continue;
      const float* x = table[p] + k;
      for (int l = 0; l < span_width; ++l) sum[l] += w[p] * x[l];
    }
    for (int l = 0; l < span_width; ++l) out[c][k + l] = static_cast<float>(sum[l]);
  }
};

/// One team: the dots of one chunk of columns. A member takes every size-th span of columns.
struct DotChunk {
  Rows rows;
  const float* const* vectors;
  double* partial;
  int chunks;

  GAUNTLET_HD void operator()(Team& team, int index) const {
    const int c = index / chunks;
    const std::int64_t first = (index % chunks) * dot_chunk;
    const std::int64_t columns = first + dot_chunk < rows.d ? dot_chunk : rows.d - first;
    const int spans = static_cast<int>((columns + span_width - 1) / span_width);
    const float* y = vectors[c] + first;
    for (int p = 0; p <= rows.m; ++p) {
      const float* x = p < rows.m ? rows.of(c)[p] + first : y;
      const double total = team.sum(spans, [=](int s) {
        constexpr int lanes = 4;
        double part[lanes] = {};
        for (int l = 0; l < span_width; l += lanes)
          for (int t = 0; t < lanes; ++t) {
            const int k = s * span_width + l + t;
            part[t] += static_cast<double>(x[k]) * static_cast<double>(y[k]);
          }
        return (part[0] + part[1]) + (part[2] + part[3]);
      });
      if (team.rank() == 0) partial[std::int64_t{index} * (rows.m + 1) + p] = total;
    }
  }
};

struct ReduceDots {
  const double* partial;
  double* dots;
  int m, chunks;

  GAUNTLET_HD void operator()(std::int64_t index) const {
    const std::int64_t c = index / (m + 1), p = index % (m + 1);
    double total = 0;
    for (int k = 0; k < chunks; ++k) total += partial[(c * chunks + k) * (m + 1) + p];
    dots[index] = total;
  }
};

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

int dot_chunks(std::int64_t d) { return static_cast<int>((d + dot_chunk - 1) / dot_chunk); }

}  // namespace

void combine(Exec& exec, const Rows& rows, const double* weights, int stride, float* const* out) {
  parallel_spans(exec, "combine", rows.count, rows.d, Combine{rows, weights, stride, out});
}

std::size_t dot_scratch(const Rows& rows) {
  return static_cast<std::size_t>(rows.count) * dot_chunks(rows.d) * (rows.m + 1);
}

void dots(Exec& exec, const Rows& rows, const float* const* vectors, double* scratch, double* dots) {
  const int chunks = dot_chunks(rows.d);
  for_teams(exec, "dots", rows.count * chunks, 256, DotChunk{rows, vectors, scratch, chunks});
  parallel_for(exec, "dot chunks", std::int64_t{rows.count} * (rows.m + 1), ReduceDots{scratch, dots, rows.m, chunks});
}

void moments(Exec& exec, const Rows& rows, int h, float* const* mean, float* const* deviation) {
  parallel_spans(exec, "moments", rows.count, rows.d, Moments{rows, h, mean, deviation});
}

}  // namespace gauntlet
