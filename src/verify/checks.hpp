// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/attacks/attack.cuh"
#include "kernels/defenses/defense.cuh"
#include "src/verify/finding.hpp"

namespace gauntlet {

/// The invariants of one rule, pre-aggregator or meta-aggregator as written, on random messages: what holds of every
/// component, and what this one's traits say besides. `other` is a second back end to agree with, or null.
/// \throws UserError for arguments that it does not take, or when no size is found that it accepts.
Findings check_defense(Exec& exec, Exec* other, const Entry<Stage>& entry, const ComponentText& text);

/// The same of an attack.
Findings check_attack(Exec& exec, Exec* other, const Entry<Attack>& entry, const ComponentText& text);

}  // namespace gauntlet
