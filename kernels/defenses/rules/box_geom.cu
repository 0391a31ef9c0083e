// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "kernels/defenses/rule.cuh"
#include "kernels/defenses/shared/geometric_median.cuh"
#include "kernels/defenses/shared/robustness.hpp"
#include "kernels/defenses/shared/subsets.cuh"

namespace gauntlet {
namespace {

/// Which messages count: the others, absent or with a number that is not finite, are as good as never sent.
struct Received {
  const double* products;  ///< [inboxes][n][n]
  int n;
  PerInbox size;

  GAUNTLET_HD double product(std::int64_t c, int i, int j) const {
    const int own = size(c);
    return i < own && j < own ? products[c * n * n + std::int64_t{i} * own + j] : i == j ? INFINITY : 0;
  }
  GAUNTLET_HD bool operator()(std::int64_t c, int i) const { return product(c, i, i) < INFINITY; }
  GAUNTLET_HD int count(std::int64_t c) const {
    int total = 0;
    for (int i = 0; i < n; ++i) total += (*this)(c, i);
    return total;
  }
};

/// One problem per inbox and subset: the Gram matrix with the messages outside the subset masked.
struct MaskSubsets {
  Received received;
  const double* members;  ///< [chunk][n]
  int chunk;
  double* masked;  ///< [inboxes][chunk][n][n]

  GAUNTLET_HD void operator()(std::int64_t index) const {
    const int n = received.n, j = static_cast<int>(index % n), i = static_cast<int>(index / n % n);
    const std::int64_t problem = index / n / n;
    const bool out = i == j && members[problem % chunk * n + i] == 0;
    masked[index] = out ? INFINITY : received.product(problem / chunk, i, j);
  }
};

/// Tells the subsets to leave out: those with a message that was not received, if n − f were.
struct LeaveOut {
  Received received;
  const double* members;  ///< [chunk][n]
  int keep, chunk;
  int* left_out;  ///< [inboxes][chunk]

  GAUNTLET_HD void operator()(std::int64_t problem) const {
    const double* in = members + problem % chunk * received.n;
    bool whole = true;
    for (int i = 0; i < received.n; ++i) whole = whole && (in[i] == 0 || received(problem / chunk, i));
    left_out[problem] = !whole && received.count(problem / chunk) >= keep;
  }
};

/// Widens the box [low, high] of every coordinate by the points Σ_p weights[c][s][p] · base row p, s < chunk.
struct WidenBox {
  Rows rows;
  const double* weights;
  const int* left_out;  ///< [inboxes][chunk]
  int chunk;
  bool first;
  float* const* low;
  float* const* high;

  GAUNTLET_HD void operator()(int c, std::int64_t k) const {
    const float* const* table = rows.of(c);
    for (int l = 0; l < span_width && first; ++l) low[c][k + l] = INFINITY, high[c][k + l] = -INFINITY;
    for (int s = 0; s < chunk; ++s) {
      const std::int64_t problem = std::int64_t{c} * chunk + s;
      if (left_out[problem] != 0) continue;
      const double* w = weights + problem * rows.m;
      double point[span_width] = {};
      for (int p = 0; p < rows.m; ++p) {
        if (w[p] == 0) continue;
        for (int l = 0; l < span_width; ++l) point[l] += w[p] * table[p][k + l];
      }
      for (int l = 0; l < span_width; ++l) {
        const auto value = static_cast<float>(point[l]);
        low[c][k + l] = lower(value, low[c][k + l]);
        high[c][k + l] = upper(value, high[c][k + l]);
      }
    }
  }
};

/// The midpoint of that box's intersection with the trusted one, which reaches from the (m − (n − f) + 1)-th to the
/// (n − f)-th smallest value of the m messages received.
struct Midpoint {
  Inboxes inboxes;
  Received received;
  int keep;
  const float* const* low;
  const float* const* high;
  float* const* out;

  GAUNTLET_HD float mixed(const double* mix, const float* const* table, std::int64_t k) const {
    double value = 0;
    for (int p = 0; p < inboxes.base.m; ++p) add_weighted(value, mix[p], table[p][k]);
    return static_cast<float>(value);
  }

  GAUNTLET_HD float middle(int c, std::int64_t k) const {
    float sorted[column_limit];
    int m = 0;
    for (int i = 0; i < inboxes.n; ++i) {
      if (!received(c, i)) continue;
      const double* mix = inboxes.mixing + (std::int64_t{c} * inboxes.n + i) * inboxes.base.m;
      const float value = mixed(mix, inboxes.base.of(c), k);
      int place = m++;
      for (; place > 0 && sorted[place - 1] > value; --place) sorted[place] = sorted[place - 1];
      sorted[place] = value;
    }
    if (m == 0) return NAN;
    const float least = sorted[m > keep ? m - keep : 0], most = sorted[(m < keep ? m : keep) - 1];
    return 0.5f * upper(least, low[c][k]) + 0.5f * lower(most, high[c][k]);
  }

  GAUNTLET_HD void operator()(int c, std::int64_t first) const {
    for (std::int64_t k = first; k < first + span_width; ++k) out[c][k] = middle(c, k);
  }
};

/// Weights over the base rows from weights over the messages.
struct ComposeChunk {
  const double* weights;  ///< [inboxes][chunk][n]
  Inboxes inboxes;
  int chunk;
  double* out;

  GAUNTLET_HD void operator()(std::int64_t index) const {
    const int n = inboxes.n, m = inboxes.base.m;
    const std::int64_t problem = index / m, c = problem / chunk, p = index % m;
    const double* mix = inboxes.mixing + c * n * m + p;
    double total = 0;
    for (int i = 0; i < inboxes.messages(c); ++i)
      add_weighted(total, weights[problem * n + i], mix[std::int64_t{i} * m]);
    out[index] = total;
  }
};

/// All subsets of k as rows of n zeros and ones, in lexicographic order.
std::vector<double> all_subsets(int n, int k) {
  std::vector<double> in(static_cast<std::size_t>(n), 0), all;
  std::fill_n(in.begin(), k, 1.0);
  do all.insert(all.end(), in.begin(), in.end());
  while (next_subset(n, in.data()));
  return all;
}

/// Of fewer than n − f messages there are what is left of every subset.
struct BoxGeom final : CustomRule<GeometricMedian> {
  using CustomRule::CustomRule;
  int keep = n - job.f.same;
  Array<double> members{exec, all_subsets(n, keep)};
  int subsets = static_cast<int>(members.size()) / n;
  /// Subsets that are solved at once, in about 64 MiB.
  int chunk = static_cast<int>(
      std::clamp<std::int64_t>((std::int64_t{1} << 23) / (2 * std::int64_t{n} * n * count), 1, subsets));
  RowStore low{exec, count, d}, high{exec, count, d};
  Array<float*> low_rows{exec, low.pointers()}, high_rows{exec, high.pointers()};
  MessageProducts products{exec, job};
  Array<int> left_out{exec, static_cast<std::size_t>(count) * chunk};
  Array<double> masked = doubles(static_cast<std::size_t>(chunk) * n * n), scratch = doubles(chunk * given.scratch(n));
  Array<double> weights = doubles(static_cast<std::size_t>(chunk) * n);
  Array<double> base_weights = doubles(static_cast<std::size_t>(chunk) * m);

  void run(bool) override {
    const Received received{products.compute(), n, size};
    for (int from = 0; from < subsets; from += chunk) widen(received, from, std::min(chunk, subsets - from));
    parallel_spans(exec, "midpoint", count, d,
                   Midpoint{job.inboxes, received, keep, low_rows.data(), high_rows.data(), job.out});
  }

  /// Solves some of the subsets and takes their medians into the box.
  void widen(const Received& received, int from, int some) {
    const std::int64_t problems = std::int64_t{count} * some;
    const double* in = members.data() + std::int64_t{from} * n;
    parallel_for(exec, "mask subsets", problems * n * n, MaskSubsets{received, in, some, masked.data()});
    parallel_for(exec, "leave out subsets", problems, LeaveOut{received, in, keep, some, left_out.data()});
    GramBatch all = batch(masked.data(), scratch, some);
    all.n = n;
    solve(exec, all, given, weights.data(), n);
    parallel_for(exec, "compose", problems * m, ComposeChunk{weights.data(), job.inboxes, some, base_weights.data()});
    parallel_spans(
        exec, "widen box", count, d,
        WidenBox{base, base_weights.data(), left_out.data(), some, from == 0, low_rows.data(), high_rows.data()});
  }
};

const Registered<Stage> box_geom([](Entry<Stage>& e) {
  e.name = "box-geom";
  e.summary = "the middle of the box that holds the trusted values and the geometric medians of all n-f messages";
  e.formula =
      "midpoint of TH and GH, TH_k = (f+1)-th to (n-f)-th smallest x_ik, GH = box of the medians of n-f messages";
  e.source =
      "Cambus, Melnyk, Milentijevic, Schmid, Approximate Agreement Algorithms for Collaborative Learning, SPAA 2025";
  e.needs = {"n > 2f and C(n, f) <= 100000 (tries all subsets)",
             few_subsets,
             {{"n <= " + std::to_string(column_limit), [](int n, int) { return n <= column_limit; }}}};
  e.kappa = {"n-f, derived", trusted_box_kappa};
  e.known_answers = {{"", 0, {{0, 0}, {2, 0}, {2, 2}, {0, 2}}, {{1, 1}}}, {"", 1, {{1}, {1}, {1}, {9}}, {{1}}}};
  e.make = [](const Arguments&) { return custom_rule<BoxGeom>(GeometricMedian{}); };
});

}  // namespace
}  // namespace gauntlet
