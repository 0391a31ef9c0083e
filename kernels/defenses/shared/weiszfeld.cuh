// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/defenses/shared/selection.cuh"

/// Points z = Σ w_i x_i in Gram space and their distances: what the Weiszfeld iterations share.
namespace gauntlet {

/// squares[i] = ‖x_i − Σ_j w_j x_j‖² for the rows with finite(i), given the products of the rows; rows of zero weight
/// may hold anything. `images` is scratch for n numbers. n² operations.
template <class Product, class Finite>
GAUNTLET_HD void distances_to_point(const Team& team, int n, const double* w, Product product, Finite finite,
                                    double* images, double* squares) {
  team.each(n, [=](int i) {
    double image = 0;
    if (finite(i))
      for (int j = 0; j < n; ++j)
        if (w[j] != 0) image += w[j] * product(i, j);
    images[i] = image;
  });
  const double own = team.sum(n, [=](int i) { return w[i] == 0 ? 0.0 : w[i] * images[i]; });
  team.each(n, [=](int i) {
    const double square = finite(i) ? product(i, i) - 2 * images[i] + own : INFINITY;
    squares[i] = square > 0 ? square : 0;
  });
}

}  // namespace gauntlet
