// SPDX-License-Identifier: Apache-2.0
#include "kernels/attacks/shared/within_honest.cuh"

namespace gauntlet {
namespace {

/// Σ_i ‖mu + gamma p − x_i‖² = Σ_i ‖x_i − mu‖² + h gamma² ‖p‖² ≤ max_i Σ_j ‖x_i − x_j‖²: the linear term is zero.
struct LargestSum {
  GAUNTLET_HD double operator()(const Team& team, const BaseGram& gram, int p) const {
    const int h = gram.honest;
    const double scatter = team.sum(h, [=](int i) { return gram.total_distance2(i); }) / 2 / h;
    const int widest = team.argmin(h, [=](int i) { return -gram.total_distance2(i); });
    const double room = gram.total_distance2(widest) - scatter;
    return room > 0 ? sqrt(room / (h * gram(p, p))) : 0;
  }
};

const RegisteredAttack min_sum([](Entry<Attack>& e) {
  e.name = "min-sum";
  e.summary = "as far from the honest mean as its squared distances sum to no more than those of some honest message";
  e.formula = "b = mu + gamma p, p = -sigma; largest gamma with sum_i |b - x_i|^2 <= max_i sum_j |x_i - x_j|^2";
  e.source = "Shejwalkar, Houmansadr, Manipulating the Byzantine, NDSS 2021";
  e.parameters = {direction_parameter({"std", "plus-std", "mean", "sign"})};
  // mu = (2, 0), scatter 8, largest sum 16: gamma |p| = sqrt(8 / 2) = 2.
  e.known_answers = {{"direction=mean", 1, {{0, 0}, {4, 0}, {9, 9}}, {{0, 0}}}};
  e.make = [](const Arguments& a) { return gram_attack(WithinHonest<LargestSum>{{}, direction_of(a)}); };
});

}  // namespace
}  // namespace gauntlet
