// SPDX-License-Identifier: Apache-2.0
#include "kernels/attacks/shared/within_honest.cuh"

namespace gauntlet {
namespace {

/// max_i ‖mu + gamma p − x_i‖² ≤ max_ij ‖x_i − x_j‖²: the least of the h positive roots.
struct LargestDistance {
  GAUNTLET_HD double operator()(const Team& team, const BaseGram& gram, int p) const {
    const int h = gram.honest;
    const int widest = team.argmin(h, [=](int i) { return -gram.greatest_distance2(i); });
    const double limit = gram.greatest_distance2(widest), length = gram(p, p);
    // ‖x_i − mu‖² = (Σ_j ‖x_i − x_j‖² − Σ_j ‖x_j − mu‖²) / h, and half of all squared distances is h Σ_j ‖x_j − mu‖².
    const double scatter = team.sum(h, [=](int i) { return gram.total_distance2(i); }) / 2 / h;
    const double center = team.sum(h, [=](int i) { return gram(i, p); }) / h;
    const auto root = [=](int i) {
      const double room = limit - (gram.total_distance2(i) - scatter) / h, half = center - gram(i, p);
      return (-half + sqrt(half * half + length * (room > 0 ? room : 0))) / length;
    };
    return root(team.argmin(h, root));
  }
};

const RegisteredAttack min_max([](Entry<Attack>& e) {
  e.name = "min-max";
  e.summary = "as far from the honest mean as no farther from any honest message than two of them are apart";
  e.formula = "b = mu + gamma p, p = -sigma; largest gamma with max_i |b - x_i| <= max_ij |x_i - x_j|";
  e.source = "Shejwalkar, Houmansadr, Manipulating the Byzantine, NDSS 2021";
  e.parameters = {direction_parameter({"std", "plus-std", "mean", "sign"})};
  // mu = (2, 0), p = (-2, 0) and two messages 4 apart: b may be 4 from (4, 0).
  e.known_answers = {{"direction=mean", 1, {{0, 0}, {4, 0}, {9, 9}}, {{0, 0}}},
                     {"direction=sign", 1, {{1, 1}, {5, 1}, {9, 9}}, {{1.3542487f, -0.6457513f}}}};
  e.make = [](const Arguments& a) { return gram_attack(WithinHonest<LargestDistance>{{}, direction_of(a)}); };
});

}  // namespace
}  // namespace gauntlet
