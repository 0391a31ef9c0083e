// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/reference/definition.hpp"

/// Rules for a receiver on a graph, whose own message is the first.
namespace gauntlet::reference {

/// What the receiver knows of its neighborhood.
struct Surroundings {
  Vector links;    ///< W_ij of each message, the own one first
  double told;     ///< how much of it is Byzantine, as the rule is told
  int honest = 0;  ///< so many messages, the first ones, are
};

/// A complete graph with equal weights, whose last f messages are Byzantine.
inline Surroundings everybody(int n, int f) {
  return {Vector(static_cast<std::size_t>(n), 1.0 / n), static_cast<double>(f) / n, n - f};
}

/// ‖x_j − x_0‖ of the neighbors; the first one stands for the own message and is zero.
inline Vector away_from_own(const Matrix& x) {
  Vector result;
  for (const auto& row : x) result.push_back(norm(add(row, x[0], -1)));
  return result;
}

/// The neighbors, the farthest first; of equally far ones the last.
inline std::vector<int> farthest_first(const Vector& away) {
  auto nearest_first = order(static_cast<int>(away.size()), [&](int j) { return away[j]; });
  nearest_first.erase(std::find(nearest_first.begin(), nearest_first.end(), 0));
  return {nearest_first.rbegin(), nearest_first.rend()};
}

inline Vector gossip_average(const Matrix& x, const Surroundings& around) {
  Vector result(x[0].size(), 0.0);
  for (std::size_t j = 0; j < x.size(); ++j) result = add(result, x[j], around.links[j]);
  return result;
}

inline Vector clipped_gossip(const Matrix& x, const Surroundings& around, double tau) {
  Vector result = x[0];
  for (std::size_t j = 1; j < x.size(); ++j) result = add(result, clipped(add(x[j], x[0], -1), tau), around.links[j]);
  return result;
}

inline double adaptive_radius(const Matrix& x) {
  const Vector away = away_from_own(x);
  const auto far = farthest_first(away);
  return far.empty() ? 0 : away[far[std::min<std::size_t>(1, far.size() - 1)]];
}

inline double oracle_radius(const Matrix& x, const Surroundings& around) {
  double spread = 0;
  for (int j = 1; j < around.honest; ++j) spread += around.links[j] * std::pow(norm(add(x[j], x[0], -1)), 2);
  return around.told == 0 ? INFINITY : std::sqrt(spread / around.told);
}

inline Vector self_centered_clipping(const Matrix& x, const Surroundings& around, const Arguments& a) {
  return clipped_gossip(x, around,
                        a.is("tau", "adaptive") ? adaptive_radius(x)
                        : a.is("tau", "oracle") ? oracle_radius(x, around)
                                                : a.number("tau"));
}

inline Vector clipped_sum_plus(const Matrix& x, const Surroundings& around) {
  if (around.told == 0) return gossip_average(x, around);
  const Vector away = away_from_own(x);
  double weight = 0;
  for (const int j : farthest_first(away)) {
    weight += around.links[j];
    if (weight > 2 * around.told - 1e-12) return clipped_gossip(x, around, away[j]);
  }
  return x[0];
}

inline Vector nearest_neighbors(const Matrix& x, Surroundings around) {
  double left = around.told;
  for (const int j : farthest_first(away_from_own(x))) {
    const double taken = std::min(left, around.links[j]);
    around.links[j] -= taken;
    around.links[0] += taken;
    left -= taken;
  }
  return gossip_average(x, around);
}

/// Each of these rules by name.
using GossipRule = std::function<Vector(const Matrix&, const Surroundings&, const Arguments&)>;
inline std::map<std::string, GossipRule> rules_on_a_graph() {
  return {{"gossip-average",
           [](const Matrix& x, const Surroundings& around, const Arguments&) { return gossip_average(x, around); }},
          {"self-centered-clipping", self_centered_clipping},
          {"clipped-sum-plus",
           [](const Matrix& x, const Surroundings& around, const Arguments&) { return clipped_sum_plus(x, around); }},
          {"nearest-neighbors",
           [](const Matrix& x, const Surroundings& around, const Arguments&) { return nearest_neighbors(x, around); }}};
}

inline Definitions gossip_rules() {
  Definitions all;
  for (const auto& [name, of] : rules_on_a_graph())
    all.emplace(
        name, rule([of = of](const Matrix& x, int n, int f, const Arguments& a) { return of(x, everybody(n, f), a); }));
  return all;
}

}  // namespace gauntlet::reference
