// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/passes/lanes.cuh"

namespace gauntlet {

/// Sorts n vectors lane by lane; straight code for the usual n.
void sort_lanes(Lanes* v, int n);

}  // namespace gauntlet
