// SPDX-License-Identifier: Apache-2.0
#include "kernels/defenses/median.cuh"
#include "kernels/defenses/robustness.hpp"

namespace gauntlet {
namespace {

/// Per coordinate, the least and the largest mean of any n − f messages are those of the n − f smallest and largest
/// values: no subset needs to be looked at.
struct BoxMean {
  static constexpr bool sorted = true;
  int f = 0;

  template <class Values>
  GAUNTLET_HD typename Values::Number operator()(const Values& column) const {
    using T = typename Values::Number;
    const int n = column.n;
    const T keep(static_cast<float>(n - f));
    const T low = upper(column.at(f), column.sum(0, n - f) / keep);
    const T high = lower(column.at(n - f - 1), column.sum(f, n) / keep);
    return low * T(0.5f) + high * T(0.5f);
  }
};

const Registered<Stage> box_mean([](Entry<Stage>& e) {
  e.name = "box-mean";
  e.role = "rule";
  e.space = "column";
  e.summary = "the middle of the box that holds the trusted values and the means of all n-f messages";
  e.formula = "midpoint of TH and GH, TH_k = (f+1)-th to (n-f)-th smallest x_ik, GH = box of the means of n-f messages";
  e.source =
      "Cambus, Melnyk, Milentijevic, Schmid, Approximate Agreement Algorithms for Collaborative Learning, SPAA 2025";
  e.needs = needs_majority;
  e.kappa = {"n-f, derived", trusted_box_kappa};
  e.known_answers = {{"", 1, {{0}, {1}, {2}, {9}}, {{1.5}}}, {"", 1, {{0}, {4}, {8}}, {{4}}}};
  e.make = [](const Arguments& a) { return column_rule(BoxMean{a.f()}); };
});

}  // namespace
}  // namespace gauntlet
