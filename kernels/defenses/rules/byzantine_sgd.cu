// SPDX-License-Identifier: Apache-2.0
#include "kernels/defenses/engine/custom_gram.cuh"
#include "kernels/defenses/engine/history.cuh"
#include "kernels/defenses/shared/majority.cuh"

namespace gauntlet {
namespace {

/// What the user sets: on A (along the way of the model), B (sums of messages) and V (messages).
struct Thresholds {
  double along, sum, message;
};

/// Keeps the model of round 0 and writes how far the model has moved from it.
struct TrackModel {
  const float* const* models;
  const int* round;
  std::int64_t stride;
  float* start;  ///< [count] rows
  float* moved;  ///< [count] rows

  GAUNTLET_HD void operator()(int c, std::int64_t k) const {
    float *first = start + c * stride + k, *way = moved + c * stride + k;
    for (int l = 0; l < span_width; ++l) {
      const float now = models[c][k + l];
      if (*round == 0) first[l] = now;
      way[l] = now - first[l];
    }
  }
};

/// One team per inbox: who stays good, and the mean of their messages.
struct JudgeWorkers {
  Thresholds thresholds;
  int n, m;
  const double* sums;      ///< [count][n][n] products of the sums
  const double* messages;  ///< [count][n][n]
  const double* admitted;  ///< [count][n]
  const double* entering;  ///< [count][n][m + n]
  const double* dots;      ///< [count][m + 1] of the base rows with the model's way, or null
  const double* along;     ///< [count][n], before this round
  const double* banned;    ///< [count][n], 1 or 0, before this round
  double* sorted;          ///< [count][n]
  double* next_along;      ///< [count][n]
  double* next_banned;     ///< [count][n]
  double* weights;         ///< [count][n]

  GAUNTLET_HD void operator()(Team& team, int c) const {
    const JudgeWorkers& all = *this;
    const std::int64_t first = std::int64_t{c} * n;
    const Gram of_sums{n, 0, n, sums + first * n}, of_messages{n, 0, n, messages + first * n};
    double *now = next_along + first, *out = next_banned + first, *weight = weights + first;
    const double *before = banned + first, *heard = admitted + first;
    team.each(n, [&](int i) { now[i] = all.along_way(c, i); });

    const int majority = n / 2 + 1;
    const auto anybody = [](int) { return true; };
    const Center sum = find_center(team, of_sums, majority, thresholds.sum, anybody);
    // Two honest messages are at most 2 V apart.
    const Center message =
        find_center(team, of_messages, majority, thresholds.message >= 0 ? 2 * thresholds.message : automatic, anybody);
    const Middle middle = middle_of(team, now, sorted + first);
    const double sum_factor = thresholds.sum >= 0 ? 1 : 4, message_factor = thresholds.message >= 0 ? 2 : 4;
    team.each(n, [&](int i) {
      const bool good = before[i] == 0 && heard[i] != 0 && fabs(now[i] - middle.value) <= middle.radius &&
                        sum.near(of_sums, i, sum_factor) && message.near(of_messages, i, message_factor);
      out[i] = good ? 0 : 1;
    });
    const double members = team.sum(n, [=](int i) { return 1 - out[i]; });
    team.each(n, [=](int i) { weight[i] = out[i] != 0 ? 0 : 1 / members; });
  }

  /// A_i with this round's message.
  GAUNTLET_HD double along_way(int c, int i) const {
    const std::int64_t worker = std::int64_t{c} * n + i;
    double total = along[worker];
    for (int p = 0; p < m && dots != nullptr; ++p)
      add_weighted(total, entering[worker * (m + n) + p], dots[std::int64_t{c} * (m + 1) + p]);
    return total;
  }

  struct Middle {
    double value, radius;
  };

  /// The median of A, and how far from it one may be.
  GAUNTLET_HD Middle middle_of(const Team& team, const double* values, double* place) const {
    const int size = n;
    team.each(n, [=](int i) {
      int rank = 0;
      for (int j = 0; j < size; ++j) rank += values[j] < values[i] || (values[j] == values[i] && j < i);
      place[rank] = values[i];
    });
    const double value = (place[(n - 1) / 2] + place[n / 2]) / 2;
    const double reach = thresholds.along >= 0
                             ? thresholds.along
                             : 8 * kth_smallest(n, n / 2 + 1, [=](int i) { return fabs(values[i] - value); });
    return {value, reach + 1e-6 * fabs(value)};
  }
};

class ByzantineSgd final : public CustomStage {
 public:
  explicit ByzantineSgd(const Thresholds& thresholds) : thresholds_(thresholds) {}

  int memory_rows(int n, std::int64_t) const override { return n + 2; }
  std::unique_ptr<Bound> bind(Exec& exec, const Job& job) const override {
    return std::make_unique<Run>(exec, job, thresholds_);
  }

 private:
  struct Run final : Bound {
    Run(Exec& exec_, const Job& job_, const Thresholds& thresholds_)
        : exec(exec_),
          job(job_),
          thresholds(thresholds_),
          n(job.inboxes.n),
          m(job.inboxes.base.m),
          count(job.inboxes.base.count),
          sums(exec, job),
          output(exec, job) {
      const auto workers = static_cast<std::size_t>(count) * n;
      for (auto* each : {&along, &banned, &next_along, &next_banned, &sorted, &weights})
        *each = Array<double>(exec, workers);
      messages = Array<double>(exec, workers * n);
      if (job.models == nullptr) return;
      start = RowStore(exec, count, job.inboxes.base.d);
      moved = RowStore(exec, count, job.inboxes.base.d);
      const auto pointers = moved.pointers();
      moved_rows = Array<const float*>(exec, std::vector<const float*>(pointers.begin(), pointers.end()));
      dot_parts = Array<double>(exec, dot_scratch(job.inboxes.base));
      dot_products = Array<double>(exec, static_cast<std::size_t>(count) * (m + 1));
    }

    void run(bool rehearsal) override {
      const Rows& base = job.inboxes.base;
      if (job.models != nullptr) {
        parallel_spans(exec, "track model", count, base.d,
                       TrackModel{job.models, job.round, padded(base.d), start.row(0), moved.row(0)});
        dots(exec, base, moved_rows.data(), dot_parts.data(), dot_products.data());
      }
      const double* of_sums = sums.compute(exec, job);
      detail::mix_gram(exec, count, {sums.products(), m + n, 1, job.inboxes.mixing, n, m, 0, 0, true, messages.data()});
      for_teams(exec, "judge workers", count, n,
                JudgeWorkers{thresholds, n, m, of_sums, messages.data(), sums.admitted(), sums.entering(),
                             dot_products.data(), along.data(), banned.data(), sorted.data(), next_along.data(),
                             next_banned.data(), weights.data()});
      output.write(exec, job, weights.data());
      if (rehearsal) return;
      copy_within(exec, along.data(), next_along.data(), along.bytes());
      copy_within(exec, banned.data(), next_banned.data(), banned.bytes());
      sums.add(exec, job);
    }

    Sources sources() const override { return output.sources(job); }

    Exec& exec;
    Job job;
    Thresholds thresholds;
    int n, m, count;
    MessageSums sums;
    WeightedOutput output;
    RowStore start, moved;
    Array<const float*> moved_rows;
    Array<double> along, banned, next_along, next_banned, sorted, weights, messages, dot_parts, dot_products;
  };

  Thresholds thresholds_;
};

const Registered<Stage> byzantine_sgd([](Entry<Stage>& e) {
  e.name = "byzantine-sgd";
  e.summary =
      "the mean of the workers who were near a majority in every round so far, by message, by sum of messages and "
      "along "
      "the model's way; memory: 4 (n + 2) d bytes a cell";
  e.formula =
      "A_i = sum of <x_i(t), w(t) - w(0)>, B_i = sum of x_i(t); G = i in G with |A_i - median| <= T_A, |B_i - B_med| "
      "<= "
      "T_B, |x_i - x_med| <= 4 V; mean over G; B_med, x_med: first with more than n/2 within T_B, 2 V; auto: r = least "
      "distance at which there is one: T_B = 4 r, V = r, and T_A = 8 times the median of |A_i - median|";
  e.source = "Alistarh, Allen-Zhu, Li, Byzantine Stochastic Gradient Descent, NeurIPS 2018";
  e.parameters = {threshold_parameter("threshold_a", "T_A, on the progress along the model's way"),
                  threshold_parameter("threshold_b", "T_B, on distances of the sums"),
                  threshold_parameter("threshold_v", "V, on distances of the messages: 2 V from half, 4 V from all")};
  e.needs = [](int n, int f) { return std::string(n > 2 * f && n <= 256 ? "" : "2f < n <= 256"); };
  e.known_answers = {{"", 1, {{1, 0}, {2, 0}, {1, 3}, {2, 3}, {90, 0}}, {{1.5f, 1.5f}}},
                     {"threshold_v=2", 1, {{0}, {1}, {3}, {9}}, {{4.0f / 3}}}};
  e.make = [](const Arguments& a) {
    return std::make_unique<ByzantineSgd>(
        Thresholds{threshold_of(a, "threshold_a"), threshold_of(a, "threshold_b"), threshold_of(a, "threshold_v")});
  };
});

}  // namespace
}  // namespace gauntlet
