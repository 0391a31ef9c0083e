// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "kernels/defenses/shared/median.cuh"
#include "kernels/defenses/shared/selection.cuh"

/// What krum, multi-krum and bulyan share.
namespace gauntlet {

/// Σ over the q nearest other messages of ‖x_i − x_j‖^power: Blanchard et al. 2017 with q = n − f − 2 and power 2.
struct KrumScore {
  int neighbors = 0;
  int power = 2;

  GAUNTLET_HD double operator()(const Gram& gram, int i) const {
    double total = 0;
    for_smallest(
        gram.n, neighbors, [&](int j) { return j == i ? INFINITY : gram.distance2(i, j); },
        [&](int j) { total += j == i ? INFINITY : raise(gram.distance2(i, j)); });
    return total;
  }

  GAUNTLET_HD double raise(double square) const {
    return power == 1 ? sqrt(square) : power == 2 ? square : square * square;
  }
};

inline std::vector<ParameterSpec> krum_parameters() {
  return {count("neighbors", "n-f-2", "nearest others in the score; ByzFL takes n-f-1. Written, n > 2f is enough", 1),
          word("power", "2", "exponent of the distance: the paper's 2, 1 as in ByzantineMomentum, 4 as in Blades",
               {"1", "2", "4"})};
}

inline KrumScore krum_score(const Arguments& a) {
  const int neighbors = a.count("neighbors");
  if (neighbors > a.n() - 1)
    throw UserError("krum: neighbors = " + std::to_string(neighbors) + " is out of range 1.." +
                    std::to_string(a.n() - 1));
  return {neighbors, std::stoi(a.word("power"))};
}

/// What the paper's number of neighbors needs. Another only needs a majority, as ByzFL has it.
inline const Condition needs_krum_neighbors = {"n > 2f + 2", [](int n, int f) { return n > 2 * f + 2; }};

}  // namespace gauntlet
