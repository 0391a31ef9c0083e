// SPDX-License-Identifier: Apache-2.0
#include "kernels/defenses/engine/history.cuh"

namespace gauntlet {
namespace {

enum class Divide { weights, n, nothing };

/// Weights from the inner products of the workers' histories, which have a zero row where a worker has sent nothing
/// yet.
struct FoolsGoldWeights : GramFunctor {
  double confidence = 1;
  Divide divide = Divide::weights;

  std::size_t scratch(int n) const { return static_cast<std::size_t>(n); }

  /// The cosine of two histories, not below zero. What rounding alone parts is equal, or rounding would set the
  /// weights.
  GAUNTLET_HD static double similarity(const Gram& gram, int i, int j) {
    const double lengths = gram.norm(i) * gram.norm(j);
    const double cosine = lengths > 0 && lengths < INFINITY ? gram(i, j) / lengths : 0;
    return cosine > 0 ? (cosine < 1 - 1e-12 ? cosine : 1) : 0;
  }

  GAUNTLET_HD void operator()(const Team& team, const Gram& gram, double* weights, double* most_alike) const {
    const int n = gram.n;
    team.each(n, [=](int i) {
      double most = 0;
      for (int j = 0; j < n; ++j)
        if (j != i) most = fmax(most, similarity(gram, i, j));
      most_alike[i] = most;
    });
    // Pardoning: who is like somebody that is even more like a third one is less suspect than that one.
    team.each(n, [=](int i) {
      double most = 0;
      for (int j = 0; j < n; ++j)
        if (j != i) most = fmax(most, similarity(gram, i, j) * fmin(1.0, most_alike[i] / fmax(most_alike[j], 1e-300)));
      weights[i] = fmax(0.0, 1 - most);
    });
    const double top = weights[team.argmin(n, [=](int i) { return -weights[i]; })];
    team.sync();
    const double sharpness = confidence;
    team.each(n, [=](int i) {
      const double share = top > 0 ? weights[i] / top : 1;
      weights[i] = share < 1 ? fmin(1.0, fmax(0.0, sharpness * (log(share / (1 - share)) + 0.5))) : 1;
    });
  }
};

/// Weights over the base rows, of the messages that were admitted.
struct ToBaseWeights {
  const double* weights;   ///< [count][n]
  const double* admitted;  ///< [count][n]
  const double* entering;  ///< [count][n][m + n]
  int n, m;
  Divide divide;
  double* out;  ///< [count][m]

  GAUNTLET_HD void operator()(std::int64_t index) const {
    const std::int64_t c = index / m, p = index % m;
    double total = 0, sum = 0;
    for (int i = 0; i < n; ++i) {
      const double weight = admitted[c * n + i] * weights[c * n + i];
      total += weight;
      sum += weight * entering[(c * n + i) * (m + n) + p];
    }
    const double by = divide == Divide::weights ? total : divide == Divide::n ? n : 1;
    out[index] = by > 0 ? sum / by : 0;
  }
};

class FoolsGold final : public CustomStage {
 public:
  explicit FoolsGold(FoolsGoldWeights weigh) : weigh_(weigh) {}

  int memory_rows(int n, std::int64_t) const override { return n; }
  std::unique_ptr<Bound> bind(Exec& exec, const Job& job) const override {
    return std::make_unique<Run>(exec, job, weigh_);
  }

 private:
  struct Run final : Bound {
    Run(Exec& exec_, const Job& job_, FoolsGoldWeights weigh_)
        : exec(exec_),
          job(job_),
          weigh(weigh_),
          n(job.inboxes.n),
          m(job.inboxes.base.m),
          count(job.inboxes.base.count),
          sums(exec, job),
          scratch(exec, static_cast<std::size_t>(count) * weigh.scratch(n)),
          weights(exec, static_cast<std::size_t>(count) * n),
          base_weights(exec, static_cast<std::size_t>(count) * m) {}

    void run(bool rehearsal) override {
      const double* histories = sums.compute(exec, job);
      detail::solve(exec, GramBatch{count, n, job.f, n, 1, histories, job.seeds, job.round, scratch.data()}, weigh,
                    weights.data(), n);
      parallel_for(
          exec, "to base", std::int64_t{count} * m,
          ToBaseWeights{weights.data(), sums.admitted(), sums.entering(), n, m, weigh.divide, base_weights.data()});
      combine(exec, job.inboxes.base, base_weights.data(), m, job.out);
      if (!rehearsal) sums.add(exec, job);
    }

    Sources sources() const override { return {base_weights.data(), 1, m, true}; }

    Exec& exec;
    Job job;
    FoolsGoldWeights weigh;
    int n, m, count;
    MessageSums sums;
    Array<double> scratch, weights, base_weights;
  };

  FoolsGoldWeights weigh_;
};

const Registered<Stage> foolsgold([](Entry<Stage>& e) {
  e.name = "foolsgold";
  e.summary = "trusts workers less the more their summed messages resemble another's; memory: 4 n d bytes a cell";
  e.formula =
      "a_i = 1 - max_j cos(H_i, H_j) min(1, v_i / v_j), v_i = max_j cos(H_i, H_j); w_i = logit(a_i / max a) + 0.5 in "
      "0..1";
  e.source = "Fung, Yoon, Beschastnikh, The Limitations of Federated Learning in Sybil Settings, RAID 2020";
  e.robust = false;  // a lone attacker of any length is like nobody else
  e.parameters = {number("confidence", "1", "factor of the logit", 0),
                  word("divide", "weights", "the weighted sum by the sum of the weights, by n, or (the paper) nothing",
                       {"weights", "n", "nothing"})};
  e.needs = [](int n, int) { return std::string(n >= 2 && n <= 256 ? "" : "2 <= n <= 256"); };
  e.known_answers = {{"", 1, {{1, 0}, {0, 3}, {2, 0}, {5, 0}}, {{0, 3}}},
                     {"divide=nothing", 0, {{1, 0, 0}, {0, 3, 0}, {0, 0, -2}}, {{1, 3, -2}}}};
  e.make = [](const Arguments& a) {
    FoolsGoldWeights weigh;
    weigh.confidence = a.number("confidence");
    weigh.divide = a.is("divide", "weights") ? Divide::weights : a.is("divide", "n") ? Divide::n : Divide::nothing;
    return std::make_unique<FoolsGold>(weigh);
  };
});

}  // namespace
}  // namespace gauntlet
