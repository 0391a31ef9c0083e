// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/exec/check.cuh"
#include "kernels/exec/exec.cuh"
#include "kernels/exec/portability.cuh"
#include "kernels/exec/team.cuh"

namespace gauntlet {

/// Columns that one call of a span functor handles: what one GPU thread loads at once, or a cache-sized run on the CPU.
#if GAUNTLET_DEVICE
inline constexpr int span_width = 4;
#else
inline constexpr int span_width = 128;
#endif

#if GAUNTLET_CUDA
namespace detail {

template <class Functor>
__global__ void for_kernel(std::int64_t n, Functor functor) {
  const std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (i < n) functor(i);
}

template <class Functor>
__global__ void span_kernel(int count, std::int64_t spans, Functor functor) {
  const std::int64_t s = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (s >= spans) return;
  for (int c = static_cast<int>(blockIdx.y); c < count; c += static_cast<int>(gridDim.y)) functor(c, s * 4);
}

template <class Functor>
__global__ void team_kernel(Functor functor) {
  Team team;
  functor(team, static_cast<int>(blockIdx.x));
}

/// Reports a failed launch with its label; with GAUNTLET_SYNC=1 also waits, so that the failing kernel is named (not
/// while a graph is recorded, when nothing runs).
void launched(Exec& exec, const char* label, cudaError_t status);

}  // namespace detail

/// Blocks, threads of each and bytes of dynamic shared memory.
struct LaunchShape {
  dim3 blocks;
  unsigned threads;
  std::size_t shared_bytes = 0;
};

/// Queues a kernel; the only place that does. \throws std::runtime_error with the label.
template <class... Parameters, class... Arguments>
void launch(Exec& exec, const char* label, const LaunchShape& shape, void (*kernel)(Parameters...),
            const Arguments&... arguments) {
  cudaLaunchConfig_t config = {};
  config.gridDim = shape.blocks;
  config.blockDim = dim3(shape.threads);
  config.dynamicSmemBytes = shape.shared_bytes;
  config.stream = static_cast<cudaStream_t>(exec.stream());
  detail::launched(exec, label, cudaLaunchKernelEx(&config, kernel, arguments...));
}
#endif

namespace detail {

/// In a build with CUDA the launchers below know the device only where nvcc compiles them. Anywhere else they would
/// walk device pointers on the host: that is refused.
template <class Functor>
constexpr void refuse_host_compiler() {
#if defined(GAUNTLET_WITH_CUDA) && !GAUNTLET_CUDA
  static_assert(sizeof(Functor) == 0, "what launches device code is compiled by nvcc: make this .cpp file a .cu file");
#endif
}

}  // namespace detail

/// Calls functor(i) for every i in [0, n), in any order, all at once. The functor is a struct with a
/// `GAUNTLET_HD void operator()(std::int64_t) const`.
template <class Functor>
void parallel_for(Exec& exec, const char* label, std::int64_t n, const Functor& functor) {
  detail::refuse_host_compiler<Functor>();
  if (n <= 0) return;
#if GAUNTLET_CUDA
  if (exec.cuda()) {
    const auto blocks = static_cast<unsigned>((n + 255) / 256);
    return launch(exec, label, {blocks, 256}, detail::for_kernel<Functor>, n, functor);
  }
#endif
  (void)exec, (void)label;
  for (std::int64_t i = 0; i < n; ++i) functor(i);
}

/// Calls functor(c, k) for every c in [0, count) and every span of columns [k, k + span_width) that covers [0, d).
/// Spans run into the rows' padding: padded(d) is a multiple of every span width.
template <class Functor>
void parallel_spans(Exec& exec, const char* label, int count, std::int64_t d, const Functor& functor) {
  detail::refuse_host_compiler<Functor>();
  if (count <= 0 || d <= 0) return;
#if GAUNTLET_CUDA
  if (exec.cuda()) {
    const std::int64_t spans = (d + 3) / 4;
    const int limit = 65535;  // of a grid's second dimension
    const dim3 grid(static_cast<unsigned>((spans + 127) / 128), static_cast<unsigned>(count < limit ? count : limit));
    return launch(exec, label, {grid, 128}, detail::span_kernel<Functor>, count, spans, functor);
  }
#endif
  (void)exec, (void)label;
  for (int c = 0; c < count; ++c)
    for (std::int64_t k = 0; k < d; k += span_width) functor(c, k);
}

/// Calls functor(team, i) for every i in [0, count): a block of `size` threads on CUDA, one thread on the CPU.
template <class Functor>
void for_teams(Exec& exec, const char* label, int count, int size, const Functor& functor) {
  detail::refuse_host_compiler<Functor>();
  if (count <= 0) return;
#if GAUNTLET_CUDA
  if (exec.cuda()) {
    const unsigned threads = size <= 32 ? 32 : size <= 128 ? 128 : 256;
    return launch(exec, label, {static_cast<unsigned>(count), threads}, detail::team_kernel<Functor>, functor);
  }
#endif
  (void)exec, (void)label, (void)size;
  for (int i = 0; i < count; ++i) {
    Team team;
    functor(team, i);
  }
}

}  // namespace gauntlet
