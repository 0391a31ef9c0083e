// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "kernels/defenses/shared/median.cuh"

/// What trimmed-mean and phocas share.
namespace gauntlet {

/// The mean of a sorted column without its `trim` lowest and `trim` highest values.
struct TrimmedMean {
  static constexpr bool sorted = true;
  int trim = 0;

  GAUNTLET_HD TrimmedMean without(int absent) const { return {trim > absent ? trim - absent : 0}; }

  template <class Values>
  GAUNTLET_HD typename Values::Number operator()(const Values& column) const {
    using T = typename Values::Number;
    return column.sum(trim, column.n - trim) / T(static_cast<float>(column.n - 2 * trim));
  }
};

inline ParameterSpec trim_parameter() {
  return count("trim", "f", "values dropped at each end of a coordinate; must leave one");
}

inline TrimmedMean trimmed_mean_of(const Arguments& a, const char* owner) {
  const int trim = a.count("trim");
  if (2 * trim >= a.n())
    throw UserError(std::string(owner) + ": trim = " + std::to_string(trim) + " is out of range 0.." +
                    std::to_string((a.n() - 1) / 2));
  return {trim};
}

}  // namespace gauntlet
