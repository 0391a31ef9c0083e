// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

/// What the emulator tells a sanitizer, where the program is built with one: their interfaces are weak symbols here.
extern "C" {
[[gnu::weak]] void* __tsan_get_current_fiber();
[[gnu::weak]] void* __tsan_create_fiber(unsigned flags);
[[gnu::weak]] void __tsan_switch_to_fiber(void* fiber, unsigned flags);
[[gnu::weak]] void __tsan_acquire(void* tag);
[[gnu::weak]] void __tsan_release(void* tag);
[[gnu::weak]] void AnnotateIgnoreWritesBegin(const char* file, int line);
[[gnu::weak]] void AnnotateIgnoreWritesEnd(const char* file, int line);
[[gnu::weak]] void __sanitizer_start_switch_fiber(void** fake_stack, const void* bottom, std::size_t size);
[[gnu::weak]] void __sanitizer_finish_switch_fiber(void* fake_stack, const void** bottom, std::size_t* size);
}

namespace emulator::sanitizer {

/// Whether ThreadSanitizer watches.
inline bool threads() { return __tsan_create_fiber != nullptr; }

/// A thread of ThreadSanitizer's that runs where it is told to, or null.
inline void* create_fiber() { return threads() ? __tsan_create_fiber(0) : nullptr; }
inline void* current_fiber() { return threads() ? __tsan_get_current_fiber() : nullptr; }

/// From here on `fiber` runs. No order comes with it.
inline void switch_to(void* fiber) {
  constexpr unsigned no_sync = 1;
  if (threads()) __tsan_switch_to_fiber(fiber, no_sync);
}

/// What the fibers that released a tag did before is ordered before what those that acquire it do next.
inline void acquire(void* tag) {
  if (threads()) __tsan_acquire(tag);
}
inline void release(void* tag) {
  if (threads()) __tsan_release(tag);
}

}  // namespace emulator::sanitizer
