// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/protocols/btard/aggregation.cuh"

/// What Byzantine peers do in a step of btard besides their gradients, and how the step begins.
namespace gauntlet {

/// Steps 1 and 2: who signs twice, and who quarrels over a part, leaves before the step; of those who are left, all but
/// the validators compute a gradient and own a part. The step's record begins: which gradients are `forged` is said by
/// `rows`, which parts are published `shifted` by misconduct.
void begin_step(Exec& exec, const CouncilView& council);

/// Which Byzantine gradients are not those of their seeds: they are mixed of other rows than the own ones, which follow
/// the honest ones if they were computed (`own`), or these are computed with flipped labels, in the rounds `flips`
/// [cells].
void mark_forged(Exec& exec, const CouncilView& council, const MixedMessages& messages, bool own,
                 const RoundWindow* flips);

/// Step 5, after the true statements: false ones on honest owners' parts, and those that cancel the sum of a part that
/// is published wrong.
void tell_lies(Exec& exec, const CouncilView& council);

/// Step 4: who does not reveal is banned.
void abort_commitments(Exec& exec, const CouncilView& council);

}  // namespace gauntlet
