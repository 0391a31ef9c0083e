// SPDX-License-Identifier: Apache-2.0
#include "kernels/defenses/shared/average.cuh"
#include "kernels/defenses/shared/selection.cuh"
#include "kernels/defenses/shared/sums.cuh"

namespace gauntlet {
namespace {

/// Clips to the median of all remembered lengths, splits the messages in two by their directions and weighs those of
/// the larger part. The numbers it keeps are how many rounds there were, then a ring over them of the lengths of all
/// workers, −1 for one who was absent.
struct ClippedClustering : GramFunctor {
  static constexpr bool learns = true;
  int remembered;  ///< rounds in the memory
  double most;     ///< greatest length left
  bool single;     ///< linkage: the least distance of two clusters' members instead of the mean
  GramOutput average;

  GramOutput output() const { return average; }
  Memory memory(int n) const { return {MemoryRow::none, 0, 1 + static_cast<std::size_t>(remembered) * n}; }
  std::size_t scratch(int n) const { return static_cast<std::size_t>(n) * (n + 2); }

  GAUNTLET_HD void operator()(const Team& team, const Gram& gram, double* weights, double* label) const {
    const int n = gram.n;
    double *members = label + n, *distance = members + n;
    const double middle = median_length(team, gram), threshold = middle < most ? middle : most;
    cluster(team, gram, label, members, distance);
    // members counts only under the label of a cluster, which is its first message's index.
    const int chosen = team.argmin(n, [=](int i) { return -members[i]; });
    const double size = members[chosen];
    team.each(n, [=](int i) {
      const double length = gram.norm(i);
      weights[i] = label[i] == chosen ? (length > threshold ? threshold / length : 1) / size : 0;
    });
  }

  /// Puts this round's lengths into the ring.
  GAUNTLET_HD void learn(const Team& team, const Gram& gram, const double*, SumUpdate*, double*) const {
    double* ring = gram.numbers + 1 + ring_place(gram) * gram.most;
    team.each(gram.most, [=](int w) { ring[w] = -1; });
    team.each(gram.n, [=](int i) { ring[gram.worker(i)] = gram.norm(i); });
    team.once([=] { gram.numbers[0] += 1; });
  }

  GAUNTLET_HD std::int64_t ring_place(const Gram& gram) const {
    return static_cast<std::int64_t>(gram.numbers[0]) % remembered;
  }

  /// The median over the ring, in which this round's lengths take the oldest ones' place.
  GAUNTLET_HD double median_length(const Team& team, const Gram& gram) const {
    const double* ring = gram.numbers + 1;
    const int n = gram.n, size = gram.most, before = static_cast<int>(ring_place(gram)) * size;
    const bool full = gram.numbers[0] >= remembered;
    const int left_out = full ? size : 0, kept = full ? (remembered - 1) * size : before;
    const auto length = [=](int q) { return q >= kept ? gram.norm(q - kept) : ring[q < before ? q : q + left_out]; };
    // The bits of a negative number are beyond all others.
    const auto below = [=](std::uint64_t bound) {
      return team.sum(kept + n, [=](int q) { return bits_of(length(q)) <= bound ? 1.0 : 0.0; });
    };
    const auto total = static_cast<int>(below(bits_of(INFINITY)));
    // As kth_smallest, by the whole team: the ring may be long.
    const auto ranked = [&](int k) {
      std::uint64_t low = 0, high = bits_of(INFINITY);
      while (low < high) {
        const std::uint64_t middle = low + (high - low) / 2;
        if (below(middle) >= k)
          high = middle;
        else
          low = middle + 1;
      }
      return double_of(low);
    };
    return (ranked((total + 1) / 2) + ranked(total / 2 + 1)) / 2;
  }

  /// Joins the two nearest clusters until two are left; messages that are not finite stay outside. label[i] becomes the
  /// lowest index in the cluster of i, or −1. The distance of two messages is 1 − cosine, 2 from a zero message.
  GAUNTLET_HD void cluster(const Team& team, const Gram& gram, double* label, double* members, double* distance) const {
    const int n = gram.n, size = n;
    const bool least = single;
    team.each(n, [=](int i) { label[i] = gram.norm(i) < INFINITY ? i : -1; });
    team.each(n, [=](int i) { members[i] = label[i] >= 0; });
    team.each(n * n, [=](int index) {
      const int i = index / size, j = index % size;
      const double lengths_product = gram.norm(i) * gram.norm(j);
      distance[index] = lengths_product > 0 && members[i] > 0 && members[j] > 0 ? 1 - gram(i, j) / lengths_product : 2;
    });
    const int clusters = static_cast<int>(team.sum(n, [=](int i) { return members[i]; }));
    for (int left = clusters; left > 2; --left) {
      const int pair = team.argmin(n * n, [=](int index) {
        const int i = index / size, j = index % size;
        return i < j && members[i] > 0 && members[j] > 0 ? distance[index] : INFINITY;
      });
      const int into = pair / size, from = pair % size;
      const double a = members[into], b = members[from];
      team.each(n, [=](int k) {
        const double x = distance[into * size + k], y = distance[from * size + k];
        if (k != into && k != from)
          distance[into * size + k] = distance[k * size + into] = least ? fmin(x, y) : (a * x + b * y) / (a + b);
        if (label[k] == from) label[k] = into;
      });
      team.once([=] {
        members[into] = a + b;
        members[from] = 0;
      });
    }
  }
};

const Registered<Stage> clipped_clustering([](Entry<Stage>& e) {
  e.name = "clipped-clustering";
  e.summary = "the mean of the larger of two clusters of directions, clipped to the median length so far";
  e.formula =
      "r = min(max_length, median of all |x_i(t)| so far); mean of x_i min(1, r/|x_i|) in the larger of 2 cosine "
      "clusters";
  e.source =
      "Li, Ngai, Voigt, An Experimental Study of Byzantine-Robust Aggregation Schemes, IEEE Trans. Big Data 2023";
  e.traits.translation_equivariant = false;
  e.traits.scale_equivariant = false;  // max_length is a length
  e.traits.unanimous = false;          // up to that length only
  e.traits.within_box = false;         // clips toward zero
  e.parameters = {
      number("max_length", "1e5", "no message stays longer", 0),
      word("linkage", "average", "distance of two clusters: the average or the least of their messages'",
           {"average", "single"}),
      count("history", "1000", "rounds whose lengths are remembered, 8 n bytes a cell each; Blades: all", 1, 1000000),
      average_parameter()};
  e.needs = {"2f < n <= 256", [](int n, int f) { return n > 2 * f && n <= 256; }};
  e.known_answers = {{"", 1, {{1, 0}, {2, 0}, {2, 0}, {-9, 0}}, {{5.0f / 3, 0}}},
                     {"", 1, {{0, 3}, {0, 3}, {5, 0}, {0, 9}, {0, 4}}, {{0, 3.5f}}}};
  e.make = [](const Arguments& a) {
    return gram_rule(
        ClippedClustering{{}, a.count("history"), a.number("max_length"), a.is("linkage", "single"), average_of(a)});
  };
});

}  // namespace
}  // namespace gauntlet
