// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <string>

#include "kernels/exec/error.hpp"
#include "kernels/registry/parameters.hpp"

namespace gauntlet {

/// The value of parameter `z`. `auto` is the largest deviation that ALIE hides among the honest (Baruch et al. 2019):
/// s = floor(n/2) + 1 - f honest supporters make a majority, and z = Phi^-1((n - f - s) / (n - f)) is the quantile that
/// so many honest values exceed. \throws UserError when the quantile is not finite.
inline double alie_z(const std::string& owner, const Arguments& a) {
  if (!a.is("z", "auto")) return a.number("z");
  const int n = a.n(), f = a.f(), s = n / 2 + 1 - f;
  if (s <= 0 || s >= n - f)
    throw UserError(owner + ": z = auto needs 0 < s < n - f, where s = floor(n/2) + 1 - f = " + std::to_string(s) +
                    " (n = " + std::to_string(n) + ", f = " + std::to_string(f) + "); give z a number");
  const double share = static_cast<double>(n - f - s) / (n - f);
  // Bisection: the normal distribution function has no inverse in the standard library, and |z| < 40 in doubles.
  double low = -40, high = 40;
  for (int i = 0; i < 200; ++i) {
    const double middle = (low + high) / 2;
    (0.5 * std::erfc(-middle / std::sqrt(2.0)) < share ? low : high) = middle;
  }
  return (low + high) / 2;
}

}  // namespace gauntlet
