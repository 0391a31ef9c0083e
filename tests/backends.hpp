// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kernels/exec/exec.cuh"
#include "kernels/exec/portability.cuh"

namespace gauntlet {

/// Every back end that this build and this machine have: the CPU, and CUDA where there is a device; or the emulated
/// device alone.
inline std::vector<std::unique_ptr<Exec>> test_backends() {
  std::vector<std::unique_ptr<Exec>> result;
  if (!emulated) result.push_back(std::make_unique<Exec>(Backend::cpu));
  if (cuda_device_count() > 0) result.push_back(std::make_unique<Exec>(Backend::cuda));
  return result;
}

inline std::string backend_name(const Exec& exec) { return exec.cuda() ? "cuda" : "cpu"; }

}  // namespace gauntlet
