// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <type_traits>

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

/// Some subsets of so many messages each.
struct Subsets {
  const int* members;  ///< [count][size]
  int count, size;

  GAUNTLET_HD const int* of(std::int64_t s) const { return members + s * size; }
};

/// One problem per inbox and subset: the Gram matrix of its messages.
struct PickProducts {
  Received received;
  Subsets subsets;
  double* picked;  ///< [inboxes][subsets][size][size]

  GAUNTLET_HD void operator()(std::int64_t index) const {
    const int size = subsets.size;
    const std::int64_t problem = index / size / size;
    const int* members = subsets.of(problem % subsets.count);
    picked[index] = received.product(problem / subsets.count, members[index / size % size], members[index % size]);
  }
};

/// Subsets whose points are computed together, so that a value is read once for all of them.
constexpr int tile = 4;

/// Of the subsets of a tile; one load on the GPU.
struct alignas(sizeof(float) * tile) TileWeights {
  float of[tile];
};

/// What the points of some subsets are made of, tile by tile: 0, or NaN for a subset that is left out and where there
/// are no more; then what every base row that enters the tile adds.
struct Tiles {
  int m;                 ///< base rows
  int count;             ///< per inbox
  TileWeights* weights;  ///< [inboxes][count][1 + m]
  int* rows;             ///< [inboxes][count][m]: those that enter
  int* used;             ///< [inboxes][count]: how many they are

  GAUNTLET_HD TileWeights* weights_of(std::int64_t t) const { return weights + t * (m + 1); }
};

/// Weights over the base rows from weights over the subsets' messages.
struct ComposeTiles {
  Received received;
  Subsets subsets;
  const double* weights;  ///< [inboxes][subsets][size]
  Inboxes inboxes;
  Tiles tiles;

  GAUNTLET_HD void operator()(std::int64_t index) const {
    const std::int64_t t = index / tile / (tiles.m + 1), c = t / tiles.count;
    const int p = static_cast<int>(index / tile % (tiles.m + 1)) - 1;
    const int s = static_cast<int>(t % tiles.count * tile + index % tile);
    float& weight_at = tiles.weights[index / tile].of[index % tile];
    if (p < 0)
      weight_at = s < subsets.count && counts(c, s) ? 0 : NAN;
    else
      weight_at = s < subsets.count ? static_cast<float>(weight(c, s, p)) : 0;
  }

  GAUNTLET_HD double weight(std::int64_t c, int s, int p) const {
    const double* own = weights + (c * subsets.count + s) * subsets.size;
    const double* mix = inboxes.mixing + c * inboxes.n * tiles.m + p;
    double total = 0;
    for (int j = 0; j < subsets.size; ++j) add_weighted(total, own[j], mix[std::int64_t{subsets.of(s)[j]} * tiles.m]);
    return total;
  }

  /// A subset with a message that was not received is left out, if n − f were.
  GAUNTLET_HD bool counts(std::int64_t c, int s) const {
    bool whole = true;
    for (int j = 0; j < subsets.size; ++j) whole = whole && received(c, subsets.of(s)[j]);
    return whole || received.count(c) < subsets.size;
  }
};

/// Keeps the rows that enter a tile: others may hold anything.
struct KeepRows {
  Tiles tiles;

  GAUNTLET_HD void operator()(std::int64_t t) const {
    TileWeights* own = tiles.weights_of(t) + 1;
    int* rows = tiles.rows + t * tiles.m;
    int used = 0;
    for (int p = 0; p < tiles.m; ++p) {
      const TileWeights weights = own[p];
      bool enters = false;
      for (int s = 0; s < tile; ++s) enters |= weights.of[s] != 0;
      if (!enters) continue;
      own[used] = weights;
      rows[used++] = p;
    }
    tiles.used[t] = used;
  }
};

/// Widens the box [low, high] of every coordinate by the points of the tiles, in single precision as column rules.
struct WidenBox {
  using Number = std::conditional_t<GAUNTLET_DEVICE, float, Lanes>;
  static constexpr int numbers = GAUNTLET_DEVICE ? 4 : 2;
  /// Of a row: as many as fit the registers beside the points of a tile. One load on the GPU.
  struct alignas(16) alignas(Number) Columns {
    Number v[numbers];
  };
  static constexpr int width = sizeof(Columns) / sizeof(float);

  Rows rows;
  Tiles tiles;
  bool first;
  float* const* low;
  float* const* high;

  GAUNTLET_HD void operator()(int c, std::int64_t k) const {
    for (int l = 0; l < span_width; l += width) widen(c, k + l);
  }

  GAUNTLET_HD void widen(int c, std::int64_t k) const {
    auto& least = *reinterpret_cast<Columns*>(low[c] + k);
    auto& most = *reinterpret_cast<Columns*>(high[c] + k);
    Number from[numbers], to[numbers], point[tile][numbers];
    for (int v = 0; v < numbers; ++v) {
      from[v] = first ? Number(INFINITY) : least.v[v];
      to[v] = first ? Number(-INFINITY) : most.v[v];
    }
    const float* const* table = rows.of(c);
    for (std::int64_t t = std::int64_t{c} * tiles.count; t < std::int64_t{c + 1} * tiles.count; ++t) {
      const TileWeights* weights = tiles.weights_of(t);
      for (int s = 0; s < tile; ++s)
        for (int v = 0; v < numbers; ++v) point[s][v] = Number(weights->of[s]);
      const int* row = tiles.rows + t * tiles.m;
      for (const int* last = row + tiles.used[t]; row != last; ++row) {
        const TileWeights w = *++weights;
        const Columns x = *reinterpret_cast<const Columns*>(table[*row] + k);
        for (int s = 0; s < tile; ++s)
          for (int v = 0; v < numbers; ++v) point[s][v] = point[s][v] + Number(w.of[s]) * x.v[v];
      }
      // NaN is neither lower nor higher than what it is compared with.
      for (int s = 0; s < tile; ++s)
        for (int v = 0; v < numbers; ++v) {
          from[v] = lower(point[s][v], from[v]);
          to[v] = upper(point[s][v], to[v]);
        }
    }
    for (int v = 0; v < numbers; ++v) least.v[v] = from[v], most.v[v] = to[v];
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

/// The members of all subsets of k, in lexicographic order.
std::vector<int> all_subsets(int n, int k) {
  std::vector<double> in(static_cast<std::size_t>(n), 0);
  std::fill_n(in.begin(), k, 1.0);
  std::vector<int> all;
  do {
    for (int i = 0; i < n; ++i)
      if (in[static_cast<std::size_t>(i)] != 0) all.push_back(i);
  } while (next_subset(n, in.data()));
  return all;
}

/// Of fewer than n − f messages there are what is left of every subset.
struct BoxGeom final : CustomRule<GeometricMedian> {
  using CustomRule::CustomRule;
  static int memory_rows(const GeometricMedian&, int, std::int64_t) { return 4; }
  int keep = n - job.f.same;
  Array<int> members{exec, all_subsets(n, keep)};
  int subsets = static_cast<int>(members.size()) / keep;
  /// Subsets that are solved at once, in about 64 MiB.
  int chunk = static_cast<int>(
      std::clamp<std::int64_t>((std::int64_t{1} << 23) / (2 * std::int64_t{keep} * keep * count), 1, subsets));
  int tiles = (chunk + tile - 1) / tile;
  RowStore low{exec, count, d}, high{exec, count, d}, least{exec, count, d}, most{exec, count, d};
  Array<float*> low_rows{exec, low.pointers()}, high_rows{exec, high.pointers()};
  Array<float*> least_rows{exec, least.pointers()}, most_rows{exec, most.pointers()};
  MessageProducts products{exec, job};
  Array<double> picked = doubles(static_cast<std::size_t>(chunk) * keep * keep);
  Array<double> weights = doubles(static_cast<std::size_t>(chunk) * keep);
  Array<double> scratch = doubles(chunk * given.scratch(keep));
  Array<double> packed = doubles(static_cast<std::size_t>(n) * m);
  Array<int> received_sizes = room<int>(1);
  Array<int> tile_used = room<int>(tiles), tile_rows = room<int>(tiles * m);
  Array<TileWeights> tile_weights = room<TileWeights>(tiles * (m + 1));

  void run(bool) override {
    const Received received{products.compute(), n, size};
    trust(received);
    for (int from = 0; from < subsets; from += chunk)
      widen(received, {members.data() + std::int64_t{from} * keep, std::min(chunk, subsets - from), keep}, from == 0);
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
  void widen(const Received& received, const Subsets& some, bool first) {
    const std::int64_t problems = std::int64_t{count} * some.count;
    parallel_for(exec, "pick products", problems * keep * keep, PickProducts{received, some, picked.data()});
    GramBatch all = batch(picked.data(), scratch, some.count);
    all.n = keep;
    solve(exec, all, given, weights.data(), keep);
    const Tiles made{m, (some.count + tile - 1) / tile, tile_weights.data(), tile_rows.data(), tile_used.data()};
    const std::int64_t all_tiles = std::int64_t{count} * made.count;
    parallel_for(exec, "compose", all_tiles * (m + 1) * tile,
                 ComposeTiles{received, some, weights.data(), job.inboxes, made});
    parallel_for(exec, "keep rows", all_tiles, KeepRows{made});
    parallel_spans(exec, "widen box", count, d, WidenBox{base, made, first, low_rows.data(), high_rows.data()});
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
  e.traits.keeps_majority = true;
  e.needs = {"n > 2f and C(n, f) <= 100000 (tries all subsets)",
             few_subsets,
             {{"n <= " + std::to_string(column_limit), [](int n, int) { return n <= column_limit; }}}};
  e.kappa = {"n-f, derived", trusted_box_kappa};
  e.known_answers = {{"", 0, {{0, 0}, {2, 0}, {2, 2}, {0, 2}}, {{1, 1}}}, {"", 1, {{1}, {1}, {1}, {9}}, {{1}}}};
  e.make = [](const Arguments&) { return custom_rule<BoxGeom>(GeometricMedian{}); };
});

}  // namespace
}  // namespace gauntlet
