// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "kernels/attacks/shared/honest.cuh"

namespace gauntlet {
namespace {

/// Per coordinate, random values just beyond the honest ones, on the side away from where their mean points.
struct FangTrim : AttackFunctor {
  static constexpr int extra_rows = 1;  ///< or one for each attacker
  double b;
  int draws;  ///< of each coordinate: 1 or f

  GAUNTLET_HD void write(const AttackView& view, int c, std::int64_t k) const {
    double mean[span_width];
    honest_mean(view, c, k, mean);
    const auto round = static_cast<std::uint32_t>(*view.round);
    for (int l = 0; l < span_width; ++l) {
      float least = view.row(c, 0)[k + l], most = least;
      for (int i = 1; i < view.honest; ++i) {
        const float x = view.row(c, i)[k + l];
        least = x < least ? x : least, most = x > most ? x : most;
      }
      for (int i = 0; i < draws; ++i) {
        const double u = Random(view.seeds[c], Purpose::attack, static_cast<std::uint32_t>(i), round,
                                static_cast<std::uint32_t>((k + l) / 4))
                             .uniform((k + l) % 4);
        // A coordinate's extreme times a factor between 1 and b, or 1 and 1/b, whichever leads outwards.
        const double factor_up = most > 0 ? 1 + (b - 1) * u : 1 - (1 - 1 / b) * u;
        const double factor_down = least > 0 ? 1 - (1 - 1 / b) * u : 1 + (b - 1) * u;
        extra_data(view, c, i)[k + l] = static_cast<float>(mean[l] < 0   ? most * factor_up
                                                           : mean[l] > 0 ? least * factor_down
                                                                         : mean[l]);
      }
    }
  }
  GAUNTLET_HD double operator()(const AttackView& view, int, int worker, int p) const {
    return p == view.extra_row(draws > 1 ? worker : 0);
  }
};

const RegisteredAttack fang_trim([](Entry<Attack>& e) {
  e.name = "fang-trim";
  e.summary = "per coordinate random values just beyond all honest ones, against the sign of their mean";
  e.formula =
      "mu_k < 0: uniform from max_k to b max_k (max_k / b if max_k < 0); mu_k > 0: from min_k to min_k / b (b "
      "min_k if min_k < 0)";
  e.source = "Fang, Cao, Jia, Gong, Local Model Poisoning Attacks to Byzantine-Robust FL, USENIX Security 2020";
  e.parameters = {number("b", "2", "how far beyond the extreme, as a factor", 1),
                  flag("same", false, "all attackers send the same draw instead of one each, as in Blades")};
  e.known_answers = {{"b=1", 1, {{1, -4, 2}, {3, 2, -2}, {9, 9, 9}}, {{1, 2, 0}}}};
  e.make = [](const Arguments& a) {
    const int draws = a.flag("same") ? 1 : std::max(a.f(), 1);
    return message_attack(FangTrim{{}, a.number("b"), draws}, draws);
  };
});

}  // namespace
}  // namespace gauntlet
