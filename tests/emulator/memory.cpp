// SPDX-License-Identifier: Apache-2.0
#include "tests/emulator/memory.hpp"

#include <signal.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <map>

#include "tests/emulator/report.hpp"

namespace emulator::memory {

namespace {

constexpr std::size_t region_bytes = std::size_t{1} << 39, page_bytes = 4096;
constexpr std::size_t garbage_bytes = 64 << 10;  // at an allocation's start; to touch more would cost time

struct Allocation {
  std::size_t bytes;
  char* pages;
  std::size_t pages_bytes;
};

std::size_t round_up(std::size_t value, std::size_t multiple) { return (value + multiple - 1) / multiple * multiple; }

int open_count = 0;

void protect(const Allocation& allocation, bool open) {
  if (mprotect(allocation.pages, allocation.pages_bytes, open ? PROT_READ | PROT_WRITE : PROT_NONE) != 0)
    report("mprotect failed: too many allocations live at once");
}

struct Region {
  char *begin, *next;
  std::map<const char*, Allocation> allocations;
  std::size_t used = 0;
  struct sigaction before;

  Region() {
    void* reserved = mmap(nullptr, region_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (reserved == MAP_FAILED) report("no addresses for the device's memory");
    begin = next = static_cast<char*>(reserved);
    madvise(begin, region_bytes, MADV_DONTDUMP);
    struct sigaction action = {};
    action.sa_sigaction = touched;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigaction(SIGSEGV, &action, &before);
  }

  static void touched(int signal, siginfo_t* info, void* context);

  /// The allocation that begins last before this address, or null.
  const std::pair<const char* const, Allocation>* before_or_at(const void* pointer) const {
    const auto after = allocations.upper_bound(static_cast<const char*>(pointer));
    return after == allocations.begin() ? nullptr : &*std::prev(after);
  }
};

Region& region() {
  static auto& only = *new Region;  // outlives what is released during exit
  return only;
}

void Region::touched(int, siginfo_t* info, void*) {
  const Region& self = region();
  if (!overlaps(info->si_addr, 1)) {  // not the emulator's: as if it did not listen
    sigaction(SIGSEGV, &self.before, nullptr);
    return;
  }
  if (open_count == 0) report("device memory touched");
  const auto* found = self.before_or_at(info->si_addr);
  if (found == nullptr) report("device memory touched that is not allocated");
  report("device memory touched that is not allocated: byte %td from the start of an allocation of %zu",
         static_cast<const char*>(info->si_addr) - found->first, found->second.bytes);
}

}  // namespace

void* allocate(std::size_t bytes) {
  Region& self = region();
  const std::size_t pages = round_up(bytes, page_bytes);
  if (self.next + pages + page_bytes > self.begin + region_bytes) report("out of addresses for the device's memory");
  const Allocation made{bytes, self.next, pages};
  char* pointer = self.next + pages - round_up(bytes, 16);
  self.next += pages + page_bytes;
  self.allocations[pointer] = made;
  self.used += bytes;
  madvise(made.pages, pages, MADV_DODUMP);  // unlike what lies between, so the kernel keeps a mapping for each
  const Open open;
  protect(made, true);
  std::memset(pointer, 0xff, std::min(bytes, garbage_bytes));
  return pointer;
}

bool release(void* pointer) {
  Region& self = region();
  const auto found = self.allocations.find(static_cast<const char*>(pointer));
  if (found == self.allocations.end()) return false;
  const Allocation& old = found->second;
  mmap(old.pages, old.pages_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
  madvise(old.pages, old.pages_bytes, MADV_DONTDUMP);
  self.used -= old.bytes;
  self.allocations.erase(found);
  return true;
}

std::size_t used_bytes() { return region().used; }

bool holds(const void* pointer, std::size_t bytes) {
  const auto* found = region().before_or_at(pointer);
  return found != nullptr && static_cast<const char*>(pointer) + bytes <= found->first + found->second.bytes;
}

bool overlaps(const void* pointer, std::size_t bytes) {
  const auto first = reinterpret_cast<std::uintptr_t>(pointer),
             begin = reinterpret_cast<std::uintptr_t>(region().begin);
  return first < begin + region_bytes && first + bytes > begin;
}

Open::Open() {
  if (open_count++ > 0) return;
  for (const auto& [pointer, allocation] : region().allocations) protect(allocation, true);
}

Open::~Open() {
  if (--open_count > 0) return;
  for (const auto& [pointer, allocation] : region().allocations) protect(allocation, false);
}

}  // namespace emulator::memory
