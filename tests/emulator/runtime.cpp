// SPDX-License-Identifier: Apache-2.0
#include "tests/emulator/runtime.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <utility>
#include <vector>

#include "tests/emulator/block.hpp"
#include "tests/emulator/emulator.hpp"
#include "tests/emulator/memory.hpp"
#include "tests/emulator/report.hpp"
#include "tests/emulator/sanitizer.hpp"

struct CUstream_st {
  cudaStreamCaptureStatus capture = cudaStreamCaptureStatusNone;
  std::vector<emulator::Task> recorded;
};

struct CUgraph_st {
  std::vector<emulator::Task> tasks;
};

struct CUgraphExec_st {
  std::vector<emulator::Task> tasks;
};

struct CUevent_st {
  std::chrono::steady_clock::time_point time;
  bool recorded = false;
};

namespace emulator {

namespace {

struct Device {
  cudaError_t last = cudaSuccess;
  cudaStream_t captured = nullptr;
  bool lost = false;
  Faults faults;
  Counts counts;
} device;

/// What a call returns.
cudaError_t answer(cudaError_t status) {
  if (device.lost) return cudaErrorIllegalAddress;
  if (status != cudaSuccess) device.last = status;
  return status;
}

void invalidate_capture() {
  if (device.captured != nullptr) device.captured->capture = cudaStreamCaptureStatusInvalidated;
}

cudaError_t check_shape(const Kernel& kernel) {
  const auto empty = [](dim3 shape) { return shape.x == 0 || shape.y == 0 || shape.z == 0; };
  const unsigned blocks = 0x7fffffff, others = 65535;
  const bool fits = !empty(kernel.grid) && !empty(kernel.block) && kernel.grid.x <= blocks && kernel.grid.y <= others &&
                    kernel.grid.z <= others && kernel.block.x <= block_limit && kernel.shared_bytes <= shared_limit;
  if (kernel.block.y != 1 || kernel.block.z != 1) report("a block of several dimensions");
  return fits ? cudaSuccess : cudaErrorInvalidConfiguration;
}

void check_copy(const void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind) {
  const auto check = [bytes](const void* pointer, bool on_device, const char* side) {
    if (on_device ? memory::holds(pointer, bytes) : !memory::overlaps(pointer, bytes)) return;
    report("cudaMemcpyAsync of %zu bytes: the %s is not %s", bytes, side,
           on_device ? "in one allocation of device memory" : "host memory");
  };
  check(to, kind != cudaMemcpyDeviceToHost, "destination");
  check(from, kind != cudaMemcpyHostToDevice, "source");
}

}  // namespace

cudaError_t queue(cudaStream_t stream, Task task) {
  if (device.lost) return answer(cudaErrorIllegalAddress);
  if (stream->capture == cudaStreamCaptureStatusInvalidated) return answer(cudaErrorStreamCaptureInvalidated);
  if (stream->capture == cudaStreamCaptureStatusActive) {
    stream->recorded.push_back(std::move(task));
    return cudaSuccess;
  }
  const memory::Open open;
  task();
  return cudaSuccess;
}

cudaError_t refuse_within_capture() {
  if (device.captured == nullptr) return answer(cudaSuccess);
  invalidate_capture();
  return answer(cudaErrorStreamCaptureUnsupported);
}

cudaError_t launch(cudaStream_t stream, std::shared_ptr<const Kernel> kernel) {
  if (const cudaError_t status = check_shape(*kernel); status != cudaSuccess) return answer(status);
  return queue(stream, [kernel] {
    if (device.lost || ++device.counts.launches == device.faults.lost_at_launch) device.lost = true;
    if (!device.lost) run(*kernel);
  });
}

FaultScope::FaultScope(const Faults& faults) {
  device.faults = faults;
  if (faults.lost_at_launch > 0) device.faults.lost_at_launch += static_cast<int>(device.counts.launches);
}

FaultScope::~FaultScope() {
  device.faults = {};
  device.lost = false;
}

bool without_pointer_tables() { return device.faults.without_pointer_tables; }

Counts counts() { return device.counts; }
std::size_t used_bytes() { return memory::used_bytes(); }
bool sees_races() { return sanitizer::threads(); }

}  // namespace emulator

using emulator::answer;
using emulator::device;
using emulator::Untracked;
namespace memory = emulator::memory;

const char* cudaGetErrorString(cudaError_t error) {
  switch (error) {
    case cudaSuccess:
      return "no error";
    case cudaErrorInvalidValue:
      return "invalid argument";
    case cudaErrorMemoryAllocation:
      return "out of memory";
    case cudaErrorInvalidConfiguration:
      return "invalid configuration argument";
    case cudaErrorInvalidDevice:
      return "invalid device ordinal";
    case cudaErrorIllegalAddress:
      return "an illegal memory access was encountered";
    case cudaErrorStreamCaptureUnsupported:
      return "operation not permitted when stream is capturing";
    case cudaErrorStreamCaptureInvalidated:
      return "operation failed due to a previous error during capture";
    case cudaErrorUnknown:
      return "unknown error";
  }
  return "unrecognized error code";
}

cudaError_t cudaGetLastError() { return answer(std::exchange(device.last, cudaSuccess)); }

// ---- Devices
// ---------------------------------------------------------------------------------------------------------

cudaError_t cudaGetDeviceCount(int* count) {
  *count = 1;
  return answer(cudaSuccess);
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int number) {
  if (number != 0) return answer(cudaErrorInvalidDevice);
  std::strcpy(properties->name, "emulated device");
  return answer(cudaSuccess);
}

cudaError_t cudaSetDevice(int number) { return answer(number == 0 ? cudaSuccess : cudaErrorInvalidDevice); }

cudaError_t cudaDriverGetVersion(int* version) {
  *version = 0;  // no driver
  return answer(cudaSuccess);
}

// ---- Memory
// ----------------------------------------------------------------------------------------------------------

cudaError_t cudaMalloc(void** pointer, std::size_t bytes) {
  const Untracked untracked;
  if (const cudaError_t status = emulator::refuse_within_capture(); status != cudaSuccess) return status;
  const std::size_t limit = std::min(memory::total_bytes, device.faults.allocatable_bytes);
  if (memory::used_bytes() > limit || bytes > limit - memory::used_bytes()) {
    ++device.counts.refused_allocations;
    return answer(cudaErrorMemoryAllocation);
  }
  *pointer = memory::allocate(bytes);
  return cudaSuccess;
}

cudaError_t cudaFree(void* pointer) {
  const Untracked untracked;
  const cudaError_t status = emulator::refuse_within_capture();
  if (status == cudaErrorStreamCaptureUnsupported || pointer == nullptr) return status;
  if (!memory::release(pointer)) emulator::report("cudaFree of what cudaMalloc did not give");
  return status;
}

cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total) {
  *total = memory::total_bytes;
  *free = *total - memory::used_bytes();
  return answer(cudaSuccess);
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind, cudaStream_t stream) {
  const Untracked untracked;
  emulator::check_copy(to, from, bytes, kind);
  if (kind != cudaMemcpyDeviceToDevice)  // of pageable memory, at which a replay must not look
    if (const cudaError_t status = emulator::refuse_within_capture(); status != cudaSuccess) return status;
  return emulator::queue(stream, [=] { std::memmove(to, from, bytes); });
}

cudaError_t cudaMemsetAsync(void* to, int value, std::size_t bytes, cudaStream_t stream) {
  const Untracked untracked;
  if (!memory::holds(to, bytes)) emulator::report("cudaMemsetAsync beyond an allocation of device memory");
  return emulator::queue(stream, [=] { std::memset(to, value, bytes); });
}

// ---- Streams and graphs
// ----------------------------------------------------------------------------------------------

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  *stream = new CUstream_st;
  return answer(cudaSuccess);
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  if (device.captured == stream) device.captured = nullptr;
  delete stream;
  return answer(cudaSuccess);
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  return stream == device.captured ? emulator::refuse_within_capture() : answer(cudaSuccess);
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
  if (device.faults.refuses_capture || device.captured != nullptr) return answer(cudaErrorStreamCaptureUnsupported);
  if (device.lost) return answer(cudaErrorIllegalAddress);
  stream->capture = cudaStreamCaptureStatusActive;
  device.captured = stream;
  return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  const Untracked untracked;
  *graph = nullptr;
  if (device.captured != stream) return answer(cudaErrorInvalidValue);
  device.captured = nullptr;
  auto recorded = std::exchange(stream->recorded, {});
  if (std::exchange(stream->capture, cudaStreamCaptureStatusNone) == cudaStreamCaptureStatusInvalidated)
    return answer(cudaErrorStreamCaptureInvalidated);
  *graph = new CUgraph_st{std::move(recorded)};
  return answer(cudaSuccess);
}

cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status) {
  *status = stream->capture;
  return answer(cudaSuccess);
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* instance, cudaGraph_t graph, unsigned long long) {
  const Untracked untracked;
  if (device.faults.refuses_instantiation) return answer(cudaErrorUnknown);
  *instance = new CUgraphExec_st{graph->tasks};
  return answer(cudaSuccess);
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t instance, cudaStream_t stream) {
  const Untracked untracked;
  ++device.counts.replays;
  return emulator::queue(stream, [instance] {
    for (const auto& task : instance->tasks) task();
  });
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  const Untracked untracked;
  delete graph;
  return answer(cudaSuccess);
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t instance) {
  const Untracked untracked;
  delete instance;
  return answer(cudaSuccess);
}

cudaError_t cudaEventCreate(cudaEvent_t* event) {
  *event = new CUevent_st;
  return answer(cudaSuccess);
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete event;
  return answer(cudaSuccess);
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  const Untracked untracked;
  event->recorded = event->recorded || stream->capture == cudaStreamCaptureStatusNone;
  return emulator::queue(stream, [event] { event->time = std::chrono::steady_clock::now(); });
}

cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t start, cudaEvent_t stop) {
  if (!start->recorded || !stop->recorded) return answer(cudaErrorInvalidValue);
  *milliseconds = std::chrono::duration<float, std::milli>(stop->time - start->time).count();
  return answer(cudaSuccess);
}
