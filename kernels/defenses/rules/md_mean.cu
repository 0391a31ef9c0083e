// SPDX-License-Identifier: Apache-2.0
#include "kernels/defenses/shared/mda.cuh"
#include "kernels/defenses/shared/robustness.hpp"

namespace gauntlet {
namespace {

const Registered<Stage> md_mean([](Entry<Stage>& e) {
  e.name = "md-mean";
  e.summary = "the mean of the n-f messages of least diameter: mda under the name of approximate agreement";
  e.formula = "mean over S = argmin over subsets of n-f messages of max |x_i - x_j|, first in lexicographic order";
  e.source =
      "Cambus, Melnyk, Milentijevic, Schmid, Approximate Agreement Algorithms for Collaborative Learning, SPAA 2025";
  e.traits.keeps_majority = true;
  e.traits.mean_without_byzantine = true;
  e.needs = needs_subset_search;
  e.kappa = {"8f^2/(n-f), derived", least_diameter_kappa};
  e.known_answers = {{"", 1, {{0}, {1}, {2}, {9}}, {{1}}}};
  e.make = [](const Arguments&) { return gram_rule(MinimumDiameterAveraging{}); };
});

}  // namespace
}  // namespace gauntlet
