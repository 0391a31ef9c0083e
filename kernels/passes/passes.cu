// SPDX-License-Identifier: Apache-2.0
#include "kernels/passes/passes.cuh"

#include <algorithm>
#include <cmath>

#include "kernels/exec/launch.cuh"
#include "kernels/passes/parts.cuh"

namespace gauntlet {

namespace {

/// Columns of a vector that one partial dot covers.
constexpr int dot_piece = 4096;

struct Combine {
  Rows rows;
  const double* weights;
  int stride;
  float* const* out;

  /// The columns [from, to) of the span at k with the weights of that index.
  GAUNTLET_HD void sum_rows(int c, std::int64_t k, std::int64_t index, int from, int to) const {
    const float* const* table = rows.of(c);
    const double* w = weights + index * stride;
    double sum[span_width] = {};
    for (int p = 0; p < rows.m; ++p) {
      if (w[p] == 0) continue;
      const float* x = table[p] + k;
      for (int l = 0; l < span_width; ++l) sum[l] += w[p] * x[l];
    }
    if (from == 0 && to == span_width)
      for (int l = 0; l < span_width; ++l) out[c][k + l] = static_cast<float>(sum[l]);
    else
      for (int l = 0; l < span_width; ++l)
        if (from <= l && l < to) out[c][k + l] = static_cast<float>(sum[l]);
  }

  GAUNTLET_HD void operator()(int c, std::int64_t k) const { sum_rows(c, k, c, 0, span_width); }
};

/// A span may lie in several parts.
struct CombineParts {
  Combine combine;
  Parts parts;
  const std::uint8_t* only;

  GAUNTLET_HD void operator()(int c, std::int64_t k) const {
    const std::int64_t width = parts.width(c);
    std::int64_t j = k / width;
    for (int from = 0; from < span_width; ++j) {
      const std::int64_t end = (j + 1) * width, index = std::int64_t{c} * parts.most + j;
      const int to = end < parts.d && end - k < span_width ? static_cast<int>(end - k) : span_width;
      if (only == nullptr || only[index] != 0) combine.sum_rows(c, k, index, from, to);
      from = to;
    }
  }
};

/// One team: the dots of one piece of a vector. A member takes every size-th group of four columns.
struct DotPiece {
  Rows rows;
  Parts parts;
  const float* const* vectors;
  double* partial;

  GAUNTLET_HD void operator()(Team& team, int index) const {
    const int most = parts.most_pieces(dot_piece), c = index / most;
    const Piece piece = parts.piece(c, index % most, dot_piece);
    const int columns = static_cast<int>(piece.end - piece.begin);
    if (columns == 0) return;
    const float* y = vectors[c] + piece.begin;
    for (int p = 0; p <= rows.m; ++p) {
      const float* x = p < rows.m ? rows.of(c)[p] + piece.begin : y;
      const double total = team.sum((columns + 3) / 4, [=](int group) {
        double product[4] = {};
        for (int l = 0, k = 4 * group; l < 4; ++l, ++k)
          if (k < columns) product[l] = static_cast<double>(x[k]) * static_cast<double>(y[k]);
        return (product[0] + product[1]) + (product[2] + product[3]);
      });
      if (team.rank() == 0) partial[std::int64_t{index} * (rows.m + 1) + p] = total;
    }
  }
};

struct ReduceDots {
  const double* partial;
  double* dots;
  int m;
  Parts parts;

  GAUNTLET_HD void operator()(std::int64_t index) const {
    const std::int64_t part = index / (m + 1), p = index % (m + 1);
    dots[index] = parts.sum_pieces(part, dot_piece, [&](std::int64_t k) { return partial[k * (m + 1) + p]; });
  }
};

/// Adds the dots of four rows with y over a piece, on the CPU: y is widened once for all of them, and their sums do not
/// wait for one another.
void dot_rows(const float* const (&x)[4], const float* y, const Piece& piece, double (&dots)[4]) {
  using Four = double __attribute__((vector_size(32)));
  constexpr int run = 128;
  for (std::int64_t first = piece.begin; first < piece.end; first += run) {
    const std::int64_t last = std::min(first + run, piece.end);
    Four sum[4] = {};
    std::int64_t k = first;
    for (; k + 4 <= last; k += 4) {
      const Four v{y[k], y[k + 1], y[k + 2], y[k + 3]};
      for (int r = 0; r < 4; ++r) sum[r] += Four{x[r][k], x[r][k + 1], x[r][k + 2], x[r][k + 3]} * v;
    }
    for (int r = 0; r < 4; ++r) {
      for (int l = 0; k + l < last; ++l) sum[r][l] += static_cast<double>(x[r][k + l]) * y[k + l];
      dots[r] += (sum[r][0] + sum[r][1]) + (sum[r][2] + sum[r][3]);
    }
  }
}

void dots_on_cpu(const Rows& rows, const Parts& parts, const float* const* vectors, double* dots) {
  const int m = rows.m;
  std::fill(dots, dots + std::int64_t{rows.count} * parts.most * (m + 1), 0.0);
  for (int c = 0; c < rows.count; ++c)
    for (int index = 0; index < parts.most_pieces(dot_piece); ++index) {
      const Piece piece = parts.piece(c, index, dot_piece);
      if (piece.begin == piece.end) continue;
      double* out = dots + (std::int64_t{c} * parts.most + piece.part) * (m + 1);
      for (int p = 0; p <= m; p += 4) {
        const float* x[4];
        for (int r = 0; r < 4; ++r) x[r] = p + r < m ? rows.of(c)[p + r] : vectors[c];
        double sums[4] = {};
        dot_rows(x, vectors[c], piece, sums);
        for (int r = 0; r < 4 && p + r <= m; ++r) out[p + r] += sums[r];
      }
    }
}

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

}  // namespace

void combine(Exec& exec, const Rows& rows, const double* weights, int stride, float* const* out) {
  parallel_spans(exec, "combine", rows.count, rows.d, Combine{rows, weights, stride, out});
}

void part_combine(Exec& exec, const Rows& rows, const Parts& parts, const double* weights, int stride,
                  float* const* out, const std::uint8_t* only) {
  parallel_spans(exec, "combine", rows.count, rows.d, CombineParts{{rows, weights, stride, out}, parts, only});
}

std::size_t part_dot_scratch(const Exec& exec, const Rows& rows, const Parts& parts) {
  return exec.cuda() ? static_cast<std::size_t>(rows.count) * parts.most_pieces(dot_piece) * (rows.m + 1) : 0;
}

void part_dots(Exec& exec, const Rows& rows, const Parts& parts, const float* const* vectors, double* scratch,
               double* dots) {
  if (!exec.cuda()) return dots_on_cpu(rows, parts, vectors, dots);
  const int pieces = rows.count * parts.most_pieces(dot_piece);
  for_teams(exec, "dots", pieces, 256, DotPiece{rows, parts, vectors, scratch});
  parallel_for(exec, "dot pieces", std::int64_t{rows.count} * parts.most * (rows.m + 1),
               ReduceDots{scratch, dots, rows.m, parts});
}

std::size_t dot_scratch(const Exec& exec, const Rows& rows) {
  return part_dot_scratch(exec, rows, Parts::whole(rows.d));
}

void dots(Exec& exec, const Rows& rows, const float* const* vectors, double* scratch, double* dots) {
  part_dots(exec, rows, Parts::whole(rows.d), vectors, scratch, dots);
}

void moments(Exec& exec, const Rows& rows, int h, float* const* mean, float* const* deviation) {
  parallel_spans(exec, "moments", rows.count, rows.d, Moments{rows, h, mean, deviation});
}

}  // namespace gauntlet
