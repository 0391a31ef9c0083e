// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>

/// What device code sees: the names that CUDA's compiler knows by itself.

#define __global__
#define __device__
#define __host__
#define __launch_bounds__(...)

struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};
struct uint3 {
  unsigned x, y, z;
};
struct alignas(16) float4 {
  float x, y, z, w;
};

/// Those of the thread that runs.
extern uint3 threadIdx, blockIdx;
extern dim3 blockDim, gridDim;

namespace emulator {

/// Where threads wait for each other.
struct Place {
  const char* what;
  const char* file;
  int line;
};

/// While one lives, its thread's accesses to memory go unseen by ThreadSanitizer: they are the emulator's own.
class Untracked {
 public:
  Untracked();
  ~Untracked();
  Untracked(const Untracked&) = delete;
  Untracked& operator=(const Untracked&) = delete;
};

/// A kernel with its arguments. Made while untracked: the copies are memory of neither side.
struct Kernel {
  const char* signature;
  dim3 grid, block;
  std::size_t shared_bytes;  ///< dynamic
  std::function<void()> body;
};

/// `… [with Parameters = {…}]`: the functors among them tell kernels apart.
template <class... Parameters>
const char* signature(void (*)(Parameters...)) {
  return __PRETTY_FUNCTION__;
}

void wait_for_block(const Place& place);
void wait_for_warp(const Place& place);

/// Every lane of the warp gives 8 bytes; returns those of lane `source`, or the own where there is no such lane. No
/// order of other memory comes with it.
std::uint64_t exchange(std::uint64_t value, unsigned source, unsigned mask, const Place& place);

template <class T>
T shuffle(T value, unsigned source, unsigned mask, const Place& place) {
  static_assert(sizeof(T) <= sizeof(std::uint64_t));
  std::uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  bits = exchange(bits, source, mask, place);
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

/// A number for each array that kernels declare as shared.
std::size_t declare_shared();
void* shared_array(std::size_t id, std::size_t bytes);
void* dynamic_shared();

template <class Array, class Tag>
inline const std::size_t shared_id = declare_shared();

/// The block's array; a Tag is the type of one declaration.
template <class Array, class Tag>
Array& shared(Tag) {
  return *static_cast<Array*>(shared_array(shared_id<Array, Tag>, sizeof(Array)));
}

}  // namespace emulator

inline void __syncthreads(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  emulator::wait_for_block({"__syncthreads", file, line});
}

inline void __syncwarp(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  emulator::wait_for_warp({"__syncwarp", file, line});
}

template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, const char* file = __builtin_FILE(),
                   int line = __builtin_LINE()) {
  return emulator::shuffle(value, threadIdx.x % 32 + delta, mask, {"__shfl_down_sync", file, line});
}

template <class T>
T __shfl_sync(unsigned mask, T value, int source, const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  return emulator::shuffle(value, static_cast<unsigned>(source) % 32, mask, {"__shfl_sync", file, line});
}

template <class T>
constexpr T min(T a, T b) {
  return b < a ? b : a;
}
