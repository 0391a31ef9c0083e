// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/attacks/engine/gram_attack.cuh"
#include "kernels/attacks/shared/direction.cuh"

namespace gauntlet {

/// What min-max and min-sum share: b = mu + gamma p goes as far as a bound on its distances to the honest messages
/// allows. In Gram space every such distance is a quadratic in gamma, so gamma is a root and not a search. `Bound` is
/// `GAUNTLET_HD double operator()(const Team&, const BaseGram&, int direction) const`: the largest gamma it allows,
/// where base row `direction` is p, not zero.
template <class Bound>
struct WithinHonest : GramMessage {
  static constexpr int extra_rows = 1;
  Direction direction;

  GAUNTLET_HD void write(const AttackView& view, int c, std::int64_t k) const { WriteDirection{view, direction}(c, k); }

  GAUNTLET_HD void operator()(const Team& team, const AttackView& view, const BaseGram& gram, double* weights,
                              double*) const {
    const int h = view.honest, p = view.extra_row(0);
    const double found = gram(p, p) > 0 ? Bound{}(team, gram, p) : 0;
    const double gamma = found > 0 ? found : 0;
    team.each(view.m, [=](int q) { weights[q] = q < h ? 1.0 / h : q == p ? gamma : 0; });
  }
};

}  // namespace gauntlet
