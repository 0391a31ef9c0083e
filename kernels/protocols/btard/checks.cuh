// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/protocols/btard/council.cuh"

/// Steps 6 to 10 of btard, by one team a cell. Sums run in double and in the order of the peers. Costs n² operations.
namespace gauntlet {

/// Verification 1, 2 and 3 of this step: bans, and marks in `redo` the parts whose right value is to be used.
void verify_statements(Exec& exec, const CouncilView& council);

/// The validators drawn a step ago look at that step's record, or with `steps_ago` = 0 at this one's: bans. In
/// `accuses`, [cells][n], those who accuse their target whatever they find; null: as their misconduct has it.
void hear_validators(Exec& exec, const CouncilView& council, int steps_ago, const std::uint8_t* accuses = nullptr);

/// Draws who checks this step in the next one, from the peers that are left.
void draw_validators(Exec& exec, const CouncilView& council);

}  // namespace gauntlet
