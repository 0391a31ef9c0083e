// SPDX-License-Identifier: Apache-2.0
#include "kernels/passes/parts.cuh"

#include "kernels/exec/launch.cuh"

namespace gauntlet {

namespace {

/// Columns of a vector that one partial dot covers.
constexpr int dot_piece = 4096;

struct Combine {
  Rows rows;
  Parts parts;
  const double* weights;
  int stride;
  float* const* out;
  const std::uint8_t* only;

  /// The columns [from, to) of the span at k, which lie in one part: its `part` of all stacks' parts.
  GAUNTLET_HD void sum_rows(int c, std::int64_t part, std::int64_t k, int from, int to) const {
    const float* const* table = rows.of(c);
    const double* w = weights + part * stride;
    double sum[span_width] = {};
    for (int p = 0; p < rows.m; ++p) {
      if (w[p] == 0) continue;
      const float* x = table[p] + k;
      for (int l = 0; l < span_width; ++l) sum[l] += w[p] * x[l];
    }
    for (int l = 0; l < span_width; ++l)
      if (from <= l && l < to) out[c][k + l] = static_cast<float>(sum[l]);
  }

  GAUNTLET_HD void operator()(int c, std::int64_t k) const {
    const std::int64_t width = parts.width(c);
    std::int64_t j = width < parts.d ? k / width : 0;
    for (int from = 0; from < span_width; ++j) {
      const std::int64_t end = (j + 1) * width, part = std::int64_t{c} * parts.most + j;
      const int to = end < parts.d && end - k < span_width ? static_cast<int>(end - k) : span_width;
      if (only == nullptr || only[part] != 0) sum_rows(c, part, k, from, to);
      from = to;
    }
  }
};

/// One team: the dots of one piece of a vector. A member takes every size-th span of columns.
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
      const double total = team.sum((columns + span_width - 1) / span_width, [=](int s) {
        constexpr int lanes = 4;
        const int first = s * span_width, last = first + span_width < columns ? first + span_width : columns;
        double part[lanes] = {};
        int k = first;
        for (; k + lanes <= last; k += lanes)
          for (int t = 0; t < lanes; ++t) part[t] += static_cast<double>(x[k + t]) * static_cast<double>(y[k + t]);
        for (int t = 0; t < lanes; ++t)
          if (k + t < last) part[t] += static_cast<double>(x[k + t]) * static_cast<double>(y[k + t]);
        return (part[0] + part[1]) + (part[2] + part[3]);
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

}  // namespace

void part_combine(Exec& exec, const Rows& rows, const Parts& parts, const double* weights, int stride,
                  float* const* out, const std::uint8_t* only) {
  parallel_spans(exec, "combine", rows.count, rows.d, Combine{rows, parts, weights, stride, out, only});
}

std::size_t part_dot_scratch(const Exec&, const Rows& rows, const Parts& parts) {
  return static_cast<std::size_t>(rows.count) * parts.most_pieces(dot_piece) * (rows.m + 1);
}

void part_dots(Exec& exec, const Rows& rows, const Parts& parts, const float* const* vectors, double* scratch,
               double* dots) {
  const int pieces = rows.count * parts.most_pieces(dot_piece);
  for_teams(exec, "dots", pieces, 256, DotPiece{rows, parts, vectors, scratch});
  parallel_for(exec, "dot pieces", std::int64_t{rows.count} * parts.most * (rows.m + 1),
               ReduceDots{scratch, dots, rows.m, parts});
}

}  // namespace gauntlet
