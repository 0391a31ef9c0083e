// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

/// The device's memory: addresses of its own, which only Open lets anybody touch. What touches them otherwise, beyond
/// an allocation or after its end is reported: addresses are not used again.
namespace emulator::memory {

constexpr std::size_t total_bytes = std::size_t{4} << 30;

/// Memory that begins with garbage and ends, but for an alignment of 16, where touching is reported. One that is a
/// multiple of 256 bytes long is aligned to 256, as CUDA aligns all.
void* allocate(std::size_t bytes);
bool release(void* pointer);  ///< false: no allocation begins there
std::size_t used_bytes();

/// Whether all bytes lie in one allocation.
bool holds(const void* pointer, std::size_t bytes);
/// Whether any address of the device's is among the bytes.
bool overlaps(const void* pointer, std::size_t bytes);

/// While one lives the memory can be touched: the device is at work.
class Open {
 public:
  Open();
  ~Open();
  Open(const Open&) = delete;
  Open& operator=(const Open&) = delete;
};

}  // namespace emulator::memory
