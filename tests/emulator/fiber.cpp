// SPDX-License-Identifier: Apache-2.0
#include "tests/emulator/fiber.hpp"

#include <sys/mman.h>

#include <utility>

#include "tests/emulator/device.hpp"
#include "tests/emulator/report.hpp"
#include "tests/emulator/sanitizer.hpp"

namespace emulator {

namespace {

constexpr std::size_t stack_bytes = 256 << 10, page_bytes = 4096;

Context resumer;

[[noreturn, gnu::noinline]] void jump(void** registers) { __builtin_longjmp(registers, 1); }

/// Until somebody changes to `from`. Unlike swapcontext, which makes a call of the operating system's each time, a jump
/// is cheap; the first one to a fiber has no place to jump to.
[[gnu::noinline]] void change(Context& from, Context& to, const ucontext_t* start = nullptr) {
  sanitizer::switch_to(to.sanitizer_fiber);
  if (__sanitizer_start_switch_fiber != nullptr)
    __sanitizer_start_switch_fiber(&from.fake_stack, to.stack, to.stack_size);
  if (__builtin_setjmp(from.registers) != 0) return;
  if (start != nullptr) setcontext(start);
  jump(to.registers);
}

/// After a change, on the stack that it came to.
void changed(Context& self, const void** old_stack, std::size_t* old_size) {
  if (__sanitizer_finish_switch_fiber != nullptr) __sanitizer_finish_switch_fiber(self.fake_stack, old_stack, old_size);
}

}  // namespace

Fiber::Fiber(void (*life)()) {
  void* memory = mmap(nullptr, page_bytes + stack_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED || mprotect(memory, page_bytes, PROT_NONE) != 0) report("no memory for a thread's stack");
  stack = static_cast<char*>(memory) + page_bytes, stack_size = stack_bytes;
  sanitizer_fiber = sanitizer::create_fiber();
  getcontext(&start);
  start.uc_stack.ss_sp = static_cast<char*>(memory) + page_bytes;
  start.uc_stack.ss_size = stack_bytes;
  start.uc_link = nullptr;
  makecontext(&start, life, 0);
}

void Fiber::resume() {
  resumer.sanitizer_fiber = sanitizer::current_fiber();
  change(resumer, *this, std::exchange(started, true) ? nullptr : &start);
  changed(resumer, nullptr, nullptr);
}

void Fiber::leave() {
  change(*this, resumer);
  arrive();
}

void Fiber::arrive() { changed(*this, &resumer.stack, &resumer.stack_size); }

Untracked::Untracked() {
  if (AnnotateIgnoreWritesBegin != nullptr) AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
}

Untracked::~Untracked() {
  if (AnnotateIgnoreWritesEnd != nullptr) AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
}

}  // namespace emulator
