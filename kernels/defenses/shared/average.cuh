// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/defenses/defense.cuh"

namespace gauntlet {

/// The parameter that chooses what is made of the messages left, and its value.
inline ParameterSpec average_parameter() {
  return word("average", "mean", "of the messages left: their mean or, in each coordinate, their median",
              {"mean", "median"});
}

inline GramOutput average_of(const Arguments& a) {
  return a.is("average", "median") ? GramOutput::median : GramOutput::sum;
}

}  // namespace gauntlet
