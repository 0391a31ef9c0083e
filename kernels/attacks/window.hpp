// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "kernels/exec/round_window.cuh"
#include "kernels/registry/parameters.hpp"

/// When an attack acts: what all attacks and protocol attacks are told in the same words.
namespace gauntlet {

/// Appends the parameters start, stop and every.
inline void add_window(std::vector<ParameterSpec>& parameters) {
  parameters.push_back(count("start", "0", "first round in which the attack acts"));
  parameters.push_back(count("stop", "0", "first round in which it no longer does; 0: never"));
  parameters.push_back(count("every", "1", "acts in every such round after the first", 1));
}

/// What they say.
inline RoundWindow window_of(const Arguments& a) { return {a.count("start"), a.count("stop"), a.count("every")}; }

}  // namespace gauntlet
