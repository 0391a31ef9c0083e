// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/exec/array.cuh"
#include "kernels/passes/inbox.cuh"

/// The passes of passes.cuh on vectors that are cut into parts, each part by itself. How many parts there are lies in
/// the back end's memory and may change from call to call while the launches stay the same.
namespace gauntlet {

/// Consecutive columns [begin, end) of one part.
struct Piece {
  int part;
  std::int64_t begin, end;
};

/// How the vectors of each stack are cut: part j < of(c) covers the columns [begin(c, j), end(c, j)), each part
/// ⌈d / of(c)⌉ wide, the last ones less or nothing.
struct Parts {
  int most = 1;                ///< parts that a stack may have
  const int* count = nullptr;  ///< [stacks], each in [1, most], in the back end's memory; null: `most` each
  std::int64_t d = 0;

  /// Whole vectors, as their only part.
  static Parts whole(std::int64_t d) { return {1, nullptr, d}; }

  GAUNTLET_HD int of(int c) const { return count == nullptr ? most : count[c]; }
  GAUNTLET_HD std::int64_t width(int c) const { return of(c) == 1 ? d : (d + of(c) - 1) / of(c); }
  GAUNTLET_HD std::int64_t begin(int c, int j) const {
    const std::int64_t at = j * width(c);
    return at < d && j < of(c) ? at : d;
  }
  GAUNTLET_HD std::int64_t end(int c, int j) const {
    const std::int64_t at = (j + 1) * width(c);
    return at < d && j < of(c) ? at : d;
  }

  /// Passes add up pieces of `size` columns, the last one of a part less: piece q of part j is piece j · pieces(c) + q
  /// of its stack. The sums over a part are the same, then, whatever `most` is and whoever else is there.
  GAUNTLET_HD int pieces(int c, int size) const { return static_cast<int>((width(c) + size - 1) / size); }
  /// The most that a stack has: one for every `size` columns and one more at every border.
  GAUNTLET_HD int most_pieces(int size) const { return static_cast<int>((d + size - 1) / size) + most - 1; }
  /// That piece of a stack; empty if there are not so many.
  GAUNTLET_HD Piece piece(int c, int index, int size) const {
    const int each = pieces(c, size), j = index / each;
    const std::int64_t last = end(c, j), first = begin(c, j) + std::int64_t{index % each} * size;
    return {j, first < last ? first : last, first + size < last ? first + size : last};
  }
  /// Σ f(index) over the pieces of part `part` % most of stack `part` / most, in order; every stack has
  /// most_pieces(size) indices.
  template <class F>
  GAUNTLET_HD double sum_pieces(std::int64_t part, int size, F f) const {
    const int c = static_cast<int>(part / most), j = static_cast<int>(part % most);
    const std::int64_t first = std::int64_t{c} * most_pieces(size) + std::int64_t{j} * pieces(c, size);
    const std::int64_t count = (end(c, j) - begin(c, j) + size - 1) / size;
    double total = 0;
    for (std::int64_t k = 0; k < count; ++k) total += f(first + k);
    return total;
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
