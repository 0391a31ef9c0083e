// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace emulator {

/// Ends the program: says what device code or a call did wrong, and which thread of which block. Takes no memory, so
/// that a signal handler may call it.
[[noreturn, gnu::format(printf, 1, 2)]] void report(const char* format, ...);

}  // namespace emulator
