// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The only header that asks which compiler reads it. Every other file is the same source for all three: nvcc; g++ for
/// a build without CUDA; and g++ for tests/emulator, whose stand-ins for CUDA's headers run the device half on the CPU.
///   GAUNTLET_HD                            marks what runs on both sides
///   GAUNTLET_CUDA                          1 in a file in which kernels can be launched
///   GAUNTLET_DEVICE                        1 while the device half of such a file is compiled
///   GAUNTLET_SHARED(type, name, extents)   in a kernel: an array that the threads of a block share
///   GAUNTLET_DYNAMIC_SHARED(type, name)    in a kernel: the shared memory that the launch asked for
#if defined(GAUNTLET_EMULATE)
#include <cuda_runtime.h>
#define GAUNTLET_HD
#define GAUNTLET_CUDA 1
#define GAUNTLET_DEVICE 1
#define GAUNTLET_SHARED(type, name, extents) auto& name = ::emulator::shared<type extents>([] {})
#define GAUNTLET_DYNAMIC_SHARED(type, name) type* name = static_cast<type*>(::emulator::dynamic_shared())
#elif defined(__CUDACC__)
#define GAUNTLET_HD __host__ __device__
#define GAUNTLET_CUDA 1
#if defined(__CUDA_ARCH__)
#define GAUNTLET_DEVICE 1
#else
#define GAUNTLET_DEVICE 0
#endif
#define GAUNTLET_SHARED(type, name, extents) __shared__ type name extents
#define GAUNTLET_DYNAMIC_SHARED(type, name) extern __shared__ type name[]
#else
#define GAUNTLET_HD
#define GAUNTLET_CUDA 0
#define GAUNTLET_DEVICE 0
#endif

namespace gauntlet {

/// Whether this build runs device code on tests/emulator; it then has no CPU back end.
#if defined(GAUNTLET_EMULATE)
inline constexpr bool emulated = true;
#else
inline constexpr bool emulated = false;
#endif

}  // namespace gauntlet
