// SPDX-License-Identifier: Apache-2.0
#include "tests/emulator/block.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/emulator/fiber.hpp"
#include "tests/emulator/memory.hpp"
#include "tests/emulator/report.hpp"
#include "tests/emulator/sanitizer.hpp"

uint3 threadIdx, blockIdx;
dim3 blockDim, gridDim;

namespace emulator {

namespace {

constexpr unsigned warp_size = 32;

enum class State { ready, waits_for_warp, waits_for_block, finished };

void live();

struct Thread : Fiber {
  Thread() : Fiber(live) {}

  State state = State::finished;
  Place place = {};
  std::uint64_t given[2] = {};  ///< to the warp, in this exchange and in the one before
  unsigned exchanges = 0;
};

/// Orders of memory in one block. New for every block: nothing is ordered between blocks.
struct Tags {
  char block[2], warp[block_limit / warp_size][2];  ///< of this barrier and of the one before
};

/// What runs now.
const Kernel* kernel = nullptr;
std::deque<Thread>* threads = nullptr;
Thread* current = nullptr;
std::unique_ptr<Tags> tags;
unsigned block_phase = 0, warp_phase[block_limit / warp_size] = {};
std::vector<void*> shared_arrays;  ///< by id; null until the block asks for it
void* dynamic_array = nullptr;
std::size_t shared_bytes = 0;

/// Released by all threads of a launch, and acquired by those of the next.
char launch_ended, launch_begins;

void leave(State state, const Place& place) {
  current->state = state, current->place = place;
  current->leave();
}

/// One thread of a block after another.
void live() {
  for (current->arrive();;) {
    sanitizer::acquire(&launch_begins);
    kernel->body();
    sanitizer::release(&launch_ended);
    leave(State::finished, {"the kernel's end", "", 0});
  }
}

[[noreturn]] void report_divergence() {
  std::map<std::string, std::pair<unsigned, unsigned>> places;  // how many threads wait there, and the first
  for (unsigned t = 0; t < blockDim.x; ++t) {
    const Thread& thread = (*threads)[t];
    std::string place = thread.place.what;
    if (thread.state != State::finished)
      place += std::string(" at ") + thread.place.file + ":" + std::to_string(thread.place.line);
    ++places.try_emplace(place, 0, t).first->second.first;
  }
  std::string found;
  for (const auto& [place, who] : places)
    found += "\n  " + std::to_string(who.first) + " threads, the first is " + std::to_string(who.second) + ": " + place;
  report("divergent barrier%s", found.c_str());
}

/// Threads [begin, end) of the block.
struct Range {
  unsigned begin, end;
};

/// True if all of these threads wait for each other at one place, false if none does. Anything else is a mistake.
bool meet(Range range, State state) {
  const Place& place = (*threads)[range.begin].place;
  bool all = true, none = true;
  for (unsigned t = range.begin; t < range.end; ++t) {
    const Thread& thread = (*threads)[t];
    none = none && thread.state != state;
    all = all && thread.state == state && thread.place.line == place.line && thread.place.file == place.file;
  }
  if (!all && !none) report_divergence();
  return all;
}

/// Runs a warp until its threads wait for other warps or have finished.
void run_warp(Range range) {
  do {
    for (unsigned t = range.begin; t < range.end; ++t) (*threads)[t].state = State::ready;
    for (unsigned t = range.begin; t < range.end; ++t) {
      current = &(*threads)[t];
      threadIdx = {t, 0, 0};
      current->resume();
    }
    current = nullptr;
    warp_phase[range.begin / warp_size] ^= 1;
  } while (meet(range, State::waits_for_warp));
}

/// Memory of the block, which starts as garbage.
void* take_shared(std::size_t bytes) {
  shared_bytes += bytes;
  if (shared_bytes > shared_limit) report("%zu bytes of shared memory", shared_bytes);
  return std::memset(std::malloc(bytes), 0xff, bytes);
}

void run_block() {
  while (threads->size() < blockDim.x) threads->emplace_back();
  for (unsigned t = 0; t < blockDim.x; ++t) (*threads)[t].exchanges = 0;
  tags = std::make_unique<Tags>();
  shared_bytes = 0;
  dynamic_array = kernel->shared_bytes > 0 ? take_shared(kernel->shared_bytes) : nullptr;
  do {
    for (unsigned first = 0; first < blockDim.x; first += warp_size)
      run_warp({first, std::min(first + warp_size, blockDim.x)});
    block_phase ^= 1;
  } while (meet({0, blockDim.x}, State::waits_for_block));
  for (void*& array : shared_arrays) std::free(std::exchange(array, nullptr));
  std::free(dynamic_array);
}

void run_blocks() {
  // Blocks take turns with two sets of fibers, so that none is the continuation of the one before.
  static std::deque<Thread> sets[2];
  unsigned turn = 0;
  for (unsigned z = 0; z < gridDim.z; ++z)
    for (unsigned y = 0; y < gridDim.y; ++y)
      for (unsigned x = 0; x < gridDim.x; ++x) {
        blockIdx = {x, y, z};
        threads = &sets[turn++ % 2];
        run_block();
      }
}

}  // namespace

void run(const Kernel& launched) {
  const memory::Open open;
  kernel = &launched;
  gridDim = kernel->grid, blockDim = kernel->block;
  // To ThreadSanitizer launches follow each other on a thread that host code is not ordered with: what a kernel reads
  // of the host's memory is a race.
  static void* const stream = sanitizer::create_fiber();
  void* const host = sanitizer::current_fiber();
  sanitizer::switch_to(stream);
  {
    const Untracked untracked;
    run_blocks();
  }
  sanitizer::acquire(&launch_ended);
  sanitizer::release(&launch_begins);
  sanitizer::switch_to(host);
  kernel = nullptr;
}

void wait_for_block(const Place& place) {
  char* tag = &tags->block[block_phase];
  sanitizer::release(tag);
  leave(State::waits_for_block, place);
  sanitizer::acquire(tag);
}

void wait_for_warp(const Place& place) {
  const unsigned warp = threadIdx.x / warp_size;
  char* tag = &tags->warp[warp][warp_phase[warp]];
  sanitizer::release(tag);
  leave(State::waits_for_warp, place);
  sanitizer::acquire(tag);
}

std::uint64_t exchange(std::uint64_t value, unsigned source, unsigned mask, const Place& place) {
  if (mask != ~0u) report("%s of a part of the warp at %s:%d", place.what, place.file, place.line);
  // The other one may still be read by lanes that have not run since.
  const unsigned turn = current->exchanges++ % 2;
  current->given[turn] = value;
  leave(State::waits_for_warp, place);
  const unsigned thread = threadIdx.x / warp_size * warp_size + source;
  return source < warp_size && thread < blockDim.x ? (*threads)[thread].given[turn] : value;
}

std::size_t declare_shared() {
  static std::size_t count = 0;
  return count++;
}

void* shared_array(std::size_t id, std::size_t bytes) {
  if (id < shared_arrays.size() && shared_arrays[id] != nullptr) return shared_arrays[id];
  const Untracked untracked;
  if (id >= shared_arrays.size()) shared_arrays.resize(id + 1);
  return shared_arrays[id] = take_shared(bytes);
}

void* dynamic_shared() { return dynamic_array; }

void print_whereabouts() {
  if (kernel == nullptr) return void(std::fputs("\n  in host code\n", stderr));
  std::fputs("\n  in ", stderr);
  if (current != nullptr) std::fprintf(stderr, "thread %u of ", threadIdx.x);
  std::fprintf(stderr, "block (%u, %u, %u) of a kernel %s\n", blockIdx.x, blockIdx.y, blockIdx.z, kernel->signature);
}

}  // namespace emulator
