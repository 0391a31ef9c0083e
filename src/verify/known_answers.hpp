// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/attacks/attack.cuh"
#include "kernels/defenses/defense.cuh"
#include "src/verify/finding.hpp"

namespace gauntlet {

/// Computes every known answer that the component declares: a finding each, named by the component as it is written
/// there, or one that is skipped where it declares none.
Findings known_answers(Exec& exec, const Entry<Stage>& entry);
Findings known_answers(Exec& exec, const Entry<Attack>& entry);

}  // namespace gauntlet
