// SPDX-License-Identifier: Apache-2.0
#include "kernels/attacks/engine/gram_attack.cuh"
#include "kernels/attacks/shared/direction.cuh"

namespace gauntlet {
namespace {

constexpr int halvings = 40;

/// The attackers run Krum themselves, on the honest messages and f copies of b = lambda p, p = −sign(mu).
struct FangKrum : GramMessage {
  static constexpr int extra_rows = 1;

  std::size_t scratch(int honest) const { return static_cast<std::size_t>(honest) * (honest + 1); }

  GAUNTLET_HD void write(const AttackView& view, int c, std::int64_t k) const {
    WriteDirection{view, Direction::sign}(c, k);
  }

  GAUNTLET_HD void operator()(const Team& team, const AttackView& view, const BaseGram& gram, double* weights,
                              double* scratch) const {
    const int h = view.honest, f = view.f, nearest = view.n - f - 2, p = view.extra_row(0);
    double* to_b = scratch + std::int64_t{h} * h;  // ‖x_i − b‖²
    // Row i of scratch: the squared distances of message i to the other honest ones, ascending.
    team.each(h, [=](int i) {
      double* row = scratch + std::int64_t{i} * h;
      int filled = 0;
      for (int j = 0; j < h; ++j) {
        if (j == i) continue;
        const double value = gram.distance2(i, j);
        int k = filled++;
        for (; k > 0 && row[k - 1] > value; --k) row[k] = row[k - 1];
        row[k] = value;
      }
    });
    const auto honest_score = [=](int i) {
      double total = 0;
      for (int k = 0; k < nearest; ++k) total += scratch[std::int64_t{i} * h + k];
      return total;
    };
    const auto score = [=](int i) {
      const double* row = scratch + std::int64_t{i} * h;
      double total = 0;
      for (int taken = 0, k = 0, copies = f; taken < nearest; ++taken)
        total += copies > 0 && (k == h - 1 || to_b[i] <= row[k]) ? (--copies, to_b[i]) : row[k++];
      return total;
    };
    const double dimension = static_cast<double>(view.d);
    const int tightest = team.argmin(h, honest_score), longest = team.argmin(h, [=](int i) { return -gram(i, i); });
    const int spare = view.n - 2 * f - 1;
    double lambda = sqrt(honest_score(tightest) / (spare * dimension)) + gram.norm(longest) / sqrt(dimension);
    for (int attempt = 0; attempt < halvings; ++attempt) {
      const double tried = lambda;
      team.each(h, [=](int i) {
        const double square = gram(i, i) - 2 * tried * gram(i, p) + tried * tried * gram(p, p);
        to_b[i] = square > 0 ? square : 0;
      });
      // b's nearest are its f − 1 copies, at no distance, and then the honest messages nearest to it.
      const double own = team.sum(h, [=](int i) {
        int before = 0;
        for (int j = 0; j < h; ++j) before += to_b[j] < to_b[i] || (to_b[j] == to_b[i] && j < i);
        return before < nearest - (f - 1) ? to_b[i] : 0.0;
      });
      const double best = score(team.argmin(h, score));
      team.sync();
      if (own < best) break;
      lambda /= 2;
    }
    team.each(view.m, [=](int q) { weights[q] = q == p ? lambda : 0; });
  }
};

const RegisteredAttack fang_krum([](Entry<Attack>& e) {
  e.name = "fang-krum";
  e.summary = "against the signs of the mean, at the greatest length at which krum would choose it";
  e.formula = "b = -lambda sign(mu), lambda halved from the paper's bound until krum chooses b";
  e.source = "Fang, Cao, Jia, Gong, Local Model Poisoning Attacks to Byzantine-Robust FL, USENIX Security 2020";
  e.needs = {"n > 2f + 2", [](int n, int f) { return n > 2 * f + 2; }};
  // The bound is sqrt(6 / 2) + 3; krum first prefers b = -bound / 8, between -1 and 0, to them.
  e.known_answers = {{"", 2, {{-1}, {0}, {1}, {2}, {3}, {9}, {9}}, {{-0.59150635f}, {-0.59150635f}}}};
  e.make = [](const Arguments&) { return gram_attack(FangKrum{}); };
});

}  // namespace
}  // namespace gauntlet
