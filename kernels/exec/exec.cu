// SPDX-License-Identifier: Apache-2.0
#include "kernels/exec/exec.cuh"

#include <cblas.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <new>
#include <stdexcept>

#include "kernels/exec/check.cuh"
#include "kernels/exec/portability.cuh"

#if GAUNTLET_CUDA
#include <cublas_v2.h>

#include "kernels/exec/launch.cuh"
#endif

namespace gauntlet {

std::unique_ptr<PhaseTimer> make_timer(Exec& exec);

#if GAUNTLET_CUDA
namespace {
constexpr std::size_t blas_workspace_bytes = std::size_t{32} << 20;

cudaStream_t stream_of(const Exec& exec) { return static_cast<cudaStream_t>(exec.stream()); }

void check_blas(cublasStatus_t status) {
  if (status == CUBLAS_STATUS_ALLOC_FAILED) throw std::bad_alloc();
  if (status != CUBLAS_STATUS_SUCCESS)
    throw std::runtime_error("cuBLAS: " + std::string(cublasGetStatusString(status)));
}
}  // namespace

void detail::launched(Exec& exec, const char* label, cudaError_t status) {
  static const bool wait = std::getenv("GAUNTLET_SYNC") != nullptr;
  if (status == cudaSuccess && wait) {
    cudaStreamCaptureStatus capture = cudaStreamCaptureStatusNone;
    status = cudaStreamIsCapturing(stream_of(exec), &capture);
    if (status == cudaSuccess && capture == cudaStreamCaptureStatusNone)
      status = cudaStreamSynchronize(stream_of(exec));
  }
  if (status == cudaSuccess) return;
  (void)cudaGetLastError();
  throw std::runtime_error(std::string("kernel ") + label + ": " + cudaGetErrorString(status));
}
#endif

bool built_with_cuda() { return GAUNTLET_CUDA != 0; }

int cuda_device_count() {
  int count = 0;
#if GAUNTLET_CUDA
  if (cudaGetDeviceCount(&count) != cudaSuccess) {
    (void)cudaGetLastError();
    count = 0;
  }
#endif
  return count;
}

std::string cuda_device_name(int device) {
#if GAUNTLET_CUDA
  cudaDeviceProp properties;
  if (cudaGetDeviceProperties(&properties, device) == cudaSuccess) return properties.name;
#endif
  (void)device;
  return {};
}

std::string cuda_driver_version() {
#if GAUNTLET_CUDA
  int version = 0;
  if (cudaDriverGetVersion(&version) == cudaSuccess && version > 0)
    return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
#endif
  return {};
}

std::string blas_name() { return openblas_get_config(); }

DeviceChoice choose_device(const std::string& text) {
  if (text == "cpu") return {Backend::cpu, 0};
  if (text == "auto") return cuda_device_count() > 0 ? DeviceChoice{Backend::cuda, 0} : DeviceChoice{Backend::cpu, 0};
  int device = 0;
  if (text.rfind("cuda", 0) == 0 && text != "cuda") {
    char* end = nullptr;
    const std::string number = text.size() > 5 && text[4] == ':' ? text.substr(5) : "";
    device = static_cast<int>(std::strtol(number.c_str(), &end, 10));
    if (number.empty() || *end != '\0' || device < 0) device = -1;
  } else if (text != "cuda") {
    device = -1;
  }
  if (device < 0) throw UserError("unknown device '" + text + "'; use auto, cpu, cuda or cuda:N");
  if (!built_with_cuda())
    throw UserError("device '" + text + "': this build has no CUDA; build with GAUNTLET_CUDA=ON or use --device cpu");
  const int devices = cuda_device_count();
  if (device >= devices)
    throw UserError("device '" + text + "': " +
                    (devices == 0 ? std::string("no CUDA device or driver found; use --device cpu")
                                  : "only " + std::to_string(devices) + " CUDA device(s) found, numbered from 0"));
  return {Backend::cuda, device};
}

std::string device_name(const DeviceChoice& choice) {
  if (choice.backend == Backend::cuda) return cuda_device_name(choice.device);
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);)
    if (line.rfind("model name", 0) == 0) return line.substr(line.find(':') + 2);
  return "CPU";
}

Exec::Exec(Backend backend, int device) : backend_(backend), device_(device) {
  // One thread owns a cell, so BLAS must not start threads of its own.
  openblas_set_num_threads(1);
#if GAUNTLET_CUDA
  if (cuda()) {
    GAUNTLET_CHECK(cudaSetDevice(device));
    cudaStream_t stream;
    GAUNTLET_CHECK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    stream_ = stream;
  }
#else
  if (cuda()) throw UserError("this build has no CUDA; build with GAUNTLET_CUDA=ON or use --device cpu");
#endif
  if (emulated && !cuda()) throw UserError("the emulated device's build has no CPU back end; use --device cuda");
  timer_ = make_timer(*this);
}

Exec::~Exec() {
  timer_.reset();
#if GAUNTLET_CUDA
  if (cuda()) {
    if (blas_ != nullptr) (void)cublasDestroy(static_cast<cublasHandle_t>(blas_));
    if (workspace_ != nullptr) (void)cudaFree(workspace_);
    if (stream_ != nullptr) (void)cudaStreamDestroy(stream_of(*this));
  }
#endif
}

void* Exec::blas() {
#if GAUNTLET_CUDA
  if (cuda() && blas_ == nullptr) {
    if (workspace_ == nullptr) GAUNTLET_CHECK(cudaMalloc(&workspace_, blas_workspace_bytes));
    cublasHandle_t handle;
    check_blas(cublasCreate(&handle));
    blas_ = handle;
    check_blas(cublasSetStream(handle, stream_of(*this)));
    check_blas(cublasSetWorkspace(handle, workspace_, blas_workspace_bytes));
  }
#endif
  return blas_;
}

void Exec::check_alive(const std::exception& error) {
#if GAUNTLET_CUDA
  if (cuda() && cudaStreamSynchronize(stream_of(*this)) != cudaSuccess)
    throw DeviceLost("cuda:" + std::to_string(device_) + " answers no more after: " + error.what());
#endif
  (void)error;
}

bool Exec::records_graphs() const {
  const char* choice = std::getenv("GAUNTLET_GRAPH");
  return cuda() && (choice == nullptr || std::strcmp(choice, "off") != 0);
}

void Exec::synchronize() {
#if GAUNTLET_CUDA
  if (cuda()) GAUNTLET_CHECK(cudaStreamSynchronize(stream_of(*this)));
#endif
}

std::size_t Exec::free_bytes() const {
#if GAUNTLET_CUDA
  if (cuda()) {
    std::size_t free = 0, total = 0;
    GAUNTLET_CHECK(cudaMemGetInfo(&free, &total));
    return free;
  }
#endif
  return static_cast<std::size_t>(sysconf(_SC_AVPHYS_PAGES)) * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

#if GAUNTLET_CUDA
void Exec::begin_capture() {
  GAUNTLET_CHECK(cudaStreamBeginCapture(stream_of(*this), cudaStreamCaptureModeThreadLocal));
}

Recording::~Recording() {
  if (instance_ != nullptr) (void)cudaGraphExecDestroy(static_cast<cudaGraphExec_t>(instance_));
}

Recording Exec::end_capture() {
  cudaGraph_t graph = nullptr;
  GAUNTLET_CHECK(cudaStreamEndCapture(stream_of(*this), &graph));
  cudaGraphExec_t instance = nullptr;
  const cudaError_t status = cudaGraphInstantiate(&instance, graph, 0);
  (void)cudaGraphDestroy(graph);
  GAUNTLET_CHECK(status);
  Recording recorded;
  recorded.instance_ = instance;
  return recorded;
}

void Exec::abandon_capture() noexcept {
  cudaGraph_t graph = nullptr;
  (void)cudaStreamEndCapture(stream_of(*this), &graph);
  if (graph != nullptr) (void)cudaGraphDestroy(graph);
  (void)cudaGetLastError();
}

void Exec::replay(const Recording& graph) {
  GAUNTLET_CHECK(cudaGraphLaunch(static_cast<cudaGraphExec_t>(graph.instance_), stream_of(*this)));
}
#else
Recording::~Recording() = default;
void Exec::begin_capture() {}
Recording Exec::end_capture() { return {}; }
void Exec::abandon_capture() noexcept {}
void Exec::replay(const Recording&) {}
#endif

void* allocate_bytes(Exec& exec, std::size_t bytes) {
#if GAUNTLET_CUDA
  if (exec.cuda()) {
    void* pointer = nullptr;
    GAUNTLET_CHECK(cudaMalloc(&pointer, bytes));
    fill_zero(exec, pointer, bytes);
    return pointer;
  }
#endif
  (void)exec;
  const std::size_t rounded = (bytes + 255) / 256 * 256;
  void* pointer = std::aligned_alloc(256, rounded);
  if (pointer == nullptr) throw std::bad_alloc();
  std::memset(pointer, 0, rounded);
  return pointer;
}

void release_bytes(Exec& exec, void* pointer) noexcept {
#if GAUNTLET_CUDA
  if (exec.cuda()) {
    (void)cudaFree(pointer);
    return;
  }
#endif
  (void)exec;
  std::free(pointer);
}

void copy_to(Exec& exec, void* to, const void* from_host, std::size_t bytes) {
  if (bytes == 0) return;
#if GAUNTLET_CUDA
  if (exec.cuda()) {
    GAUNTLET_CHECK(cudaMemcpyAsync(to, from_host, bytes, cudaMemcpyHostToDevice, stream_of(exec)));
    exec.synchronize();
    return;
  }
#endif
  (void)exec;
  std::memcpy(to, from_host, bytes);
}

void copy_from(Exec& exec, void* to_host, const void* from, std::size_t bytes) {
  if (bytes == 0) return;
#if GAUNTLET_CUDA
  if (exec.cuda()) {
    GAUNTLET_CHECK(cudaMemcpyAsync(to_host, from, bytes, cudaMemcpyDeviceToHost, stream_of(exec)));
    exec.synchronize();
    return;
  }
#endif
  (void)exec;
  std::memcpy(to_host, from, bytes);
}

void copy_within(Exec& exec, void* to, const void* from, std::size_t bytes) {
  if (bytes == 0) return;
#if GAUNTLET_CUDA
  if (exec.cuda()) {
    GAUNTLET_CHECK(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, stream_of(exec)));
    return;
  }
#endif
  (void)exec;
  std::memcpy(to, from, bytes);
}

void fill_zero(Exec& exec, void* to, std::size_t bytes) {
  if (bytes == 0) return;
#if GAUNTLET_CUDA
  if (exec.cuda()) {
    GAUNTLET_CHECK(cudaMemsetAsync(to, 0, bytes, stream_of(exec)));
    return;
  }
#endif
  (void)exec;
  std::memset(to, 0, bytes);
}

}  // namespace gauntlet
