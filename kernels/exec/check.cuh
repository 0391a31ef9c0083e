// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/exec/portability.cuh"

#if GAUNTLET_CUDA
#include <cuda_runtime.h>

#include <new>
#include <stdexcept>
#include <string>

namespace gauntlet {

/// Throws std::bad_alloc when memory ran out, else std::runtime_error with file, line, call and the driver's text. The
/// next call starts afresh where the device still answers (a refused launch, no memory); after an error inside a kernel
/// it does not: Exec::check_alive tells.
inline void check_cuda(cudaError_t status, const char* call, const char* file, int line) {
  if (status == cudaSuccess) return;
  (void)cudaGetLastError();
  if (status == cudaErrorMemoryAllocation) throw std::bad_alloc();
  throw std::runtime_error(std::string(file) + ":" + std::to_string(line) + ": " + call + ": " +
                           cudaGetErrorString(status));
}

}  // namespace gauntlet

#define GAUNTLET_CHECK(call) ::gauntlet::check_cuda((call), #call, __FILE__, __LINE__)
#endif
