// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ucontext.h>

#include <cstddef>

namespace emulator {

/// Something that runs: who resumes, or a fiber. ThreadSanitizer takes every one for a thread, and no order of memory
/// comes with a change between them.
struct Context {
  void* registers[5];  ///< as __builtin_setjmp leaves them
  const void* stack = nullptr;
  std::size_t stack_size = 0;
  void* sanitizer_fiber = nullptr;
  void* fake_stack = nullptr;  ///< AddressSanitizer's
};

/// A function with a stack of its own. It never returns, but leaves.
struct Fiber : Context {
  explicit Fiber(void (*life)());
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  void resume();  ///< until it leaves
  void leave();   ///< called by the fiber itself
  void arrive();  ///< called by the fiber itself, first of all

  ucontext_t start;
  bool started = false;
};

}  // namespace emulator
