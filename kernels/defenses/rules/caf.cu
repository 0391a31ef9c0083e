// SPDX-License-Identifier: Apache-2.0
#include "kernels/defenses/rule.cuh"
#include "kernels/defenses/shared/weighted_covariance.cuh"

namespace gauntlet {
namespace {

constexpr int single_passes = 2000;

/// Weights c start at one. Each pass takes weight from the messages far out along the leading direction of their
/// covariance; the mean kept is that of the pass with the least leading eigenvalue. As in the definition the farthest
/// message counts even when its weight is gone: then a pass takes hardly anything from the others, and a message of
/// norm 1e30 would ask for 1e60 of them. So, after `single_passes`, as many are made at once as take f/1000 from some
/// weight, but not more than bring the sum to n − 2f: at most some 4000 times more n² times the steps of an eigenpair.
/// Ordinary inboxes need fewer than ten passes.
struct CovarianceFilter : GramFunctor {
  std::size_t scratch(int n) const { return eigenpair_scratch(n) + static_cast<std::size_t>(n) * (n + 3); }

  GAUNTLET_HD void operator()(const Team& team, const Gram& gram, double* weights, double* scratch) const {
    const int n = gram.n;
    double *matrix = scratch, *c = matrix + std::int64_t{n} * n, *spread = c + n, *tau = spread + n, *vector = tau + n;
    team.each(n, [=](int i) { c[i] = gram.norm(i) < INFINITY ? 1 : 0; });
    team.each(n, [=](int i) { vector[i] = 0; });
    double best = INFINITY;
    for (int pass = 0; pass < single_passes + 5000; ++pass) {
      const WeightedCovariance covariance = weighted_covariance(team, gram, c, spread);
      const double surplus = covariance.total - (n - 2 * gram.f);
      const bool last = !(surplus > 0);
      if (last && best < INFINITY) return;
      team.each(n * n, [=](int index) { matrix[index] = covariance(index / n, index % n); });
      guess_eigenvector(team, n, vector);
      const double value = leading_eigenpair(
          team, n, [=](int i, int j) { return matrix[i * n + j]; }, INFINITY, vector);
      if (value < best) {
        best = value;
        team.each(n, [=](int i) { weights[i] = c[i] > 0 ? c[i] / covariance.total : 0; });
      }
      // Messages that agree to rounding have no direction left to filter.
      const double square = team.sum(n, [=](int i) { return c[i] > 0 ? c[i] * gram(i, i) / covariance.total : 0.0; });
      if (last || !(value > 1e-14 * square)) return;
      // The eigenvector of the covariance is the sum of sqrt(c_i) vector_i (x_i - mean), up to its length.
      team.each(n, [=](int j) {
        double along = 0;
        for (int i = 0; i < n && gram.norm(j) < INFINITY; ++i)
          if (c[i] > 0) along += sqrt(c[i]) * vector[i] * covariance.centered(i, j);
        tau[j] = along * along;
      });
      const double most = tau[team.argmin(n, [=](int i) { return -tau[i]; })];
      const int heaviest = team.argmin(n, [=](int i) { return -c[i] * tau[i]; });
      const double loss = c[heaviest] * tau[heaviest] / most;
      // The sum also keeps c from changing before everybody has read it.
      const double drain = team.sum(n, [=](int i) { return c[i] * tau[i]; }) / most;
      if (!(loss > 0)) return;
      const double share = 1e-3 * gram.f / loss, room = surplus / drain, passes = floor(share < room ? share : room);
      const double power = pass >= single_passes && passes > 1 ? passes : 1;
      team.each(n, [=](int i) { c[i] = tau[i] < most ? c[i] * exp(power * log1p(-tau[i] / most)) : 0; });
    }
  }
};

const Registered<Stage> caf([](Entry<Stage>& e) {
  e.name = "caf";
  e.summary = "down-weights messages along the leading direction of the covariance until the weights sum to n-2f";
  e.formula =
      "repeat: c_i = c_i (1 - tau_i / max tau), tau_i = <v, x_i - mean_c>^2; mean_c of the least eigenvalue; after " +
      std::to_string(single_passes) + " passes small ones are taken together";
  e.source =
      "Allouah, Guerraoui, Stephan, Towards Trustworthy Federated Learning with Untrusted Participants, ICML 2025";
  e.traits.mean_without_byzantine = true;
  e.needs = needs_majority;
  e.known_answers = {{"", 1, {{0}, {0}, {0}, {4}}, {{0}}}, {"", 0, {{0}, {3}, {9}}, {{4}}}};
  e.make = [](const Arguments&) { return gram_rule(CovarianceFilter{}); };
});

}  // namespace
}  // namespace gauntlet
