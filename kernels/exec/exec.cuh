// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <utility>

#include "kernels/exec/error.hpp"
#include "kernels/exec/timer.hpp"

namespace gauntlet {

enum class Backend { cpu, cuda };

/// Work that an Exec has recorded, to be queued again as one. Move-only. What the work reads and writes must outlive
/// it.
class Recording {
 public:
  Recording() = default;
  Recording(Recording&& other) noexcept : instance_(std::exchange(other.instance_, nullptr)) {}
  Recording& operator=(Recording&& other) noexcept {
    std::swap(instance_, other.instance_);
    return *this;
  }
  ~Recording();

 private:
  friend class Exec;
  void* instance_ = nullptr;  // cudaGraphExec_t
};

/// Where work runs: a back end with its stream, BLAS handle and phase timer. One Exec serves one thread.
/// On the CPU everything runs at once on the calling thread; on CUDA everything is queued on one stream.
class Exec {
 public:
  /// \throws UserError when this build has no CUDA or the machine no such device.
  explicit Exec(Backend backend, int device = 0);
  ~Exec();
  Exec(const Exec&) = delete;
  Exec& operator=(const Exec&) = delete;

  Backend backend() const { return backend_; }
  bool cuda() const { return backend_ == Backend::cuda; }
  int device() const { return device_; }
  void* stream() const { return stream_; }  ///< cudaStream_t, or null
  void* blas();                             ///< cublasHandle_t, made at the first call, or null
  PhaseTimer& timer() { return *timer_; }

  /// Waits for everything queued so far. \throws std::runtime_error with what the device reports.
  void synchronize();

  /// After `error`: \throws DeviceLost if the device answers no more.
  void check_alive(const std::exception& error);

  /// Whether this Exec can record graphs: on CUDA, unless $GAUNTLET_GRAPH is `off`.
  bool records_graphs() const;

  /// Records everything `work` queues as a CUDA graph, which replay() launches as one. Nothing of it runs now.
  /// \throws std::runtime_error where it cannot be recorded; the same work may then be queued as it is.
  template <class Work>
  Recording capture(Work work) {
    begin_capture();
    try {
      work();
    } catch (...) {
      abandon_capture();  // or the stream would refuse all later work
      throw;
    }
    return end_capture();
  }
  void replay(const Recording& graph);

  /// Bytes of memory free for arrays on this back end.
  std::size_t free_bytes() const;

 private:
  void begin_capture();
  Recording end_capture();
  void abandon_capture() noexcept;

  Backend backend_;
  int device_ = 0;
  void* stream_ = nullptr;
  void* blas_ = nullptr;
  void* workspace_ = nullptr;
  std::unique_ptr<PhaseTimer> timer_;
};

/// What this build and this machine offer.
bool built_with_cuda();
int cuda_device_count();  ///< 0 without CUDA, a driver or a device
std::string cuda_device_name(int device);
std::string cuda_driver_version();  ///< empty without CUDA
std::string blas_name();            ///< the CPU's BLAS and its version

/// `auto`, `cpu`, `cuda` or `cuda:N`; auto takes CUDA when there is a device. \throws UserError.
struct DeviceChoice {
  Backend backend = Backend::cpu;
  int device = 0;
};
DeviceChoice choose_device(const std::string& text);
std::string device_name(const DeviceChoice& choice);  ///< `NVIDIA H200`, or the processor's model

/// Raw memory of a back end, aligned to 256 bytes and zeroed. \throws std::bad_alloc or std::runtime_error.
void* allocate_bytes(Exec& exec, std::size_t bytes);
void release_bytes(Exec& exec, void* pointer) noexcept;
void copy_to(Exec& exec, void* to, const void* from_host, std::size_t bytes);
void copy_from(Exec& exec, void* to_host, const void* from, std::size_t bytes);  ///< waits
void copy_within(Exec& exec, void* to, const void* from, std::size_t bytes);
void fill_zero(Exec& exec, void* to, std::size_t bytes);

}  // namespace gauntlet
