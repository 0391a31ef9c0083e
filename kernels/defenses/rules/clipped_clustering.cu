// SPDX-License-Identifier: Apache-2.0
#include "kernels/defenses/engine/custom_gram.cuh"
#include "kernels/defenses/shared/median.cuh"
#include "kernels/defenses/shared/selection.cuh"

namespace gauntlet {
namespace {

/// One team per inbox: clips to the median of all remembered lengths, splits the messages in two by their directions
/// and writes the weights of the larger part.
struct ClusterDirections {
  int n, remembered;  ///< messages, rounds in the memory
  double most;        ///< greatest length left
  bool single;        ///< linkage: the least distance of two clusters' members instead of the mean
  const double* products;
  const double* lengths;  ///< [count][remembered][n], a ring over the rounds
  const int* rounds;      ///< [count] that have entered it
  double* scratch;        ///< [count][n² + 2 n]
  double* out;            ///< [count][n]

  GAUNTLET_HD void operator()(const Team& team, int c) const {
    const Gram gram{n, 0, n, products + std::int64_t{c} * n * n};
    double* label = scratch + std::int64_t{c} * (n + 2) * n;
    double *members = label + n, *distance = members + n, *weights = out + std::int64_t{c} * n;
    const double middle = median_length(team, gram, c), threshold = middle < most ? middle : most;
    cluster(team, gram, label, members, distance);
    // members counts only under the label of a cluster, which is its first message's index.
    const int chosen = team.argmin(n, [=](int i) { return -members[i]; });
    const double size = members[chosen];
    team.each(n, [=](int i) {
      const double length = gram.norm(i);
      weights[i] = label[i] == chosen ? (length > threshold ? threshold / length : 1) / size : 0;
    });
  }

  /// The median over the ring, in which this round's lengths take the oldest ones' place.
  GAUNTLET_HD double median_length(const Team& team, const Gram& gram, int c) const {
    const double* ring = lengths + std::int64_t{c} * remembered * n;
    const int passed = rounds[c], size = n, now = passed % remembered;
    const int total = (passed < remembered ? passed + 1 : remembered) * n;
    const auto bits = [=](int q) { return detail::bits_of(q / size == now ? gram.norm(q % size) : ring[q]); };
    // As kth_smallest, by the whole team: the ring may be long.
    const auto ranked = [&](int k) {
      std::uint64_t low = 0, high = detail::bits_of(INFINITY);
      while (low < high) {
        const std::uint64_t middle = low + (high - low) / 2;
        if (team.sum(total, [=](int q) { return bits(q) <= middle ? 1.0 : 0.0; }) >= k)
          high = middle;
        else
          low = middle + 1;
      }
      return detail::double_of(low);
    };
    return (ranked((total + 1) / 2) + ranked(total / 2 + 1)) / 2;
  }

  /// Joins the two nearest clusters until two are left; messages that are not finite stay outside. label[i] becomes the
  /// lowest index in the cluster of i, or −1. The distance of two messages is 1 − cosine, 2 from a zero message.
  GAUNTLET_HD void cluster(const Team& team, const Gram& gram, double* label, double* members, double* distance) const {
    const int size = n;
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

/// Puts this round's lengths into the ring.
struct Remember {
  int n, remembered;
  const double* products;
  const int* rounds;
  double* lengths;

  GAUNTLET_HD void operator()(std::int64_t index) const {
    const std::int64_t c = index / n, i = index % n;
    const double square = products[(c * n + i) * n + i];
    lengths[(c * remembered + rounds[c] % remembered) * n + i] =
        square >= 0 && square < INFINITY ? sqrt(square) : INFINITY;
  }
};

struct CountRound {
  int* rounds;
  GAUNTLET_HD void operator()(std::int64_t c) const { ++rounds[c]; }
};

class ClippedClustering final : public CustomStage {
 public:
  ClippedClustering(double most, bool single, int remembered, bool median)
      : most_(most), single_(single), remembered_(remembered), median_(median) {}

  std::unique_ptr<Bound> bind(Exec& exec, const Job& job) const override {
    return std::make_unique<Run>(exec, job, most_, single_, remembered_, median_);
  }

 private:
  struct Run final : Bound {
    Run(Exec& exec_, const Job& job_, double most_, bool single_, int remembered_, bool median)
        : exec(exec_),
          job(job_),
          most(most_),
          single(single_),
          n(job.inboxes.n),
          count(job.inboxes.base.count),
          remembered(remembered_),
          messages(exec, job),
          output(exec, job, median),
          lengths(exec, static_cast<std::size_t>(count) * remembered * n),
          scratch(exec, static_cast<std::size_t>(count) * (n + 2) * n),
          weights(exec, static_cast<std::size_t>(count) * n),
          rounds(exec, static_cast<std::size_t>(count)) {}

    void run(bool rehearsal) override {
      const double* products = messages.compute(exec, job);
      for_teams(exec, "solve", count, n * n,
                ClusterDirections{n, remembered, most, single, products, lengths.data(), rounds.data(), scratch.data(),
                                  weights.data()});
      output.write(exec, job, weights.data());
      if (rehearsal) return;
      parallel_for(exec, "remember", std::int64_t{count} * n,
                   Remember{n, remembered, products, rounds.data(), lengths.data()});
      parallel_for(exec, "remember", count, CountRound{rounds.data()});
    }

    Sources sources() const override { return output.sources(job); }

    Exec& exec;
    Job job;
    double most;
    bool single;
    int n, count, remembered;
    MessageProducts messages;
    WeightedOutput output;
    Array<double> lengths, scratch, weights;
    Array<int> rounds;
  };

  double most_;
  bool single_;
  int remembered_;
  bool median_;
};

const Registered<Stage> clipped_clustering([](Entry<Stage>& e) {
  e.name = "clipped-clustering";
  e.role = "rule";
  e.space = "custom";
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
  e.needs = [](int n, int f) { return std::string(n > 2 * f && n <= 256 ? "" : "2f < n <= 256"); };
  e.known_answers = {{"", 1, {{1, 0}, {2, 0}, {2, 0}, {-9, 0}}, {{5.0f / 3, 0}}},
                     {"", 1, {{0, 3}, {0, 3}, {5, 0}, {0, 9}, {0, 4}}, {{0, 3.5f}}}};
  e.make = [](const Arguments& a) {
    return std::make_unique<ClippedClustering>(a.number("max_length"), a.is("linkage", "single"), a.count("history"),
                                               a.is("average", "median"));
  };
});

}  // namespace
}  // namespace gauntlet
