// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/defenses/defense.cuh"
#include "kernels/exec/launch.cuh"
#include "kernels/passes/inbox.cuh"

/// The small steps between a pipeline's passes, all of size n × n. "Problem" b belongs to inbox b / variants.
namespace gauntlet::detail {

/// The Gram matrix of what a stage sees: `n` messages, message i = Σ_p mixing[b][i][p] · base row p, and then `kept`
/// rows that stay themselves, base rows `kept_from`, kept_from + 1, … Entries off the diagonal only if `full`.
struct MixGram {
  const double* base;  ///< [inboxes][size][size]
  int size, variants;
  const double* mixing;  ///< [problems][n][columns]
  int n, columns, kept, kept_from;
  bool full;
  double* out;  ///< [problems][n + kept][n + kept]

  /// Columns 0 … n + kept − 1 of every problem: G wⱼ a piece at a time, then its products with the wᵢ, i ≤ j.
  GAUNTLET_HD void operator()(std::int64_t index) const {
    const int rows = n + kept, j = static_cast<int>(index % rows), first = full ? 0 : j;
    const std::int64_t b = index / rows;
    const double* products = base + b / variants * size * size;
    const double* mixes = mixing + b * n * columns;
    double* target = out + b * rows * rows;
    for (int i = first; i <= j; ++i) target[std::int64_t{i} * rows + j] = 0;
    constexpr int piece = 16;
    for (int start = 0; start < size; start += piece) {
      const int count = size - start < piece ? size - start : piece;
      double inner[piece] = {};
      for_row(mixes, j, 0, size, [&](int q, double right) {
        const double* row = products + std::int64_t{q} * size + start;
        for (int p = 0; p < count; ++p) inner[p] += right * row[p];
      });
      for (int i = first; i <= j; ++i) {
        double total = target[std::int64_t{i} * rows + j];
        for_row(mixes, i, start, start + count, [&](int p, double left) { total += left * inner[p - start]; });
        target[std::int64_t{i} * rows + j] = total;
      }
    }
    for (int i = first; i < j; ++i) target[std::int64_t{j} * rows + i] = target[std::int64_t{i} * rows + j];
  }

  /// Visits the weights of row i that are not zero, of base rows [from, to).
  template <class Visit>
  GAUNTLET_HD void for_row(const double* mixes, int i, int from, int to, Visit visit) const {
    if (i >= n) {
      const int own = kept_from + i - n;
      if (own >= from && own < to) visit(own, 1.0);
      return;
    }
    for (int p = from; p < to && p < columns; ++p) {
      const double weight = mixes[std::int64_t{i} * columns + p];
      if (weight != 0) visit(p, weight);
    }
  }
};

/// Runs it for all problems.
inline void mix_gram(Exec& exec, int problems, const MixGram& mix) {
  parallel_for(exec, "mix gram", std::int64_t{problems} * (mix.n + mix.kept), mix);
}

/// out[b] = left[b] · right[b], (rows × inner)(inner × columns); a zero on the left hides what it meets.
struct Multiply {
  const double* left;
  const double* right;
  int rows, inner, columns;
  double* out;

  GAUNTLET_HD void operator()(std::int64_t index) const {
    const std::int64_t b = index / (std::int64_t{rows} * columns), entry = index % (std::int64_t{rows} * columns);
    const double* l = left + (b * rows + entry / columns) * inner;
    const double* r = right + b * inner * columns + entry % columns;
    double total = 0;
    for (int k = 0; k < inner; ++k) add_weighted(total, l[k], r[std::int64_t{k} * columns]);
    out[index] = total;
  }
};

/// Turns a rule's weights over the messages it saw (n' of them, then `kept` rows) into weights over the raw messages,
/// through the pre-aggregators' mixing (null: none). The last slot, for a computed anchor, is set to `anchor`.
struct PullBack {
  const double* weights;  ///< [problems][seen + kept]
  const double* mixing;   ///< [problems][seen][n], or null
  int seen, n, kept;
  double* out;  ///< [problems][n + kept + 1]

  GAUNTLET_HD void operator()(std::int64_t index) const {
    const int slots = n + kept + 1;
    const std::int64_t b = index / slots;
    const int i = static_cast<int>(index % slots);
    const double* w = weights + b * (seen + kept);
    double total = 0;
    if (i == slots - 1) {
      total = 0;
    } else if (i >= n) {
      total = w[seen + i - n];
    } else if (mixing == nullptr) {
      total = w[i];
    } else {
      for (int k = 0; k < seen; ++k) add_weighted(total, w[k], mixing[(b * seen + k) * n + i]);
    }
    out[index] = total;
  }
};

/// The Gram problem of a meta-aggregator: the n raw messages and the anchor Σ_s weights[b][s] · row s, s over the
/// messages, the kept rows and, last, a computed anchor y of which `dots` holds the products with the base rows.
struct AnchorGram {
  const double* messages;  ///< [problems][n + kept][n + kept]
  const double* weights;   ///< [problems][n + kept + 1]
  const double* dots;      ///< [problems][base + 1], or null when no y was computed
  const double* mixing;    ///< [problems][n][columns] from base rows to messages, or null: message i is base row i
  int n, kept, columns, base;
  double* out;  ///< [problems][n + 1][n + 1]

  GAUNTLET_HD void operator()(std::int64_t index) const {
    const int rows = n + 1;
    const std::int64_t b = index / (std::int64_t{rows} * rows), entry = index % (std::int64_t{rows} * rows);
    const int i = static_cast<int>(entry / rows), j = static_cast<int>(entry % rows);
    if (i > j) return;
    double value;
    if (j < n) {
      value = product(b, i, j);
    } else if (i < n) {
      value = with_anchor(b, i);
    } else {
      value = 0;
      const double* w = weights + b * (n + kept + 1);
      for (int s = 0; s <= n + kept; ++s)
        if (w[s] != 0) value += w[s] * with_anchor(b, s);
    }
    double* target = out + b * rows * rows;
    target[i * rows + j] = value;
    target[j * rows + i] = value;
  }

  GAUNTLET_HD double product(std::int64_t b, int s, int t) const {
    const int y = n + kept;
    if (s < y && t < y) return messages[(b * y + s) * y + t];
    if (s == y && t == y) return dots[b * (base + 1) + base];
    const int row = s == y ? t : s;
    if (row >= n) return dots[b * (base + 1) + columns + row - n];
    if (mixing == nullptr) return dots[b * (base + 1) + row];
    double total = 0;
    for (int p = 0; p < columns; ++p)
      add_weighted(total, mixing[(b * n + row) * columns + p], dots[b * (base + 1) + p]);
    return total;
  }

  GAUNTLET_HD double with_anchor(std::int64_t b, int s) const {
    const double* w = weights + b * (n + kept + 1);
    double total = 0;
    for (int t = 0; t <= n + kept; ++t)
      if (w[t] != 0) total += w[t] * product(b, s, t);
    return total;
  }
};

/// weights ← refined messages + refined anchor · weights.
struct ApplyRefinement {
  const double* refined;  ///< [problems][n + 1]
  int n, slots;
  double* weights;  ///< [problems][slots]

  GAUNTLET_HD void operator()(std::int64_t index) const {
    const std::int64_t b = index / slots, s = index % slots;
    const double* z = refined + b * (n + 1);
    weights[index] = z[n] * weights[index] + (s < n ? z[s] : 0);
  }
};

/// Weights over the base table (columns, kept rows, y) from weights over messages, kept rows and y.
struct ToBase {
  const double* weights;  ///< [problems][n + kept + 1]
  const double* mixing;   ///< [problems][n][columns], or null: n = columns
  int n, kept, columns;
  double* out;  ///< [problems][columns + kept + 1]

  GAUNTLET_HD void operator()(std::int64_t index) const {
    const int slots = columns + kept + 1;
    const std::int64_t b = index / slots;
    const int p = static_cast<int>(index % slots);
    const double* w = weights + b * (n + kept + 1);
    if (p >= columns) {
      out[index] = w[n + p - columns];
    } else if (mixing == nullptr) {
      out[index] = w[p];
    } else {
      double total = 0;
      for (int i = 0; i < n; ++i) add_weighted(total, mixing[(b * n + i) * columns + p], w[i]);
      out[index] = total;
    }
  }
};

/// Base tables with the rows a defense adds: its memory row and the anchor of a column rule.
struct ExtendTable {
  const float* const* base;
  const float* const* memory;  ///< [count] rows, or null
  const float* const* anchor;  ///< [count] rows, or null
  int m, width;
  const float** out;

  GAUNTLET_HD void operator()(std::int64_t index) const {
    const std::int64_t c = index / width, p = index % width;
    const float* const* added = p == m && memory != nullptr ? memory : anchor;
    out[index] = p < m ? base[c * m + p] : added == nullptr ? nullptr : added[c];
  }
};

/// mixing[c] ← candidates[c][variant]
struct PickVariant {
  const double* candidates;
  int variants, variant;
  std::int64_t size;
  double* mixing;

  GAUNTLET_HD void operator()(std::int64_t index) const {
    const std::int64_t c = index / size;
    mixing[index] = candidates[(c * variants + variant) * size + index % size];
  }
};

/// The squared distance of Σ v_p x_p from Σ r_p x_p, and the inner product of their difference with a direction.
struct MeasureWeights {
  const double* products;   ///< [cells][size][size]
  const double* weights;    ///< [problems][stride], of which the first `size` count
  const double* reference;  ///< [cells][m]
  int size, stride, m, variants, direction;
  double* outcome;  ///< [problems][2]

  GAUNTLET_HD void operator()(std::int64_t b) const {
    const double* g = products + b / variants * size * size;
    const double* w = weights + b * stride;
    const double* r = reference + b / variants * m;
    double square = 0, along = 0;
    for (int p = 0; p < size; ++p) {
      const double left = w[p] - (p < m ? r[p] : 0);
      if (left == 0) continue;
      double inner = 0;
      for (int q = 0; q < size; ++q) add_weighted(inner, w[q] - (q < m ? r[q] : 0), g[std::int64_t{p} * size + q]);
      square += left * inner;
      if (direction >= 0) along += left * g[std::int64_t{p} * size + direction];
    }
    outcome[2 * b] = square > 0 ? square : 0;
    outcome[2 * b + 1] = along;
  }
};

/// The same for an output y that was computed, from its dots with the base rows.
struct MeasureOutput {
  const double* products;  ///< [cells][size][size]
  const double* dots;      ///< [cells][base + 1]
  const double* reference;
  int size, base, m, variants, variant, direction;
  double* outcome;

  GAUNTLET_HD void operator()(std::int64_t c) const {
    const double* g = products + c * size * size;
    const double* d = dots + c * (base + 1);
    const double* r = reference + c * m;
    double square = d[base], along = direction >= 0 ? d[direction] : 0;
    for (int p = 0; p < m; ++p) {
      if (r[p] == 0) continue;
      double inner = 0;
      for (int q = 0; q < m; ++q) add_weighted(inner, r[q], g[std::int64_t{p} * size + q]);
      square += r[p] * (inner - 2 * d[p]);
      if (direction >= 0) along -= r[p] * g[std::int64_t{p} * size + direction];
    }
    double* target = outcome + 2 * (c * variants + variant);
    target[0] = square > 0 ? square : 0;
    target[1] = along;
  }
};

/// The weights of the base rows in outputs that are in part, or all, what a column or custom rule made of its sources.
struct BaseWeights {
  const double* weights;  ///< [problems][anchor + 1] over the base rows and, last, what the rule made; null: that alone
  int anchor;
  Sources sources;
  int m;
  std::int64_t stride;
  double* out;  ///< m for each problem, `stride` apart

  GAUNTLET_HD void operator()(std::int64_t index) const {
    const std::int64_t b = index / m;
    const int p = static_cast<int>(index % m);
    const double weight = weights != nullptr ? weights[b * (anchor + 1) + p] : 0;
    const double share = weights != nullptr ? weights[b * (anchor + 1) + anchor] : 1;
    out[b * stride + p] = share != 0 ? weight + share * sources.weight(b, p) : weight;
  }
};

/// What base row `direction` brings of an output's inner product with it: its weight times its square or, where it
/// enters otherwise than by a weight, all there is unless the output is that of variant 0.
struct MeasurePull {
  const double* weights;   ///< [problems][stride]
  const double* products;  ///< [problems / variants][size][size]
  int stride, size, variants, direction;
  const double* outcome;  ///< [problems][2]
  double* pull;

  GAUNTLET_HD void operator()(std::int64_t b) const {
    const double weight = weights[b * stride + direction];
    const double* other = outcome + 2 * (b - b % variants);
    pull[b] = 0;
    if (fabs(weight) == INFINITY)
      pull[b] = outcome[2 * b] != other[0] || outcome[2 * b + 1] != other[1] ? outcome[2 * b + 1] : 0;
    else if (weight != 0)
      pull[b] = weight * products[(b / variants * size + direction) * size + direction];
  }
};

struct CopyRows {
  const float* const* from;
  float* const* to;

  GAUNTLET_HD void operator()(int c, std::int64_t k) const {
    for (int l = 0; l < span_width; ++l) to[c][k + l] = from[c][k + l];
  }
};

struct Identity {
  int n;
  double* out;

  GAUNTLET_HD void operator()(std::int64_t index) const {
    const std::int64_t entry = index % (std::int64_t{n} * n);
    out[index] = entry / n == entry % n;
  }
};

struct SetAnchor {
  int slots;
  double* weights;

  GAUNTLET_HD void operator()(std::int64_t index) const { weights[index] = index % slots == slots - 1; }
};

}  // namespace gauntlet::detail
