// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/attacks/attack.cuh"

/// How one message a Byzantine worker becomes one for every receiver of a cell (Conduct).
namespace gauntlet {

/// Whom a cell's Byzantine workers write to.
struct Audience {
  int receivers = 1;                       ///< the first views of the cell
  std::uint8_t* const* present = nullptr;  ///< [cells]: [views][n], or null: all messages arrive
};

/// Extra rows that a conduct fills, behind those of the attack.
int conduct_rows(const Conduct& conduct, int receivers, int f);

/// After the attack has written the Byzantine rows of the first view's mixing: those of all receivers. The first
/// `attack_rows` extra rows are the attack's. In rounds outside the window every receiver gets the same. One pass over
/// the honest rows, and one row written for each of conduct_rows. `step`: of several exchanges in a round.
void address_receivers(Exec& exec, const AttackView& view, const Attack& attack, const Audience& audience, int step);

}  // namespace gauntlet
