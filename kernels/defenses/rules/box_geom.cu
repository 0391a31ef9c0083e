// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "kernels/defenses/engine/mixing.cuh"
#include "kernels/defenses/shared/geometric_median.cuh"
#include "kernels/defenses/shared/median.cuh"
#include "kernels/defenses/shared/robustness.hpp"
#include "kernels/defenses/shared/subsets.cuh"
#include "kernels/exec/array.cuh"
#include "kernels/passes/passes.cuh"

namespace gauntlet {
namespace {

/// Which messages count: the others, with a number that is not finite, are as good as never sent.
struct Received {
  const double* products;  ///< [inboxes][n][n]
  int n;

  GAUNTLET_HD bool operator()(std::int64_t c, int i) const { return products[(c * n + i) * n + i] < INFINITY; }
  GAUNTLET_HD int count(std::int64_t c) const {
    int total = 0;
    for (int i = 0; i < n; ++i) total += (*this)(c, i);
    return total;
  }
};

/// One problem per inbox and subset: the Gram matrix with the messages outside the subset masked.
struct MaskSubsets {
  const double* products;  ///< [inboxes][n][n]
  const double* members;   ///< [chunk][n]
  int n, chunk;
  double* masked;  ///< [inboxes][chunk][n][n]

  GAUNTLET_HD void operator()(std::int64_t index) const {
    const std::int64_t entries = std::int64_t{n} * n, problem = index / entries, entry = index % entries;
    const std::int64_t i = entry / n, j = entry % n;
    const bool out = i == j && members[problem % chunk * n + i] == 0;
    masked[index] = out ? INFINITY : products[problem / chunk * entries + entry];
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
  const double* mixing;   ///< [inboxes][n][m]
  int n, m, chunk;
  double* out;

  GAUNTLET_HD void operator()(std::int64_t index) const {
    const std::int64_t problem = index / m, p = index % m;
    const double* mix = mixing + problem / chunk * n * m + p;
    double total = 0;
    for (int i = 0; i < n; ++i) add_weighted(total, weights[problem * n + i], mix[std::int64_t{i} * m]);
    out[index] = total;
  }
};

class BoxGeom final : public CustomStage {
 public:
  explicit BoxGeom(GeometricMedian median) : median_(median) {}

  std::unique_ptr<Bound> bind(Exec& exec, const Job& job) const override {
    return std::make_unique<Run>(exec, job, median_);
  }

 private:
  struct Run final : Bound {
    Run(Exec& exec_, const Job& job_, GeometricMedian median_)
        : exec(exec_), job(job_), median(median_), n(job.inboxes.n), keep(n - job.f), count(job.inboxes.base.count) {
      const auto inboxes = static_cast<std::size_t>(count), m = static_cast<std::size_t>(job.inboxes.base.m);
      for (auto* box : {&low, &high}) {
        box->store = RowStore(exec, count, job.inboxes.base.d);
        box->rows = Array<float*>(exec, box->store.pointers());
      }
      parts = Array<double>(exec, gram_scratch(exec, job.inboxes.base));
      products = Array<double>(exec, inboxes * m * m);
      seen = Array<double>(exec, inboxes * n * n);
      list_subsets();
      const std::size_t problems = inboxes * static_cast<std::size_t>(chunk);
      masked = Array<double>(exec, problems * n * n);
      scratch = Array<double>(exec, problems * median.scratch(n));
      left_out = Array<int>(exec, problems);
      weights = Array<double>(exec, problems * n);
      base_weights = Array<double>(exec, problems * m);
    }

    /// All subsets as rows of zeros and ones, and how many of them are solved at once in about 64 MiB.
    void list_subsets() {
      std::vector<double> in(static_cast<std::size_t>(n), 0), all;
      std::fill_n(in.begin(), keep, 1.0);
      do all.insert(all.end(), in.begin(), in.end());
      while (next_subset(n, in.data()));
      subsets = static_cast<int>(all.size() / in.size());
      members = Array<double>(exec, all);
      const std::int64_t room = (std::int64_t{1} << 23) / (2 * std::int64_t{n} * n * count);
      chunk = static_cast<int>(std::clamp<std::int64_t>(room, 1, subsets));
    }

    void run(bool) override {
      const Rows& base = job.inboxes.base;
      gram(exec, base, GramPart::full, parts.data(), products.data());
      mix_gram(exec, count, {products.data(), base.m, 1, 1, job.inboxes.mixing, n, base.m, 0, true, seen.data()});
      for (int from = 0; from < subsets; from += chunk) solve_chunk(from, std::min(chunk, subsets - from));
      parallel_spans(exec, "midpoint", count, base.d,
                     Midpoint{job.inboxes, received(), keep, low.rows.data(), high.rows.data(), job.out});
    }

    Received received() const { return {seen.data(), n}; }

    void solve_chunk(int from, int size) {
      const Rows& base = job.inboxes.base;
      const int problems = count * size;
      const double* in = members.data() + std::int64_t{from} * n;
      parallel_for(exec, "mask subsets", std::int64_t{problems} * n * n,
                   MaskSubsets{seen.data(), in, n, size, masked.data()});
      parallel_for(exec, "leave out subsets", problems, LeaveOut{received(), in, keep, size, left_out.data()});
      solve(exec, GramBatch{problems, n, job.f, 0, size, masked.data(), job.seeds, job.round, scratch.data()}, median,
            weights.data(), n);
      parallel_for(exec, "compose", std::int64_t{problems} * base.m,
                   ComposeChunk{weights.data(), job.inboxes.mixing, n, base.m, size, base_weights.data()});
      parallel_spans(
          exec, "widen box", count, base.d,
          WidenBox{base, base_weights.data(), left_out.data(), size, from == 0, low.rows.data(), high.rows.data()});
    }

    struct Corner {
      RowStore store;
      Array<float*> rows;
    };

    Exec& exec;
    Job job;
    GeometricMedian median;
    int n, keep, count, subsets = 0, chunk = 1;
    Corner low, high;
    Array<int> left_out;
    Array<double> parts, products, seen, members, masked, scratch, weights, base_weights;
  };

  GeometricMedian median_;
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
  e.make = [](const Arguments&) { return std::make_unique<BoxGeom>(GeometricMedian{}); };
});

}  // namespace
}  // namespace gauntlet
