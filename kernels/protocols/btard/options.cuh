// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "kernels/defenses/engine/pipeline.cuh"
#include "kernels/protocols/btard/council.cuh"

/// What the text of protocol btard says.
namespace gauntlet {

inline constexpr int most_btard_peers = 128;

struct BtardOptions {
  int validators = 1;
  double tolerance = 1e-4;
  double delta_max = -1;  ///< negative: auto
  double clip = INFINITY;
  bool recompute = false;
  unsigned without = 0;  ///< as CouncilRules::without

  BtardOptions() = default;
  /// \throws UserError for values that there are not.
  explicit BtardOptions(const Arguments& a);
  static std::vector<ParameterSpec> parameters();

  CouncilRules rules(int n, int f) const { return {n, f, validators, tolerance, delta_max, without}; }
};

/// The length that owners clip to: the defense must be centered-clipping(tau=...) and say nothing else. If it is not,
/// 0, and with `reason` why.
double tau_of(const Pipeline& defense, int n, int f, std::string* reason = nullptr);

}  // namespace gauntlet
