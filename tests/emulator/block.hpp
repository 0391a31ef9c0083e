// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/emulator/device.hpp"

namespace emulator {

constexpr std::size_t shared_limit = 48 << 10;  ///< bytes of shared memory that a block has
constexpr unsigned block_limit = 1024;          ///< threads of a block

/// Runs a kernel, block after block.
void run(const Kernel& kernel);

/// The thread that runs, its block and its kernel, or that it is host code, on standard error.
void print_whereabouts();

}  // namespace emulator
