// SPDX-License-Identifier: Apache-2.0
#include "kernels/defenses/shared/majority.cuh"
#include "kernels/defenses/shared/sums.cuh"

namespace gauntlet {
namespace {

/// What it keeps is who is bad, and whose last message was not finite: 1 for such a worker. Sums 0 are the long ones,
/// sums 1 the short ones. Workers are judged by the sums when the next messages come.
struct Safeguard : GramFunctor {
  static constexpr Reads reads = Reads::norms;
  static constexpr bool learns = true;
  int windows[2];
  double thresholds[2];
  double factor;
  bool reset;
  float deviation;

  Memory memory(int n) const { return {MemoryRow::none, 2, 2 * static_cast<std::size_t>(n), true}; }
  float noise() const { return deviation; }
  std::size_t scratch(int n) const { return static_cast<std::size_t>(n) * (2 * n + 1); }

  /// The mean of the good workers' finite messages.
  GAUNTLET_HD void operator()(const Team& team, const Gram& gram, double* weights, double* good) const {
    const int n = gram.n;
    judge(team, gram, good);
    const auto heard = [=](int i) { return good[i] != 0 && gram.norm(i) < INFINITY ? 1.0 : 0.0; };
    const double members = team.sum(n, heard);
    team.each(n, [=](int i) { weights[i] = members > 0 ? heard(i) / members : 0; });
    leave_memory_out(team, gram, weights);
  }

  GAUNTLET_HD void learn(const Team& team, const Gram& gram, const double*, SumUpdate* updates, double* good) const {
    const int n = gram.n;
    judge(team, gram, good);
    const double members = team.sum(n, [=](int i) { return good[i]; });
    for (int w = 0; w < 2; ++w) {
      const bool anew = gram.round % static_cast<std::uint32_t>(windows[w]) == 0;
      NextSums{w, anew ? 0.0 : 1.0, 1 / (members > 0 ? members : 1)}.write(team, gram, updates);
    }
    team.each(n, [=](int i) {
      gram.numbers[gram.worker(i)] = 1 - good[i];
      gram.numbers[gram.most + gram.worker(i)] = gram.norm(i) < INFINITY ? 0 : 1;
    });
  }

  /// Who is near the center of both windows stays good. Writes 1 or 0 for every message.
  GAUNTLET_HD void judge(const Team& team, const Gram& gram, double* good) const {
    const int n = gram.n;
    const auto member = [=](int i) { return gram.numbers[gram.worker(i)] == 0; };
    Gram sums[2];
    Center centers[2];
    for (int w = 0; w < 2; ++w) {
      sums[w] = NextSums{w, 1, 0}.products(team, gram, good + n + std::int64_t{w} * n * n);
      centers[w] = find_center(team, sums[w], (n + 1) / 2, thresholds[w], member);
    }
    const bool refill = reset && gram.round % static_cast<std::uint32_t>(windows[0]) == 0;
    const double allowed = factor;
    const Gram long_sums = sums[0], short_sums = sums[1];
    const Center long_center = centers[0], short_center = centers[1];
    team.each(n, [=](int i) {
      const bool stays = member(i) && gram.numbers[gram.most + gram.worker(i)] == 0 &&
                         long_center.near(long_sums, i, allowed) && short_center.near(short_sums, i, allowed);
      good[i] = refill || stays ? 1 : 0;
    });
  }
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
  e.traits.robust = false;  // judges a worker after its message has been used: what comes first gets through
  e.parameters = {
      count("long_window", "100", "rounds after which the long sums start anew", 1, 1e9),
      count("short_window", "20", "the same of the short sums, at most long_window", 1, 1e9),
      threshold_parameter("long_threshold", "T1, on distances of the long sums"),
      threshold_parameter("short_threshold", "T0, on distances of the short sums"),
      number("factor", "2", "thresholds a good worker may be from the center: 2 in the paper, 1 in code", 0),
      flag("reset", false, "all workers are good again whenever the long sums start anew"),
      number("noise", "0", "standard deviation of normal noise on every coordinate of the output", 0)};
  e.needs = {"2f < n <= 256", [](int n, int f) { return n > 2 * f && n <= 256; }};
  e.known_answers = {{"", 1, {{0, 3}, {6, 0}, {0, 0}}, {{2, 1}}}};
  e.make = [](const Arguments& a) {
    const Safeguard rule = {{},
                            {a.count("long_window"), a.count("short_window")},
                            {threshold_of(a, "long_threshold"), threshold_of(a, "short_threshold")},
                            a.number("factor"),
                            a.flag("reset"),
                            static_cast<float>(a.number("noise"))};
    if (rule.windows[1] > rule.windows[0])
      throw UserError("safeguard: short_window = " + std::to_string(rule.windows[1]) +
                      " must be at most long_window = " + std::to_string(rule.windows[0]));
    return gram_rule(rule);
  };
});

}  // namespace
}  // namespace gauntlet
