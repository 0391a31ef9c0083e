// SPDX-License-Identifier: Apache-2.0
#include "kernels/defenses/shared/majority.cuh"
#include "kernels/defenses/shared/sums.cuh"

namespace gauntlet {
namespace {

/// What the user sets: on A (along the way of the model), B (sums of messages) and V (messages).
struct Thresholds {
  double along, sum, message;
};

/// The numbers it keeps are A of every worker, then 1 for who is banned. A judgement, of messages and in their order,
/// is A with this round's message, who is banned from now on, and room to
/// sort; then the products of the sums.
struct ByzantineSgd : GramFunctor {
  static constexpr bool learns = true;
  Thresholds thresholds;

  Memory memory(int n) const { return {MemoryRow::way, 1, 2 * static_cast<std::size_t>(n)}; }
  std::size_t scratch(int n) const { return static_cast<std::size_t>(n) * (n + 3); }

  GAUNTLET_HD void operator()(const Team& team, const Gram& gram, double* weights, double* judgement) const {
    const int n = gram.n;
    const double* banned = judgement + n;
    judge(team, gram, judgement);
    const double members = team.sum(n, [=](int i) { return 1 - banned[i]; });
    team.each(n, [=](int i) { weights[i] = banned[i] != 0 ? 0 : 1 / members; });
    leave_memory_out(team, gram, weights);
  }

  GAUNTLET_HD void learn(const Team& team, const Gram& gram, const double*, SumUpdate* updates,
                         double* judgement) const {
    const int n = gram.n;
    judge(team, gram, judgement);
    team.each(n, [=](int i) {
      gram.numbers[gram.worker(i)] = judgement[i];
      gram.numbers[gram.most + gram.worker(i)] = judgement[n + i];
    });
    NextSums{}.write(team, gram, updates);
  }

  GAUNTLET_HD void judge(const Team& team, const Gram& gram, double* judgement) const {
    const int n = gram.n, way = gram.size - 1, majority = n / 2 + 1;
    double *along = judgement, *banned = along + n, *sorted = banned + n;
    team.each(n,
              [=](int i) { along[i] = gram.numbers[gram.worker(i)] + (gram.norm(i) < INFINITY ? gram(i, way) : 0); });
    const auto anybody = [](int) { return true; };
    const Gram sums = NextSums{}.products(team, gram, sorted + n);
    const Center sum = find_center(team, sums, majority, thresholds.sum, anybody);
    // Two honest messages are at most 2 V apart.
    const Center message =
        find_center(team, gram, majority, thresholds.message >= 0 ? 2 * thresholds.message : automatic, anybody);
    const Middle middle = middle_of(team, n, along, sorted);
    const double sum_factor = thresholds.sum >= 0 ? 1 : 4, message_factor = thresholds.message >= 0 ? 2 : 4;
    team.each(n, [=](int i) {
      const bool good = gram.numbers[gram.most + gram.worker(i)] == 0 && gram.norm(i) < INFINITY &&
                        fabs(along[i] - middle.value) <= middle.radius && sum.near(sums, i, sum_factor) &&
                        message.near(gram, i, message_factor);
      banned[i] = good ? 0 : 1;
    });
  }

  struct Middle {
    double value, radius;
  };

  /// The median of A, and how far from it one may be.
  GAUNTLET_HD Middle middle_of(const Team& team, int n, const double* values, double* place) const {
    team.each(n, [=](int i) {
      int rank = 0;
      for (int j = 0; j < n; ++j) rank += values[j] < values[i] || (values[j] == values[i] && j < i);
      place[rank] = values[i];
    });
    const double value = (place[(n - 1) / 2] + place[n / 2]) / 2;
    const double reach = thresholds.along >= 0
                             ? thresholds.along
                             : 8 * kth_smallest(n, n / 2 + 1, [=](int i) { return fabs(values[i] - value); });
    return {value, reach + 1e-6 * fabs(value)};
  }
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
  e.needs = {"2f < n <= 256", [](int n, int f) { return n > 2 * f && n <= 256; }};
  e.known_answers = {{"", 1, {{1, 0}, {2, 0}, {1, 3}, {2, 3}, {90, 0}}, {{1.5f, 1.5f}}},
                     {"threshold_v=2", 1, {{0}, {1}, {3}, {9}}, {{4.0f / 3}}}};
  e.make = [](const Arguments& a) {
    ByzantineSgd rule;
    rule.thresholds = {threshold_of(a, "threshold_a"), threshold_of(a, "threshold_b"), threshold_of(a, "threshold_v")};
    return gram_rule(rule);
  };
});

}  // namespace
}  // namespace gauntlet
