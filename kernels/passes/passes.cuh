// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/exec/array.cuh"
#include "kernels/passes/inbox.cuh"

/// The passes that touch d, except the column pass (column.cuh), which is a template. Each reads its rows once.
namespace gauntlet {

enum class GramPart { norms, full };

/// products[c] = X_c X_cᵀ (m × m, symmetric, both halves written), accumulated in double: products of floats are exact
/// there. With `norms` only the diagonal is computed and the rest is zero. m up to 1024.
/// Scratch: gram_scratch(rows) doubles. One pass, m·d floats read (m ≤ 32; m/32 times that from cache beyond).
void gram(Exec& exec, const Rows& rows, GramPart part, double* scratch, double* products);
std::size_t gram_scratch(const Exec& exec, const Rows& rows);

/// out[c] = Σ_p weights[c][p] · x_p, accumulated in double; weights are `stride` apart. A zero weight hides its row.
/// One pass: m·d floats read, d written, padding written as zero.
void combine(Exec& exec, const Rows& rows, const double* weights, int stride, float* const* out);

/// dots[c][p] = ⟨x_p, vectors[c]⟩ for p < m and dots[c][m] = ‖vectors[c]‖², in double. One pass, (m + 1)·d floats.
/// Scratch: dot_scratch(exec, rows) doubles.
void dots(Exec& exec, const Rows& rows, const float* const* vectors, double* scratch, double* dots);
std::size_t dot_scratch(const Exec& exec, const Rows& rows);

/// Coordinate-wise mean and standard deviation (ddof 1; zero for one row) of the first h rows; either output table may
/// be null. One pass.
void moments(Exec& exec, const Rows& rows, int h, float* const* mean, float* const* deviation);

}  // namespace gauntlet
