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

/// Subsets whose points are computed together, so that a value is read once for all of them.
constexpr int tile = 4;

/// The weights of the points over the base rows, tile by tile, for the rows that enter a tile. Where a subset is left
/// out, or a tile has room for more than there are, the weights are NaN.
struct Tiles {
  int count;       ///< per inbox
  int m;           ///< base rows
  int* used;       ///< [inboxes][count]: rows that enter
  int* rows;       ///< [inboxes][count][m]
  float* weights;  ///< [inboxes][count][m][tile]
};

struct FillTiles {
  const double* weights;  ///< [inboxes][chunk][m]
  const int* left_out;    ///< [inboxes][chunk]
  int chunk;
  Tiles tiles;

  GAUNTLET_HD void operator()(std::int64_t index) const {
    const std::int64_t problem = index / tiles.count * chunk + index % tiles.count * tile;
    const std::int64_t rest = chunk - index % tiles.count * tile;
    const int m = tiles.m, some = rest < tile ? static_cast<int>(rest) : tile;
    int* rows = tiles.rows + index * m;
    float* out = tiles.weights + index * m * tile;
    int used = 0;
    for (int p = 0; p < m; ++p) {
      bool enters = false;
      for (int s = 0; s < some; ++s) enters = enters || weights[(problem + s) * m + p] != 0;
      if (!enters) continue;
      for (int s = 0; s < tile; ++s) {
        const bool counts = s < some && left_out[problem + s] == 0;
        out[used * tile + s] = counts ? static_cast<float>(weights[(problem + s) * m + p]) : NAN;
      }
      rows[used++] = p;
    }
    tiles.used[index] = used;
  }
};

/// Widens the box [low, high] of every coordinate by the points of the tiles. In single precision, as column rules.
struct WidenBox {
  Rows rows;
  Tiles tiles;
  bool first;
  float* const* low;
  float* const* high;

  using Number = std::conditional_t<GAUNTLET_DEVICE, float, Lanes>;
  static constexpr int width = sizeof(Number) / sizeof(float);
  static constexpr int vectors = GAUNTLET_DEVICE ? 4 : 2;  ///< what a step has in registers for each point

  GAUNTLET_HD void operator()(int c, std::int64_t k) const {
    for (int l = 0; l < span_width; l += vectors * width) widen(c, k + l);
  }

  GAUNTLET_HD void widen(int c, std::int64_t k) const {
    Number least[vectors], most[vectors];
    for (int v = 0; v < vectors; ++v) {
      least[v] = first ? Number(INFINITY) : load(low[c] + k + v * width);
      most[v] = first ? Number(-INFINITY) : load(high[c] + k + v * width);
    }
    const float* const* table = rows.of(c);
    for (int t = 0; t < tiles.count; ++t) {
      const std::int64_t index = std::int64_t{c} * tiles.count + t;
      const int* row = tiles.rows + index * tiles.m;
      const float* weights = tiles.weights + index * tiles.m * tile;
      Number point[tile][vectors] = {};
      for (int r = 0; r < tiles.used[index]; ++r, weights += tile) {
        Number x[vectors];
        for (int v = 0; v < vectors; ++v) x[v] = load(table[row[r]] + k + v * width);
        for (int s = 0; s < tile; ++s)
          for (int v = 0; v < vectors; ++v) point[s][v] = point[s][v] + Number(weights[s]) * x[v];
      }
      // NaN is neither lower nor higher than what it is compared with.
      for (int s = 0; s < tile; ++s)
        for (int v = 0; v < vectors; ++v) {
          least[v] = lower(point[s][v], least[v]);
          most[v] = upper(point[s][v], most[v]);
        }
    }
    for (int v = 0; v < vectors; ++v) {
      std::memcpy(low[c] + k + v * width, &least[v], sizeof(Number));
      std::memcpy(high[c] + k + v * width, &most[v], sizeof(Number));
    }
  }

  GAUNTLET_HD static Number load(const float* from) {
    Number number;
    std::memcpy(&number, from, sizeof number);
    return number;
  }
};

/// The mixing with the messages received in front, and how many they are, but one at least: NaN, where there is none.
struct PackReceived {
  Received received;
  Inboxes inboxes;
  double* packed;  ///< [inboxes][n][m]
  int* size;

  GAUNTLET_HD void operator()(std::int64_t index) const {
    const int n = inboxes.n, m = inboxes.base.m, p = static_cast<int>(index % m);
    const std::int64_t c = index / m, first = c * n * m + p;
    int total = 0;
    for (int i = 0; i < n; ++i)
      if (received(c, i)) packed[first + std::int64_t{total++} * m] = inboxes.mixing[first + std::int64_t{i} * m];
    if (total == 0) packed[first] = NAN;
    if (p == 0) size[c] = total > 0 ? total : 1;
  }
};

/// An end of the trusted box, which reaches from the (m − (n − f) + 1)-th to the (n − f)-th smallest value of the m
/// messages received.
struct TrustedEnd {
  static constexpr bool sorted = true;
  int keep;  ///< n − f
  bool most;

  template <class Values>
  GAUNTLET_HD typename Values::Number operator()(const Values& column) const {
    const int m = column.n;
    return column.at(most ? (m < keep ? m : keep) - 1 : m > keep ? m - keep : 0);
  }
};

/// The midpoint of the two boxes' intersection. Wherever rounding has taken a median, it lies in the trusted one.
struct Midpoint {
  Received received;
  const float* const* least;  ///< the trusted box
  const float* const* most;
  const float* const* low;  ///< that of the medians
  const float* const* high;
  float* const* out;

  GAUNTLET_HD void operator()(int c, std::int64_t first) const {
    const bool any = received.count(c) > 0;
    for (std::int64_t k = first; k < first + span_width; ++k) {
      const float from = least[c][k], to = most[c][k];
      const float middle = 0.5f * upper(from, low[c][k]) + 0.5f * lower(to, high[c][k]);
      out[c][k] = any ? upper(from, lower(to, middle)) : NAN;
    }
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
  int tiles = (chunk + tile - 1) / tile;
  RowStore low{exec, count, d}, high{exec, count, d}, least{exec, count, d}, most{exec, count, d};
  Array<float*> low_rows{exec, low.pointers()}, high_rows{exec, high.pointers()};
  Array<float*> least_rows{exec, least.pointers()}, most_rows{exec, most.pointers()};
  MessageProducts products{exec, job};
  Array<double> masked = doubles(static_cast<std::size_t>(chunk) * n * n), scratch = doubles(chunk * given.scratch(n));
  Array<double> weights = doubles(static_cast<std::size_t>(chunk) * n);
  Array<double> base_weights = doubles(static_cast<std::size_t>(chunk) * m);
  Array<double> packed = doubles(static_cast<std::size_t>(n) * m);
  Array<int> left_out = room<int>(chunk), received_sizes = room<int>(1);
  Array<int> tile_used = room<int>(tiles), tile_rows = room<int>(tiles * m);
  Array<float> tile_weights = room<float>(tiles * m * tile);

  void run(bool) override {
    const Received received{products.compute(), n, size};
    trust(received);
    for (int from = 0; from < subsets; from += chunk) widen(received, from, std::min(chunk, subsets - from));
    parallel_spans(exec, "midpoint", count, d,
                   Midpoint{received, least_rows.data(), most_rows.data(), low_rows.data(), high_rows.data(), job.out});
  }

  /// Finds the trusted box.
  void trust(const Received& received) {
    parallel_for(exec, "pack received", std::int64_t{count} * m,
                 PackReceived{received, job.inboxes, packed.data(), received_sizes.data()});
    Inboxes seen = job.inboxes;
    seen.mixing = packed.data();
    seen.size = {n, received_sizes.data()};
    reduce_columns(exec, seen, TrustedEnd{keep, false}, least_rows.data());
    reduce_columns(exec, seen, TrustedEnd{keep, true}, most_rows.data());
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
    const Tiles filled{(some + tile - 1) / tile, m, tile_used.data(), tile_rows.data(), tile_weights.data()};
    parallel_for(exec, "fill tiles", std::int64_t{count} * filled.count,
                 FillTiles{base_weights.data(), left_out.data(), some, filled});
    parallel_spans(exec, "widen box", count, d, WidenBox{base, filled, from == 0, low_rows.data(), high_rows.data()});
  }

 private:
  /// Room for so many things an inbox.
  template <class T>
  Array<T> room(int each) {
    return {exec, static_cast<std::size_t>(each) * static_cast<std::size_t>(count)};
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
