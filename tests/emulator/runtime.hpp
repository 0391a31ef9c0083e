// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime.h>

#include <functional>
#include <memory>

/// What the stand-ins for CUDA's libraries share.
namespace emulator {

using Task = std::function<void()>;

/// Does the task now with the device's memory open, or records it while the stream is captured.
cudaError_t queue(cudaStream_t stream, Task task);

/// cudaSuccess, or why the device does nothing: it is lost, or a stream is captured (which ends the capture).
cudaError_t refuse_within_capture();

bool without_pointer_tables();  ///< one of the faults that a test can ask for

}  // namespace emulator
