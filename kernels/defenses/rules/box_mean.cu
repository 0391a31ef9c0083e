// SPDX-License-Identifier: Apache-2.0
#include <cfloat>

#include "kernels/defenses/rule.cuh"
#include "kernels/defenses/shared/median.cuh"
#include "kernels/defenses/shared/robustness.hpp"

namespace gauntlet {
namespace {

/// Per coordinate, the least and the largest mean of any n − f messages are those of the n − f smallest and largest
/// values: no subset needs to be looked at. Of m finite values, the trusted ones reach from the (m − (n − f) + 1)-th to
/// the (n − f)-th; one that is not finite is as good as never sent.
struct BoxMean {
  static constexpr bool sorted = true;
  int f = 0;

  GAUNTLET_HD BoxMean without(int absent) const { return {f > absent ? f - absent : 0}; }

  template <class Values>
  GAUNTLET_HD typename Values::Number operator()(const Values& column) const {
    using T = typename Values::Number;
    const int n = column.n, keep = n - f;
    const T zero(0.0f), largest(FLT_MAX), smallest(-FLT_MAX);
    const auto finite = [=](const T& value) {
      return if_not_above(value, largest, if_not_above(smallest, value, value, zero), zero);
    };
    T low = zero, high = zero, least = column.at(f), most = column.at(keep - 1);
    for (int i = 0; i < keep; ++i) low = low + finite(column.at(i)), high = high + finite(column.at(f + i));
    // For every +∞ the upper values move down by one, for every −∞ the lower ones move up.
    for (int i = 1; i <= f; ++i) {
      const T top = column.at(n - i), bottom = column.at(i - 1), below = column.at(f - i),
              above = column.at(keep - 1 + i);
      high = high + if_not_above(top, largest, zero, finite(below));
      least = if_not_above(top, largest, least, below);
      low = low + if_not_above(smallest, bottom, zero, finite(above));
      most = if_not_above(smallest, bottom, most, above);
    }
    const T count(static_cast<float>(keep));
    const T middle = (upper(least, low / count) + lower(most, high / count)) * T(0.5f);
    return lower(most, upper(least, middle));  // where rounding leads out of the trusted values
  }
};

const Registered<Stage> box_mean([](Entry<Stage>& e) {
  e.name = "box-mean";
  e.summary = "the middle of the box that holds the trusted values and the means of all n-f messages";
  e.formula = "midpoint of TH and GH, TH_k = (f+1)-th to (n-f)-th smallest x_ik, GH = box of the means of n-f messages";
  e.source =
      "Cambus, Melnyk, Milentijevic, Schmid, Approximate Agreement Algorithms for Collaborative Learning, SPAA 2025";
  e.traits.keeps_majority = true;
  e.traits.mean_without_byzantine = true;
  e.needs = needs_majority;
  e.kappa = {"n-f, derived", trusted_box_kappa};
  e.known_answers = {{"", 1, {{0}, {1}, {2}, {9}}, {{1.5}}}, {"", 1, {{0}, {4}, {8}}, {{4}}}};
  e.make = [](const Arguments& a) { return column_rule(BoxMean{a.f()}); };
});

}  // namespace
}  // namespace gauntlet
