// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

/// What tests see of the emulated device, and what they make it do.
namespace emulator {

/// What the device does wrong for a while.
struct Faults {
  std::size_t allocatable_bytes = ~std::size_t{0};  ///< in all; free memory is told as if it were not so
  int lost_at_launch = 0;  ///< that launch, counted from 1, touches an illegal address: nothing works after it
  bool refuses_capture = false;
  bool refuses_instantiation = false;
  bool without_pointer_tables = false;  ///< its library has no product whose kernel can be chosen by hand
};

/// The device has these faults until the end of the scope, and is then as new.
class FaultScope {
 public:
  explicit FaultScope(const Faults& faults);
  ~FaultScope();
  FaultScope(const FaultScope&) = delete;
  FaultScope& operator=(const FaultScope&) = delete;
};

/// What has happened so far.
struct Counts {
  long launches = 0, replays = 0, refused_allocations = 0;
};
Counts counts();

std::size_t used_bytes();  ///< of the device's memory
bool sees_races();         ///< whether ThreadSanitizer watches

}  // namespace emulator
