// SPDX-License-Identifier: Apache-2.0
#include "kernels/defenses/engine/custom_gram.cuh"
#include "kernels/defenses/engine/history.cuh"
#include "kernels/defenses/shared/majority.cuh"

namespace gauntlet {
namespace {

/// What the user sets. Windows in rounds; windows and thresholds are those of the long sums and of the short ones.
struct Guard {
  int windows[2];
  double thresholds[2];
  double factor;
  bool reset;
  float noise;
};

/// The mean of the good workers' finite messages, and how many workers are good.
struct TrustGood {
  const double* good;      ///< [count][n], 1 or 0
  const double* admitted;  ///< [count][n]
  int n;
  double* weights;  ///< [count][n]
  double* members;  ///< [count], at least 1

  GAUNTLET_HD void operator()(std::int64_t c) const {
    double heard = 0, trusted = 0;
    for (int i = 0; i < n; ++i) {
      trusted += good[c * n + i];
      heard += good[c * n + i] * admitted[c * n + i];
    }
    for (int i = 0; i < n; ++i) weights[c * n + i] = heard > 0 ? good[c * n + i] * admitted[c * n + i] / heard : 0;
    members[c] = trusted > 0 ? trusted : 1;
  }
};

struct AddNoise {
  const std::uint64_t* seeds;
  const int* round;
  std::int64_t d;
  float deviation;
  float* const* out;

  GAUNTLET_HD void operator()(int c, std::int64_t k) const {
    for (int l = 0; l < span_width; l += 2) {
      const Random random(seeds[c], Purpose::defense, 4, static_cast<std::uint32_t>(*round),
                          static_cast<std::uint32_t>((k + l) / 2));
      for (int i = 0; i < 2 && k + l + i < d; ++i) out[c][k + l + i] += deviation * random.normal(i);
    }
  }
};

/// One team per inbox: who is near the center of both windows stays good.
struct JudgeSums {
  Guard guard;
  int n, count;
  const double* products;  ///< [2][count][n][n]
  const double* admitted;  ///< [count][n]
  const int* round;
  double* good;  ///< [count][n]

  GAUNTLET_HD void operator()(Team& team, int c) const {
    double* own = good + std::int64_t{c} * n;
    const double* heard = admitted + std::int64_t{c} * n;
    const Gram both[2] = {sums(0, c), sums(1, c)};
    const auto member = [=](int i) { return own[i] != 0; };
    const Center centers[2] = {find_center(team, both[0], (n + 1) / 2, guard.thresholds[0], member),
                               find_center(team, both[1], (n + 1) / 2, guard.thresholds[1], member)};
    team.sync();
    const bool refill = guard.reset && (*round + 1) % guard.windows[0] == 0;
    const double factor = guard.factor;
    team.each(n, [&](int i) {
      own[i] = refill || (own[i] != 0 && heard[i] != 0 && centers[0].near(both[0], i, factor) &&
                          centers[1].near(both[1], i, factor));
    });
  }

  GAUNTLET_HD Gram sums(int window, int c) const {
    return {n, 0, n, products + (std::int64_t{window} * count + c) * n * n};
  }
};

class Safeguard final : public CustomStage {
 public:
  explicit Safeguard(const Guard& guard) : guard_(guard) {}

  int memory_rows(int n, std::int64_t) const override { return 2 * n; }
  std::unique_ptr<Bound> bind(Exec& exec, const Job& job) const override {
    return std::make_unique<Run>(exec, job, guard_);
  }

 private:
  struct Run final : Bound {
    Run(Exec& exec_, const Job& job_, const Guard& guard_)
        : exec(exec_),
          job(job_),
          guard(guard_),
          n(job.inboxes.n),
          count(job.inboxes.base.count),
          sums(exec, std::int64_t{2} * count * n, job.inboxes.base.d),
          output(exec, job) {
      const auto pointers = sums.pointers();
      table = Array<const float*>(exec, std::vector<const float*>(pointers.begin(), pointers.end()));
      const auto inboxes = static_cast<std::size_t>(count), m = static_cast<std::size_t>(job.inboxes.base.m);
      norm_parts = Array<double>(exec, gram_scratch(exec, job.inboxes.base));
      norms = Array<double>(exec, inboxes * m * m);
      entering = Array<double>(exec, inboxes * n * m);
      admitted = Array<double>(exec, inboxes * n);
      weights = Array<double>(exec, inboxes * n);
      members = Array<double>(exec, inboxes);
      parts = Array<double>(exec, gram_scratch(exec, all_sums()));
      products = Array<double>(exec, 2 * inboxes * n * n);
      good = Array<double>(exec, std::vector<double>(inboxes * n, 1.0));
    }

    Rows all_sums() const { return {2 * count, n, job.inboxes.base.d, table.data()}; }

    void run(bool rehearsal) override {
      const Rows& base = job.inboxes.base;
      gram(exec, base, GramPart::norms, norm_parts.data(), norms.data());
      parallel_for(exec, "admit", std::int64_t{count} * n,
                   AdmitMessages{norms.data(), job.inboxes.mixing, n, base.m, 0, entering.data(), admitted.data()});
      parallel_for(exec, "trust good", count,
                   TrustGood{good.data(), admitted.data(), n, weights.data(), members.data()});
      output.write(exec, job, weights.data());
      if (guard.noise > 0)
        parallel_spans(exec, "noise", count, base.d, AddNoise{job.seeds, job.round, base.d, guard.noise, job.out});
      if (rehearsal) return;
      for (int w = 0; w < 2; ++w)
        parallel_spans(exec, "add to sums", count, base.d,
                       AddToSums{base, entering.data(), n, base.m, sums.row(std::int64_t{w} * count * n),
                                 members.data(), job.round, guard.windows[w]});
      gram(exec, all_sums(), GramPart::full, parts.data(), products.data());
      for_teams(exec, "judge sums", count, n,
                JudgeSums{guard, n, count, products.data(), admitted.data(), job.round, good.data()});
    }

    Sources sources() const override { return output.sources(job); }

    Exec& exec;
    Job job;
    Guard guard;
    int n, count;
    RowStore sums;  ///< [2][count][n], the long ones first
    Array<const float*> table;
    Array<double> norm_parts, norms, entering, admitted, weights, members, parts, products, good;
    WeightedOutput output;
  };

  Guard guard_;
};

const Registered<Stage> safeguard([](Entry<Stage>& e) {
  e.name = "safeguard";
  e.summary =
      "the mean of the workers whose sums over a long and a short window were near a majority's; memory: 8 n d bytes a "
      "cell";
  e.formula =
      "A_i, B_i = sums of x_i / |G| since the long, short window began; mean over G, then G = i in G with |A_i - "
      "A_med| "
      "<= factor T1 and |B_i - B_med| <= factor T0; A_med: first in G with n/2 of G within T1; auto: T1 = least "
      "distance at which there is one";
  e.source = "Allen-Zhu, Ebrahimianghazani, Li, Alistarh, Byzantine-Resilient Non-Convex SGD, ICLR 2021";
  e.robust = false;  // judges a worker after its message has been used: what comes first gets through
  e.parameters = {
      count("long_window", "100", "rounds after which the long sums start anew", 1, 1e9),
      count("short_window", "20", "the same of the short sums, at most long_window", 1, 1e9),
      threshold_parameter("long_threshold", "T1, on distances of the long sums"),
      threshold_parameter("short_threshold", "T0, on distances of the short sums"),
      number("factor", "2", "thresholds a good worker may be from the center: 2 in the paper, 1 in code", 0),
      flag("reset", false, "all workers are good again whenever the long sums start anew"),
      number("noise", "0", "standard deviation of normal noise on every coordinate of the output", 0)};
  e.needs = [](int n, int f) { return std::string(n > 2 * f && n <= 256 ? "" : "2f < n <= 256"); };
  e.known_answers = {{"", 1, {{0, 3}, {6, 0}, {0, 0}}, {{2, 1}}}};
  e.make = [](const Arguments& a) {
    const Guard guard = {{a.count("long_window"), a.count("short_window")},
                         {threshold_of(a, "long_threshold"), threshold_of(a, "short_threshold")},
                         a.number("factor"),
                         a.flag("reset"),
                         static_cast<float>(a.number("noise"))};
    if (guard.windows[1] > guard.windows[0])
      throw UserError("safeguard: short_window = " + std::to_string(guard.windows[1]) +
                      " must be at most long_window = " + std::to_string(guard.windows[0]));
    return std::make_unique<Safeguard>(guard);
  };
});

}  // namespace
}  // namespace gauntlet
