// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>
#include <string>

namespace gauntlet {

/// The user's mistake: what is wrong, where, and the nearest valid name, in one line.
/// The command line prints it as it is and exits with code 2; anything else that escapes is a bug (exit code 1).
struct UserError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// The device answers no call any more: an error such as an illegal address ends the process's use of it. What was
/// finished before is kept; only a new process can go on.
struct DeviceLost : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace gauntlet
