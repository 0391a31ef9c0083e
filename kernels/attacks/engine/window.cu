// SPDX-License-Identifier: Apache-2.0
#include "kernels/attacks/attack.cuh"

namespace gauntlet {

namespace {

struct OutsideWindow {
  AttackView view;
  RoundWindow window;

  GAUNTLET_HD void operator()(std::int64_t index) const {
    if (window.holds(*view.round)) return;
    const std::int64_t per_cell = std::int64_t{view.f} * view.m;
    const std::int64_t c = index / per_cell, b = index % per_cell / view.m, p = index % view.m;
    view.mixing[c][(view.honest + b) * view.m + p] = p == view.own_row(static_cast<int>(b));
  }
};

}  // namespace

void keep_window(Exec& exec, const AttackView& view, const RoundWindow& window) {
  if (window.all()) return;
  parallel_for(exec, "attack window", std::int64_t{view.cells} * view.f * view.m, OutsideWindow{view, window});
}

}  // namespace gauntlet
