// SPDX-License-Identifier: Apache-2.0
#include "kernels/defenses/rule.cuh"

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

/// What the server knows of every worker; one whose message is absent is thought of as before. A rate is that of votes
/// against the decoded sign. A sign of zero, on either side, is half a vote against it, as a coin thrown in its stead
/// would be: zeros make nobody look right or wrong.
struct Votes {
  Inboxes inboxes;
  const int* workers;  ///< [count][n]: whose message is which; null: message i is worker i's
  const int* round;
  int initial_rounds;
  bool weighted;    ///< in the initial rounds
  bool learn;       ///< false while an attacker tries
  int chunks;       ///< of columns
  int* kinds;       ///< [count][n] of the messages: see classify_message
  double* pooled;   ///< [count][n] rates of the workers in the initial rounds
  double* weights;  ///< [count][n] of the workers in the initial rounds
  double* partial;  ///< [count][chunks][n]: votes of a message with the decoded sign less votes against it
  float* rates;     ///< [count][n][padded d] of the workers after them

  GAUNTLET_HD bool initial() const { return *round < initial_rounds; }
  GAUNTLET_HD std::int64_t at(std::int64_t c, int i) const { return c * inboxes.n + i; }
  GAUNTLET_HD std::int64_t worker(std::int64_t c, int i) const {
    return workers == nullptr ? at(c, i) : c * inboxes.n + workers[at(c, i)];
  }
  GAUNTLET_HD float* rates_of(std::int64_t worker) const { return rates + worker * padded(inboxes.base.d); }

  /// Replaces `v`, a span of message i − 1, by that of message i.
  GAUNTLET_HD void read(int c, int i, std::int64_t k, float* v) const {
    const int m = inboxes.base.m, kind = kinds[at(c, i)];
    if (kind == message_same) return;
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

  /// The rate of the worker of message i in column k: in the first round after the initial ones, the pooled one.
  GAUNTLET_HD double rate(int c, int i, std::int64_t k) const {
    return *round == initial_rounds ? pooled[worker(c, i)] : rates_of(worker(c, i))[k];
  }
};

/// Before the columns: what each message is made of, and each worker's weight.
struct WeighVotes {
  Votes votes;

  GAUNTLET_HD void operator()(std::int64_t index) const {
    const int n = votes.inboxes.n, m = votes.inboxes.base.m, i = static_cast<int>(index % n);
    if (i < votes.inboxes.messages(index / n))
      votes.kinds[index] = classify_message(votes.inboxes.mixing + (index - i) * m, m, i);
    votes.weights[index] = *votes.round > 0 && votes.weighted ? log_odds(votes.pooled[index]) : 1;
  }
};

/// Team c · chunks + b decodes the columns of chunk b of inbox c, then learns who voted against the outcome.
struct DecodeVotes {
  Votes votes;
  float* const* out;

  GAUNTLET_HD void operator()(Team& team, int index) const {
    const Votes& v = votes;
    const int c = index / v.chunks, n = v.inboxes.messages(c);
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
      while (v.kinds[v.at(c, source)] == message_same) --source;
      const double with = team.sum(spans, [&](int s) {
        const std::int64_t k = first + std::int64_t{s} * span_width;
        float value[span_width], total = 0;
        v.read(c, source, k, value);
        for (int l = 0; l < span_width; ++l) total += sign_of(value[l]) * out[c][k + l];
        return static_cast<double>(total);
      });
      if (team.rank() == 0) v.partial[std::int64_t{index} * v.inboxes.n + i] = with;
    }
  }

  GAUNTLET_HD void decode(int c, std::int64_t k, bool initial) const {
    float value[span_width];
    double score[span_width] = {}, most[span_width] = {};
    for (int i = 0; i < votes.inboxes.messages(c); ++i) {
      votes.read(c, i, k, value);
      const double pooled_weight = votes.weights[votes.worker(c, i)];
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
    for (int i = 0; i < votes.inboxes.messages(c); ++i) {
      votes.read(c, i, k, value);
      float* rates = votes.rates_of(votes.worker(c, i));
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
    const int n = votes.inboxes.n, i = static_cast<int>(index % n);
    const std::int64_t c = index / n, worker = votes.worker(c, i);
    if (i >= votes.inboxes.messages(c)) return;
    double with = 0;
    for (int b = 0; b < votes.chunks; ++b) with += votes.partial[(c * votes.chunks + b) * n + i];
    const double against = 0.5 - 0.5 * with / static_cast<double>(votes.inboxes.base.d);
    votes.pooled[worker] = running_mean(votes.pooled[worker], against, *votes.round);
  }
};

/// The weight and the rate of every worker in the coming round, averaged over the columns where they have their own.
struct AverageVotes {
  Votes votes;
  double* weights;  ///< [count][n]
  double* rates;

  GAUNTLET_HD void operator()(const Team& team, int index) const {
    const std::int64_t d = votes.inboxes.base.d;
    const int t = *votes.round;
    double weight = t > 0 && votes.weighted ? log_odds(votes.pooled[index]) : 1, rate = votes.pooled[index];
    if (t > votes.initial_rounds) {
      const float* own = votes.rates_of(index);
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

struct Choice {
  int initial_rounds;
  bool weighted;
};

struct FederatedDefense final : CustomRule<Choice> {
  using CustomRule::CustomRule;
  static int memory_rows(const Choice&, int n, std::int64_t) { return n; }
  static bool remembers(const Choice&) { return true; }
  static bool remembers_workers(const Choice&) { return true; }

  int workers = count * n, chunks = static_cast<int>((d + decode_chunk - 1) / decode_chunk);
  Array<int> kinds{exec, static_cast<std::size_t>(workers)};
  Array<double> pooled = doubles(n), weights = doubles(n), partial = doubles(static_cast<std::size_t>(n) * chunks);
  RowStore rates{exec, workers, d};
  Votes votes = {job.inboxes, job.workers,  job.round,     given.initial_rounds, given.weighted, true,
                 chunks,      kinds.data(), pooled.data(), weights.data(),       partial.data(), rates.row(0)};

  void run(bool rehearsal) override {
    votes.learn = !rehearsal;
    parallel_for(exec, "weigh votes", workers, WeighVotes{votes});
    for_teams(exec, "decode votes", count * chunks, 256, DecodeVotes{votes, job.out});
    if (!rehearsal) parallel_for(exec, "pool rates", workers, PoolRates{votes});
  }

  Observations observe() const override {
    Array<double> mean_weights(exec, weights.size()), mean_rates(exec, weights.size());
    for_teams(exec, "average votes", workers, 256, AverageVotes{votes, mean_weights.data(), mean_rates.data()});
    return {{worker_weights_column().name, mean_weights.download()},
            {worker_error_rates_column().name, mean_rates.download()}};
  }
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
    return custom_rule<FederatedDefense>(Choice{a.count("initial_rounds"), a.is("initial", "weighted")});
  };
});

}  // namespace
}  // namespace gauntlet
