// SPDX-License-Identifier: Apache-2.0
#include "kernels/defenses/rule.cuh"
#include "kernels/defenses/shared/average.cuh"

namespace gauntlet {
namespace {

constexpr std::int64_t chunk = 4096;
constexpr int facts = 3;  ///< of a message: Σ x², how many numbers are positive and how many negative

/// One team: the facts of one chunk of one message.
struct MeasureChunk {
  Inboxes inboxes;
  int chunks;
  double* parts;  ///< [count][n][chunks][facts]

  GAUNTLET_HD void operator()(const Team& team, int index) const {
    const int m = inboxes.base.m, message = index / chunks;
    if (message % inboxes.n >= inboxes.messages(message / inboxes.n)) return;
    const std::int64_t first = std::int64_t{index % chunks} * chunk;
    const int width = static_cast<int>(inboxes.base.d - first < chunk ? inboxes.base.d - first : chunk);
    const float* const* table = inboxes.base.of(message / inboxes.n);
    const double* mix = inboxes.mixing + std::int64_t{message} * m;
    int rows = 0, only = 0;
    for (int p = 0; p < m; ++p)
      if (mix[p] != 0) ++rows, only = p;
    const bool plain = rows == 1 && mix[only] == 1;
    const auto value = [=](int k) -> double {
      if (plain) return table[only][first + k];
      double total = 0;
      for (int p = 0; p < m; ++p) add_weighted(total, mix[p], table[p][first + k]);
      return total;
    };
    const double square = team.sum(width, [=](int k) { return value(k) * value(k); });
    const double positive = team.sum(width, [=](int k) { return value(k) > 0 ? 1.0 : 0.0; });
    const double negative = team.sum(width, [=](int k) { return value(k) < 0 ? 1.0 : 0.0; });
    double* out = parts + std::int64_t{index} * facts;
    team.once([=] { out[0] = square, out[1] = positive, out[2] = negative; });
  }
};

struct AddChunks {
  int chunks;
  const double* parts;
  double* totals;  ///< [count][n][facts]

  GAUNTLET_HD void operator()(std::int64_t index) const {
    const double* from = parts + index / facts * chunks * facts + index % facts;
    double total = 0;
    for (int i = 0; i < chunks; ++i) total += from[std::int64_t{i} * facts];
    totals[index] = total;
  }
};

/// The signs' point of a message or the center of a cluster.
struct Point {
  double positive, negative;

  GAUNTLET_HD double distance2(Point other) const {
    const double p = positive - other.positive, q = negative - other.negative;
    // The fraction of zeros is the third coordinate, and what is left.
    return p * p + q * q + (p + q) * (p + q);
  }
};

struct Choice {
  double lower, upper;
  GramOutput average;
};

/// One team per inbox: both filters, and the weights of the clipped messages that pass them.
struct SignGuardWeights {
  double lower, upper;
  int most;  ///< messages of an inbox
  PerInbox size;
  const double* totals;  ///< [count][n][facts]
  double* scratch;       ///< [count][2 n]
  double* out;           ///< [count][n]

  GAUNTLET_HD void operator()(const Team& team, int c) const {
    const int n = size(c);
    const double* own = totals + std::int64_t{c} * most * facts;
    double *norm = scratch + std::int64_t{c} * 2 * most, *cluster = norm + n, *weights = out + std::int64_t{c} * most;
    team.each(n, [=](int i) { norm[i] = own[i * facts] < INFINITY ? sqrt(own[i * facts]) : INFINITY; });
    const double low = kth_smallest(n, (n + 1) / 2, [=](int i) { return norm[i]; });
    const double high = kth_smallest(n, n / 2 + 1, [=](int i) { return norm[i]; });
    const double median = (low + high) / 2;
    const int chosen = larger_cluster(team, n, own, norm, cluster);
    const double shortest = lower * median, longest = upper * median;
    const auto passes = [=](int i) {
      return norm[i] < INFINITY && norm[i] >= shortest && norm[i] <= longest && cluster[i] == chosen;
    };
    const double members = team.sum(n, [=](int i) { return passes(i) ? 1.0 : 0.0; });
    team.each(n, [=](int i) { weights[i] = passes(i) ? (norm[i] > median ? median / norm[i] : 1) / members : 0; });
  }

  /// 2-means of the finite messages' points, from the two farthest apart; leaves 0 or 1 in `cluster` (2: not finite)
  /// and returns the one with more members, 0 if they have as many. Nothing depends on the order of the messages:
  /// cluster 0 starts from the point with fewer positive numbers, and sums of counts are exact.
  GAUNTLET_HD static int larger_cluster(const Team& team, int n, const double* own, const double* norm,
                                        double* cluster) {
    const auto point = [=](int i) { return Point{own[i * facts + 1], own[i * facts + 2]}; };
    const auto farthest = [=](int i) {
      double most = 0;
      for (int j = 0; j < n; ++j)
        if (norm[j] < INFINITY) most = fmax(most, point(i).distance2(point(j)));
      return most;
    };
    const int one = team.argmin(n, [=](int i) { return norm[i] < INFINITY ? -farthest(i) : INFINITY; });
    const int other =
        team.argmin(n, [=](int i) { return norm[i] < INFINITY ? -point(one).distance2(point(i)) : INFINITY; });
    Point center[2] = {point(one), point(other)};
    if (center[1].positive < center[0].positive ||
        (center[1].positive == center[0].positive && center[1].negative < center[0].negative)) {
      center[0] = point(other);
      center[1] = point(one);
    }
    team.each(n, [=](int i) { cluster[i] = 2; });
    double members[2] = {0, 0};
    for (int pass = 0; pass < 100; ++pass) {
      const Point zero = center[0], first = center[1];
      const auto nearest = [=](int i) -> double {
        if (!(norm[i] < INFINITY)) return 2;
        return point(i).distance2(zero) <= point(i).distance2(first) ? 0 : 1;
      };
      const double moved = team.sum(n, [=](int i) { return nearest(i) != cluster[i] ? 1.0 : 0.0; });
      if (moved == 0) break;
      team.each(n, [=](int i) { cluster[i] = nearest(i); });
      for (int which = 0; which < 2; ++which) {
        members[which] = team.sum(n, [=](int i) { return cluster[i] == which ? 1.0 : 0.0; });
        const double positive = team.sum(n, [=](int i) { return cluster[i] == which ? point(i).positive : 0.0; });
        const double negative = team.sum(n, [=](int i) { return cluster[i] == which ? point(i).negative : 0.0; });
        if (members[which] > 0) center[which] = {positive / members[which], negative / members[which]};
      }
    }
    return members[1] > members[0] ? 1 : 0;
  }
};

struct SignGuard final : CustomRule<Choice> {
  using CustomRule::CustomRule;
  int messages = count * n, chunks = static_cast<int>((d + chunk - 1) / chunk);
  Array<double> parts = doubles(static_cast<std::size_t>(n) * chunks * facts), totals = doubles(n * facts);
  Array<double> scratch = doubles(2 * n), weights = doubles(n);
  WeightedOutput output{exec, job, given.average};

  void run(bool) override {
    for_teams(exec, "measure signs", messages * chunks, 256, MeasureChunk{job.inboxes, chunks, parts.data()});
    parallel_for(exec, "measure signs", std::int64_t{messages} * facts, AddChunks{chunks, parts.data(), totals.data()});
    for_teams(exec, "solve", count, n,
              SignGuardWeights{given.lower, given.upper, n, size, totals.data(), scratch.data(), weights.data()});
    output.write(weights.data());
  }

  Sources sources() const override { return output.sources(); }
};

const Registered<Stage> signguard([](Entry<Stage>& e) {
  e.name = "signguard";
  e.summary = "the mean of the clipped messages of ordinary length whose shares of signs are like most others'";
  e.formula =
      "M = median |x_i|; mean of x_i min(1, M/|x_i|) with lower M <= |x_i| <= upper M in the larger of 2 clusters of "
      "signs";
  e.source =
      "Xu, Huang, Song, Lan, Byzantine-robust Federated Learning through Malicious Gradient Filtering, ICDCS 2022";
  e.traits.translation_equivariant = false;
  e.traits.within_box = false;  // clips toward zero
  e.parameters = {
      number("lower", "0.1", "least length of a message, as a multiple of the median length", 0, 1),
      number("upper", "3", "greatest length likewise; Blades, which clips first, has none", 1, no_limit, {"none"}),
      average_parameter()};
  e.needs = needs_majority;
  e.known_answers = {{"", 1, {{1, 2}, {2, 1}, {2, 1}, {-1, -2}, {1, 2}}, {{1.5, 1.5}}},
                     {"", 1, {{3, 4}, {6, 8}, {3, 4}, {30, 40}, {0.03f, 0.04f}}, {{3, 4}}}};
  e.make = [](const Arguments& a) {
    if (a.is("average", "median") && a.n() > column_limit)
      throw UserError("signguard: average=median takes n <= " + std::to_string(column_limit) +
                      " messages; n = " + std::to_string(a.n()));
    return custom_rule<SignGuard>(
        Choice{a.number("lower"), a.is("upper", "none") ? INFINITY : a.number("upper"), average_of(a)});
  };
});

}  // namespace
}  // namespace gauntlet
