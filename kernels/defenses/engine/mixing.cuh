// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/defenses/defense.cuh"
#include "kernels/exec/launch.cuh"
#include "kernels/passes/inbox.cuh"

/// The small steps between a pipeline's passes, all of size n × n. A problem with fewer messages than most lies at the
/// start of its room, its rows one after the other.
namespace gauntlet {

/// The Gram matrices of what a stage sees: messages i = Σ_p mixing[b][i][p] · row p, and then `kept` rows that stay
/// themselves. Entries off the diagonal only if `full`. Problem b belongs to inbox b / variants; the `views` inboxes of
/// a stack share a Gram matrix, in which each has kept rows of its own behind the rows that are mixed.
struct MixGram {
  const double* base;  ///< [stacks][stack][stack]
  int stack;           ///< rows of one, the kept ones of all views included; 0: each has the columns and `kept` more
  int variants, views;
  const double* mixing;  ///< [problems][most n][most columns]
  PerInbox n, columns;   ///< messages made, rows mixed
  int kept;
  bool full;
  double* out;  ///< [problems][n + kept][n + kept]

  /// Columns 0 … n + kept − 1 of every problem: G wⱼ a piece at a time, then its products with the wᵢ, i ≤ j.
  GAUNTLET_HD void operator()(std::int64_t index) const {
    const int most = n.same + kept, j = static_cast<int>(index % most), first = full ? 0 : j;
    const std::int64_t b = index / most;
    const int rows = n(b) + kept;
    if (j >= rows) return;
    const Problem own(*this, b);
    double* target = out + b * most * most;
    for (int i = first; i <= j; ++i) target[std::int64_t{i} * rows + j] = 0;
    constexpr int piece = 16;
    for (int start = 0; start < own.size; start += piece) {
      const int count = own.size - start < piece ? own.size - start : piece;
      double inner[piece] = {};
      own.for_row(j, 0, own.size, [&](int q, double right) {
        const double* row = own.products + std::int64_t{q} * own.size + start;
        for (int p = 0; p < count; ++p) inner[p] += right * row[p];
      });
      for (int i = first; i <= j; ++i) {
        double total = target[std::int64_t{i} * rows + j];
        own.for_row(i, start, start + count, [&](int p, double left) { total += left * inner[p - start]; });
        target[std::int64_t{i} * rows + j] = total;
      }
    }
    for (int i = first; i < j; ++i) target[std::int64_t{j} * rows + i] = target[std::int64_t{i} * rows + j];
  }

 private:
  struct Problem {
    const double *products, *mixes;
    int n, columns, size, kept_from;

    GAUNTLET_HD Problem(const MixGram& all, std::int64_t b)
        : mixes(all.mixing + b * all.n.same * all.columns.same),
          n(all.n(b)),
          columns(all.columns(b)),
          size(all.stack > 0 ? all.stack : columns + all.kept),
          kept_from(columns + static_cast<int>(b / all.variants % all.views) * all.kept) {
      const std::int64_t room = all.stack > 0 ? all.stack : all.columns.same + all.kept;
      products = all.base + b / all.variants / all.views * room * room;
    }

    /// Visits the weights of row i that are not zero, of base rows [from, to).
    template <class Visit>
    GAUNTLET_HD void for_row(int i, int from, int to, Visit visit) const {
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
};

/// Runs it for all problems.
inline void mix_gram(Exec& exec, int problems, const MixGram& mix) {
  parallel_for(exec, "mix gram", std::int64_t{problems} * (mix.n.same + mix.kept), mix);
}

/// out[b] = left[b] · right[b], (rows × inner)(inner × columns); a zero on the left hides what it meets.
struct Multiply {
  const double* left;
  const double* right;
  PerInbox rows, inner, columns;
  double* out;

  GAUNTLET_HD void operator()(std::int64_t index) const {
    const std::int64_t size = std::int64_t{rows.same} * columns.same, b = index / size;
    const int r = static_cast<int>(index % size / columns.same), c = static_cast<int>(index % size % columns.same);
    const int width = columns(b), depth = inner(b);
    if (r >= rows(b) || c >= width) return;
    const double* l = left + b * rows.same * inner.same + std::int64_t{r} * depth;
    const double* right_column = right + b * inner.same * columns.same + c;
    double total = 0;
    for (int k = 0; k < depth; ++k) add_weighted(total, l[k], right_column[std::int64_t{k} * width]);
    out[b * size + std::int64_t{r} * width + c] = total;
  }

  std::int64_t entries(int problems) const { return std::int64_t{problems} * rows.same * columns.same; }
};

/// Turns a rule's weights over the messages it saw (n' of them, then `kept` rows) into weights over the raw messages,
/// through the pre-aggregators' mixing (null: none). The last slot, for a computed anchor, is zero.
struct PullBack {
  const double* weights;  ///< [problems][most seen + kept]
  const double* mixing;   ///< [problems][most seen][most n], or null
  PerInbox seen, n;
  int kept;
  double* out;  ///< [problems][most n + kept + 1]: kept rows and anchor have the same places in all problems

  GAUNTLET_HD void operator()(std::int64_t index) const {
    const int slots = n.same + kept + 1;
    const std::int64_t b = index / slots;
    const int i = static_cast<int>(index % slots), own = n(b), rows = seen(b);
    const double* w = weights + b * (seen.same + kept);
    double total = 0;
    if (i == slots - 1 || (i >= own && i < n.same)) {
      total = 0;
    } else if (i >= n.same) {
      total = w[rows + i - n.same];
    } else if (mixing == nullptr) {
      total = w[i];
    } else {
      const double* mix = mixing + b * seen.same * n.same + i;
      for (int k = 0; k < rows; ++k) add_weighted(total, w[k], mix[std::int64_t{k} * own]);
    }
    out[index] = total;
  }
};

/// The Gram problem of a meta-aggregator: the n raw messages and the anchor Σ_s weights[b][s] · row s, s over the
/// messages, the kept rows and, last, a computed anchor y of which `dots` holds the products with the base rows.
struct AnchorGram {
  const double* messages;  ///< [problems][n + kept][n + kept]
  const double* weights;   ///< [problems][most n + kept + 1]
  const double* dots;      ///< [problems][base + 1], or null when no y was computed
  const double* mixing;    ///< [problems][most n][columns] from base rows to messages, or null: message i is base row i
  PerInbox n;
  int kept, columns, base, views;
  double* out;  ///< [problems][n + 1][n + 1]

  GAUNTLET_HD void operator()(std::int64_t index) const {
    const int most = n.same + 1;
    const std::int64_t b = index / (std::int64_t{most} * most), entry = index % (std::int64_t{most} * most);
    const int i = static_cast<int>(entry / most), j = static_cast<int>(entry % most), own = n(b);
    if (i > j || j > own) return;
    double value;
    if (j < own) {
      value = product(b, i, j);
    } else if (i < own) {
      value = with_anchor(b, i);
    } else {
      value = 0;
      for_weights(b, [&](int s, double weight) { value += weight * with_anchor(b, s); });
    }
    double* target = out + b * most * most;
    target[i * (own + 1) + j] = value;
    target[j * (own + 1) + i] = value;
  }

 private:
  /// Rows are counted as in the problem: its messages, the kept rows, y.
  template <class Visit>
  GAUNTLET_HD void for_weights(std::int64_t b, Visit visit) const {
    const double* w = weights + b * (n.same + kept + 1);
    const int own = n(b), absent = n.same - own;
    for (int s = 0; s <= own + kept; ++s)
      if (const double weight = w[s < own ? s : s + absent]; weight != 0) visit(s, weight);
  }

  GAUNTLET_HD double product(std::int64_t b, int s, int t) const {
    const int own = n(b), y = own + kept, most = n.same + kept;
    if (s < y && t < y) return messages[b * most * most + std::int64_t{s} * y + t];
    const double* dot = dots + b * (base + 1);
    if (s == y && t == y) return dot[base];
    const int row = s == y ? t : s;
    if (row >= own) return dot[columns + static_cast<int>(b % views) * kept + row - own];
    if (mixing == nullptr) return dot[row];
    double total = 0;
    for (int p = 0; p < columns; ++p) add_weighted(total, mixing[(b * n.same + row) * columns + p], dot[p]);
    return total;
  }

  GAUNTLET_HD double with_anchor(std::int64_t b, int s) const {
    double total = 0;
    for_weights(b, [&](int t, double weight) { total += weight * product(b, s, t); });
    return total;
  }
};

/// weights ← refined messages + refined anchor · weights.
struct ApplyRefinement {
  const double* refined;  ///< [problems][most n + 1]
  PerInbox n;
  int slots;
  double* weights;  ///< [problems][slots]

  GAUNTLET_HD void operator()(std::int64_t index) const {
    const std::int64_t b = index / slots, s = index % slots;
    const double* z = refined + b * (n.same + 1);
    const int own = n(b);
    weights[index] = z[own] * weights[index] + (s < own ? z[s] : 0);
  }
};

/// Weights over a stack (columns, the kept rows of all its views, y) from weights over messages, kept rows and y.
struct ToBase {
  const double* weights;  ///< [problems][most n + kept + 1]
  const double* mixing;   ///< [problems][most n][columns], or null: n = columns
  PerInbox n;
  int kept, columns;
  int variants = 1, views = 1;
  double* out;  ///< [problems][columns + views · kept + 1]

  GAUNTLET_HD void operator()(std::int64_t index) const {
    const int slots = columns + views * kept + 1;
    const std::int64_t b = index / slots;
    const int p = static_cast<int>(index % slots), own = n(b);
    const double* w = weights + b * (n.same + kept + 1);
    if (p == slots - 1) {
      out[index] = w[n.same + kept];
    } else if (p >= columns) {
      const int row = p - columns - static_cast<int>(b / variants % views) * kept;
      out[index] = row >= 0 && row < kept ? w[n.same + row] : 0;
    } else if (mixing == nullptr) {
      out[index] = w[p];
    } else {
      double total = 0;
      for (int i = 0; i < own; ++i) add_weighted(total, mixing[(b * n.same + i) * columns + p], w[i]);
      out[index] = total;
    }
  }
};

/// Message i is base row i.
struct Identity {
  int n, m;
  double* out;

  GAUNTLET_HD void operator()(std::int64_t index) const { out[index] = index % (std::int64_t{n} * m) / m == index % m; }
};

struct CopyRows {
  const float* const* from;
  float* const* to;

  GAUNTLET_HD void operator()(int c, std::int64_t k) const {
    for (int l = 0; l < span_width; ++l) to[c][k + l] = from[c][k + l];
  }
};

/// All weight on the anchor, the last slot.
struct SetAnchor {
  int slots;
  double* weights;

  GAUNTLET_HD void operator()(std::int64_t index) const { weights[index] = index % slots == slots - 1; }
};

}  // namespace gauntlet
