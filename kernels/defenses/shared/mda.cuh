// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/defenses/shared/subset_search.cuh"

namespace gauntlet {

/// The weights of the mean of the n − f messages of least diameter.
struct MinimumDiameterAveraging : GramFunctor {
  std::size_t scratch(int n) const { return SubsetSearch::scratch(n); }

  GAUNTLET_HD void operator()(const Team& team, const Gram& gram, double* weights, double* scratch) const {
    team.once([=] {
      SubsetSearch search(gram, scratch);
      search.run();
      for (int i = 0; i < gram.n; ++i) weights[i] = search.kept(i) ? 1.0 / (gram.n - gram.f) : 0;
    });
  }
};

}  // namespace gauntlet
