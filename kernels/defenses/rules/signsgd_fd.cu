// SPDX-License-Identifier: Apache-2.0
#include "kernels/defenses/shared/median.cuh"
#include "kernels/exec/array.cuh"
#include "kernels/passes/column.cuh"

namespace gauntlet {
namespace {

/// Columns that one team decodes.
constexpr std::int64_t decode_chunk = 1024;

/// The weight of a vote that is wrong at this rate; negative for a worker who is wrong more often than right.
GAUNTLET_HD double log_odds(double rate) {
  const double least = 1e-3, p = rate < least ? least : rate > 1 - least ? 1 - least : rate;
  return log((1 - p) / p);
}

/// The mean of `round` earlier values and one more.
GAUNTLET_HD double running_mean(double mean, double value, int round) { return (round * mean + value) / (round + 1); }

/// What the server knows of every worker. A rate is that of votes against the decoded sign. A sign of zero, on either
/// side, is half a vote against it, as a coin thrown in its stead would be: zeros make nobody look right or wrong.
struct Votes {
  Inboxes inboxes;
  const int* round;
  int initial_rounds;
  bool weighted;    ///< in the initial rounds
  bool learn;       ///< false while an attacker tries
  int chunks;       ///< of columns
  int* kinds;       ///< [count][n]: see classify_message
  double* pooled;   ///< [count][n] rates of the initial rounds
  double* weights;  ///< [count][n] in the initial rounds
  double* partial;  ///< [count][chunks][n]: votes with the decoded sign less votes against it
  float* rates;     ///< [count][n][padded d] after them

  GAUNTLET_HD bool initial() const { return *round < initial_rounds; }
  GAUNTLET_HD std::int64_t at(int c, int i) const { return std::int64_t{c} * inboxes.n + i; }
  GAUNTLET_HD float* rates_of(int c, int i) const { return rates + at(c, i) * padded(inboxes.base.d); }

  /// Replaces `v`, a span of message i − 1, by that of message i.
  GAUNTLET_HD void read(int c, int i, std::int64_t k, float* v) const {
    const int m = inboxes.base.m, kind = kinds[at(c, i)];
    if (kind == detail::message_same) return;
    const float* const* table = inboxes.base.of(c);
    if (kind >= 0) {
      for (int l = 0; l < span_width; ++l) v[l] = table[kind][k + l];
      return;
    }
    for (int l = 0; l < span_width; ++l) v[l] = 0;
    for (int p = 0; p < m; ++p) {
      const auto w = static_cast<float>(inboxes.mixing[at(c, i) * m + p]);
      for (int l = 0; w != 0 && l < span_width; ++l) v[l] += w * table[p][k + l];
    }
  }

  /// The rate of worker i in column k: in the first round after the initial ones, the pooled one.
  GAUNTLET_HD double rate(int c, int i, std::int64_t k) const {
    return *round == initial_rounds ? pooled[at(c, i)] : rates_of(c, i)[k];
  }
};

/// Before the columns: what each message is made of, and its weight.
struct WeighVotes {
  Votes votes;

  GAUNTLET_HD void operator()(std::int64_t index) const {
    const int n = votes.inboxes.n, m = votes.inboxes.base.m, i = static_cast<int>(index % n);
    votes.kinds[index] = detail::classify_message(votes.inboxes.mixing + (index - i) * m, m, i);
    votes.weights[index] = *votes.round > 0 && votes.weighted ? log_odds(votes.pooled[index]) : 1;
  }
};

/// Team c · chunks + b decodes the columns of chunk b of inbox c, then learns who voted against the outcome.
struct DecodeVotes {
  Votes votes;
  float* const* out;

  GAUNTLET_HD void operator()(Team& team, int index) const {
    const Votes& v = votes;
    const int n = v.inboxes.n, c = index / v.chunks;
    const std::int64_t first = index % v.chunks * decode_chunk, d = v.inboxes.base.d;
    const std::int64_t columns = first + decode_chunk < d ? decode_chunk : d - first;
    const int spans = static_cast<int>((columns + span_width - 1) / span_width);
    const bool initial = v.initial();
    team.each(spans, [&](int s) {
      const std::int64_t k = first + std::int64_t{s} * span_width;
      decode(c, k, initial);
      if (v.learn && !initial) update_rates(c, k);
    });
    if (!v.learn || !initial) return;
    for (int i = 0; i < n; ++i) {
      int source = i;
      while (v.kinds[v.at(c, source)] == detail::message_same) --source;
      const double with = team.sum(spans, [&](int s) {
        const std::int64_t k = first + std::int64_t{s} * span_width;
        float value[span_width], total = 0;
        v.read(c, source, k, value);
        for (int l = 0; l < span_width; ++l) total += sign_of(value[l]) * out[c][k + l];
        return static_cast<double>(total);
      });
      if (team.rank() == 0) v.partial[std::int64_t{index} * n + i] = with;
    }
  }

  GAUNTLET_HD void decode(int c, std::int64_t k, bool initial) const {
    float value[span_width];
    double score[span_width] = {}, most[span_width] = {};
    for (int i = 0; i < votes.inboxes.n; ++i) {
      votes.read(c, i, k, value);
      const double pooled_weight = votes.weights[votes.at(c, i)];
      for (int l = 0; l < span_width; ++l) {
        const double weight = initial ? pooled_weight : log_odds(votes.rate(c, i, k + l));
        score[l] += weight * sign_of(value[l]);
        most[l] += fabs(weight);
      }
    }
    // Votes of equal weight that cancel are a tie in whatever order they were added.
    for (int l = 0; l < span_width; ++l)
      out[c][k + l] = fabs(score[l]) <= 1e-12 * most[l] ? 0.0f : score[l] > 0 ? 1.0f : -1.0f;
  }

  GAUNTLET_HD void update_rates(int c, std::int64_t k) const {
    float value[span_width];
    for (int i = 0; i < votes.inboxes.n; ++i) {
      votes.read(c, i, k, value);
      float* rates = votes.rates_of(c, i);
      for (int l = 0; l < span_width; ++l) {
        const double against = 0.5 - 0.5 * sign_of(value[l]) * out[c][k + l];
        rates[k + l] = static_cast<float>(running_mean(votes.rate(c, i, k + l), against, *votes.round));
      }
    }
  }
};

/// After the columns of an initial round: the pooled rates. The parts are whole numbers, so no order of adding matters.
struct PoolRates {
  Votes votes;

  GAUNTLET_HD void operator()(std::int64_t index) const {
    if (!votes.initial()) return;
    const int n = votes.inboxes.n;
    const std::int64_t c = index / n, i = index % n;
    double with = 0;
    for (int b = 0; b < votes.chunks; ++b) with += votes.partial[(c * votes.chunks + b) * n + i];
    const double against = 0.5 - 0.5 * with / static_cast<double>(votes.inboxes.base.d);
    votes.pooled[index] = running_mean(votes.pooled[index], against, *votes.round);
  }
};

/// The weight and the rate of every worker in the coming round, averaged over the columns where they have their own.
struct AverageVotes {
  Votes votes;
  double* weights;  ///< [count][n]
  double* rates;

  GAUNTLET_HD void operator()(const Team& team, int index) const {
    const std::int64_t d = votes.inboxes.base.d;
    const int n = votes.inboxes.n, c = index / n, i = index % n, t = *votes.round;
    double weight = t > 0 && votes.weighted ? log_odds(votes.pooled[index]) : 1, rate = votes.pooled[index];
    if (t > votes.initial_rounds) {
      const float* own = votes.rates_of(c, i);
      const int spans = static_cast<int>((d + span_width - 1) / span_width);
      const auto average = [=](bool weigh) {
        return team.sum(spans, [=](int s) {
          double total = 0;
          for (std::int64_t k = std::int64_t{s} * span_width; k < d && k < std::int64_t{s + 1} * span_width; ++k)
            total += weigh ? log_odds(own[k]) : static_cast<double>(own[k]);
          return total;
        }) / static_cast<double>(d);
      };
      weight = average(true), rate = average(false);
    } else if (t == votes.initial_rounds) {
      weight = log_odds(rate);
    }
    if (team.rank() == 0) weights[index] = weight, rates[index] = rate;
  }
};

class FederatedDefense final : public CustomStage {
 public:
  FederatedDefense(int initial_rounds, bool weighted) : initial_rounds_(initial_rounds), weighted_(weighted) {}

  int memory_rows(int n, std::int64_t) const override { return n; }
  std::unique_ptr<Bound> bind(Exec& exec, const Job& job) const override {
    return std::make_unique<Run>(exec, job, initial_rounds_, weighted_);
  }

 private:
  struct Run final : Bound {
    Run(Exec& exec_, const Job& job, int initial_rounds, bool weighted)
        : exec(exec_), out(job.out), workers(static_cast<std::int64_t>(job.inboxes.base.count) * job.inboxes.n) {
      const auto size = static_cast<std::size_t>(workers);
      const auto chunks = static_cast<int>((job.inboxes.base.d + decode_chunk - 1) / decode_chunk);
      kinds = Array<int>(exec, size);
      pooled = Array<double>(exec, size);
      weights = Array<double>(exec, size);
      partial = Array<double>(exec, size * static_cast<std::size_t>(chunks));
      rates = RowStore(exec, workers, job.inboxes.base.d);
      votes = {job.inboxes,  job.round,     initial_rounds, weighted,       true,        chunks,
               kinds.data(), pooled.data(), weights.data(), partial.data(), rates.row(0)};
    }

    void run(bool rehearsal) override {
      votes.learn = !rehearsal;
      parallel_for(exec, "weigh votes", workers, WeighVotes{votes});
      for_teams(exec, "decode votes", votes.inboxes.base.count * votes.chunks, 256, DecodeVotes{votes, out});
      if (!rehearsal) parallel_for(exec, "pool rates", workers, PoolRates{votes});
    }

    Observations observe() const override {
      Array<double> mean_weights(exec, weights.size()), mean_rates(exec, weights.size());
      for_teams(exec, "average votes", static_cast<int>(workers), 256,
                AverageVotes{votes, mean_weights.data(), mean_rates.data()});
      return {{worker_weights_column().name, mean_weights.download()},
              {worker_error_rates_column().name, mean_rates.download()}};
    }

    Exec& exec;
    float* const* out;
    std::int64_t workers;  ///< of all inboxes
    Array<int> kinds;
    Array<double> pooled, weights, partial;
    RowStore rates;
    Votes votes;
  };

  int initial_rounds_;
  bool weighted_;
};

const Registered<Stage> signsgd_fd([](Entry<Stage>& e) {
  e.name = "signsgd-fd";
  e.summary = "a vote on every sign, workers weighted by how often they were wrong; who mostly is counts negative";
  e.formula =
      "u_k = sign(sum of w_ik sign(x_ik)), w = ln((1-p)/p), p in [0.001, 0.999] the rate of sign(x_ik) against u_k so "
      "far: per worker in the initial rounds (w = 1 in the first), then per coordinate; sign(0) counts 1/2";
  e.source = "Park, Lee, SignSGD with Federated Defense, ICML 2024";
  e.traits.translation_equivariant = false;  // gives signs
  e.traits.scale_equivariant = false;
  e.traits.unanimous = false;
  e.traits.within_box = false;
  e.parameters = {count("initial_rounds", "100", "rounds with one rate per worker, not one per coordinate", 1, 1e9),
                  word("initial", "weighted", "the vote in those rounds", {"weighted", "majority"})};
  e.columns = {worker_weights_column(), worker_error_rates_column()};
  e.needs = needs_majority;
  e.known_answers = {{"", 1, {{0.5, -1, 1, 0}, {3, -0.1, -1, 0}, {-99, 7, 0, -4}}, {{1, -1, 0, -1}}}};
  e.make = [](const Arguments& a) {
    return std::make_unique<FederatedDefense>(a.count("initial_rounds"), a.is("initial", "weighted"));
  };
});

}  // namespace
}  // namespace gauntlet
