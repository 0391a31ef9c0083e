// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/exec/exec.cuh"
#include "src/report/manifest.hpp"

namespace gauntlet {

/// A manifest with what is known of this process: arguments, build, libraries, host and start. `device` may be null for
/// commands that compute nothing.
Manifest describe_session(const DeviceChoice* device);

/// The words this process was started with.
std::vector<std::string> command_line();

}  // namespace gauntlet
