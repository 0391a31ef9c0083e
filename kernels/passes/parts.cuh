// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/exec/array.cuh"
#include "kernels/passes/inbox.cuh"

/// The passes of passes.cuh on vectors that are cut into parts, each part by itself. How many parts there are lies in
/// the back end's memory and may change from call to call while the launches stay the same.
namespace gauntlet {

/// How the vectors of each stack are cut: part j < count[c] covers the columns [begin(c, j), end(c, j)), each part
/// ⌈d / count[c]⌉ wide, the last ones less or nothing.
struct Parts {
  int most = 1;                ///< parts that a stack may have
  const int* count = nullptr;  ///< [stacks], each in [1, most]
  std::int64_t d = 0;

  GAUNTLET_HD std::int64_t width(int c) const { return (d + count[c] - 1) / count[c]; }
  GAUNTLET_HD std::int64_t begin(int c, int j) const {
    const std::int64_t at = j * width(c);
    return at < d && j < count[c] ? at : d;
  }
  GAUNTLET_HD std::int64_t end(int c, int j) const {
    const std::int64_t at = (j + 1) * width(c);
    return at < d && j < count[c] ? at : d;
  }
};

/// products[c][j] = X X^T of part j of stack c (m × m, symmetric, both halves written), in double; zero for a part that
/// is not there: [count][most][m][m]. m up to 1024. One pass, m·d floats read, whatever the number of parts.
/// Scratch: part_gram_scratch(...) doubles.
void part_gram(Exec& exec, const Rows& rows, const Parts& parts, double* scratch, double* products);
std::size_t part_gram_scratch(const Exec& exec, const Rows& rows, const Parts& parts);

/// out[c], in the columns of part j, = Σ_p weights[c][j][p] · x_p, weights [count][most][stride]; a zero weight hides
/// its row and padding is written as zero. With `only`, [count][most], the parts that are not marked stay as they are
/// and cost nothing. One pass: m·d floats read, d written.
void part_combine(Exec& exec, const Rows& rows, const Parts& parts, const double* weights, int stride,
                  float* const* out, const std::uint8_t* only = nullptr);

/// dots[c][j][p] = ⟨x_p, vectors[c]⟩ over part j for p < m and dots[c][j][m] = ‖vectors[c]‖² there, in double; zero for
/// a part that is not there: [count][most][m + 1]. One pass, (m + 1)·d floats.
/// Scratch: part_dot_scratch(...) doubles.
void part_dots(Exec& exec, const Rows& rows, const Parts& parts, const float* const* vectors, double* scratch,
               double* dots);
std::size_t part_dot_scratch(const Exec& exec, const Rows& rows, const Parts& parts);

}  // namespace gauntlet
