// SPDX-License-Identifier: Apache-2.0
#include "kernels/attacks/shared/alie_z.hpp"
#include "kernels/attacks/shared/honest.cuh"

namespace gauntlet {
namespace {

struct ALittleIsEnough : AttackFunctor {
  static constexpr int extra_rows = 1;
  double z;

  GAUNTLET_HD void write(const AttackView& view, int c, std::int64_t k) const { WriteDeviation{view}(c, k); }
  GAUNTLET_HD double operator()(const AttackView& view, int, int, int p) const {
    return p < view.honest ? 1.0 / view.honest : p == view.extra_row(0) ? -z : 0;
  }
};

const RegisteredAttack alie([](Entry<Attack>& e) {
  e.name = "alie";
  e.summary = "a little is enough: the honest mean, shifted by a few honest standard deviations per coordinate";
  e.formula = "b = mu - z sigma; auto: z = Phi^-1((n-f-s)/(n-f)), s = floor(n/2) + 1 - f";
  e.source = "Baruch, Baruch, Goldberg, A Little Is Enough, NeurIPS 2019";
  e.parameters = {number("z", "auto", "standard deviations, or the paper's quantile; negative: mu + |z| sigma",
                         -no_limit, no_limit, {"auto"})};
  // mu = (2, 2, 5), sigma = (1, 2, 0).
  e.known_answers = {{"z=2", 1, {{1, 0, 5}, {2, 2, 5}, {3, 4, 5}, {9, 9, 9}}, {{0, -2, 5}}}};
  e.make = [](const Arguments& a) { return message_attack(ALittleIsEnough{{}, alie_z("alie", a)}); };
});

}  // namespace
}  // namespace gauntlet
