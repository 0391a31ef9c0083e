// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/defenses/shared/selection.cuh"

/// What rules share that hold workers against one of them whom a majority is near.
namespace gauntlet {

/// A distance that the user gives, or `automatic`: as far as a majority is from the worker that it is nearest to.
inline constexpr double automatic = -1;

inline ParameterSpec threshold_parameter(std::string name, const std::string& help) {
  return number(std::move(name), "auto", help, 0, no_limit, {"auto"});
}

inline double threshold_of(const Arguments& a, std::string_view name) {
  return a.is(name, "auto") ? automatic : a.number(name);
}

/// A worker, and the distance that counts as near to it.
struct Center {
  int worker;
  double radius;

  /// Whether worker i is within `factor` times that distance, but for what rounding may add.
  GAUNTLET_HD bool near(const Gram& gram, int i, double factor) const {
    return sqrt(gram.distance2(worker, i)) <= factor * radius + 1e-6 * gram.norm(worker);
  }
};

/// Among the members, the first in index order who has at least `quorum` of them (itself included) within the
/// threshold, or else the one who has most. If the threshold is automatic: the one whose quorum-th nearest member is
/// nearest, and that distance; of fewer than `quorum` members, the farthest takes its place.
template <class Member>
GAUNTLET_HD Center find_center(const Team& team, const Gram& gram, int quorum, double threshold, Member member) {
  const int n = gram.n;
  if (threshold >= 0) {
    const int worker = team.argmin(n, [=](int i) {
      int near = 0;
      for (int j = 0; j < n; ++j) near += member(j) && sqrt(gram.distance2(i, j)) <= threshold;
      return !member(i) ? 1 : near < quorum ? -near : -quorum;
    });
    return {worker, threshold};
  }
  int members = 0;
  for (int i = 0; i < n; ++i) members += member(i) && gram.norm(i) < INFINITY;
  const int rank = members < quorum ? members : quorum;
  if (rank == 0) return {0, 0};
  const auto reach = [=](int i) {
    return kth_smallest(n, rank, [=](int j) { return member(j) ? gram.distance2(i, j) : INFINITY; });
  };
  const int worker = team.argmin(n, [=](int i) { return member(i) ? reach(i) : INFINITY; });
  return {worker, sqrt(reach(worker))};
}

}  // namespace gauntlet
