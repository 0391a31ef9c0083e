// SPDX-License-Identifier: Apache-2.0
#include "kernels/defenses/rule.cuh"
#include "kernels/defenses/shared/neighborhood.cuh"

namespace gauntlet {
namespace {

struct SelfCenteredClipping : NeighborhoodFunctor {
  enum class Radius { adaptive, oracle, given };
  Radius kind = Radius::adaptive;
  double tau = 0;  ///< Radius::given

  GAUNTLET_HD void operator()(const Team& team, const Gram& gram, double* weights, double* distances) const {
    distances_from_own(team, gram, distances);
    double radius = tau;
    if (kind == Radius::adaptive) radius = second_largest(team, gram.n, distances);
    if (kind == Radius::oracle) radius = least_variance(team, gram, distances);
    clipped_gossip(team, gram, distances, radius, weights);
  }

  /// Of the neighbors; the only one where there is one.
  GAUNTLET_HD static double second_largest(const Team& team, int n, const double* distances) {
    if (n < 2) return 0;
    const int first = team.argmin(n - 1, [=](int j) { return -distances[j + 1]; });
    return distances[1 + team.argmin(n - 1, [=](int j) { return j == first ? INFINITY : -distances[j + 1]; })];
  }

  /// The radius at which the bias of clipping good neighbors and what Byzantine ones do balance: the paper's, which
  /// nobody who does not know the good ones can compute.
  GAUNTLET_HD static double least_variance(const Team& team, const Gram& gram, const double* distances) {
    if (gram.told == 0) return INFINITY;
    const double spread =
        team.sum(gram.honest, [=](int j) { return gram.link(j) > 0 ? gram.link(j) * distances[j] * distances[j] : 0; });
    return sqrt(spread / gram.told);
  }
};

const Registered<Stage> self_centered_clipping([](Entry<Stage>& e) {
  e.name = "self-centered-clipping";
  e.summary = "gossip in which every neighbor's deviation from the own message is clipped";
  e.formula = "x_i + sum of W_ij (x_j - x_i) min(1, tau / |x_j - x_i|)";
  e.source = "He, Karimireddy, Jaggi, Byzantine-Robust Decentralized Learning via Self-Centered Clipping, 2022";
  e.traits.robust = false;                 // two Byzantine neighbors decide what adaptive clips to
  e.traits.permutation_invariant = false;  // the first message is the own one
  // Scale equivariant it is by default; where tau is a number it is a length.
  e.parameters = {
      number("tau", "adaptive",
             "longest deviation that is not clipped; adaptive: the second largest; oracle: the root of the sum of W_ij "
             "|x_j - x_i|^2 over the good ones, over the Byzantine weight",
             0, no_limit, {"adaptive", "oracle"})};
  e.known_answers = {{"", 1, {{0, 0}, {3, 0}, {0, 4}, {10, 0}}, {{1.75f, 1}}},
                     {"tau=oracle", 1, {{0, 0}, {3, 0}, {0, 4}, {10, 0}}, {{2, 1}}},
                     {"tau=1", 1, {{0, 0}, {3, 0}, {0, 4}, {10, 0}}, {{0.5f, 0.25f}}},
                     {"tau=1", 1, {{0, 0}, {8, 0}}, {{0.5f, 0}}}};
  e.make = [](const Arguments& a) {
    using Radius = SelfCenteredClipping::Radius;
    SelfCenteredClipping rule;
    rule.kind = a.is("tau", "adaptive") ? Radius::adaptive : a.is("tau", "oracle") ? Radius::oracle : Radius::given;
    if (rule.kind == Radius::given) rule.tau = a.number("tau");
    return gram_rule(rule);
  };
});

}  // namespace
}  // namespace gauntlet
