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

/// Extra rows that a conduct fills, behind those of the attack, which are the first.
int conduct_rows(const Conduct& conduct, int receivers, int f);

/// Before the attack acts, which may try the defense on all rows that there are, and on who hears whom: fills these
/// rows and draws who gets no message. One pass over the honest rows, and one row written for each of conduct_rows.
/// `step`: of several exchanges in a round.
void prepare_conduct(Exec& exec, const AttackView& view, const Attack& attack, const Audience& audience, int step);

/// After the attack has written the Byzantine rows of the first view's mixing: those of all receivers. In rounds
/// outside the window every receiver gets the same.
void address_receivers(Exec& exec, const AttackView& view, const Attack& attack, const Audience& audience);

}  // namespace gauntlet
