// SPDX-License-Identifier: Apache-2.0
#include "src/bench/bench.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>

#include "kernels/exec/array.cuh"
#include "kernels/exec/gemm.cuh"
#include "kernels/registry/parameters.hpp"

namespace gauntlet {

double median_seconds(Exec& exec, const std::function<void()>& work, int least_runs) {
  using Clock = std::chrono::steady_clock;
  work();
  exec.synchronize();
  std::vector<double> times;
  double total = 0;
  while (static_cast<int>(times.size()) < least_runs || total < 0.25) {
    const auto start = Clock::now();
    work();
    exec.synchronize();
    times.push_back(std::chrono::duration<double>(Clock::now() - start).count());
    total += times.back();
  }
  std::nth_element(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2), times.end());
  return times[times.size() / 2];
}

double copy_bandwidth(Exec& exec, std::size_t bytes) {
  Array<char> from(exec, bytes), to(exec, bytes);
  return 2.0 * static_cast<double>(bytes) /
         median_seconds(exec, [&] { copy_within(exec, to.data(), from.data(), bytes); });
}

double gemm_rate(Exec& exec) {
  constexpr int size = 1024;
  const int count = exec.cuda() ? 16 : 1;  // one leaves most of a GPU idle
  const std::vector<float> values(size * size, 0.37F);
  const Array<float> a(exec, values), b(exec, values);
  Array<float> c(exec, static_cast<std::size_t>(count) * size * size);
  const auto many = static_cast<std::size_t>(count);
  const Array<const float*> left(exec, std::vector<const float*>(many, a.data()));
  const Array<const float*> right(exec, std::vector<const float*>(many, b.data()));
  std::vector<float*> outputs;
  for (int i = 0; i < count; ++i) outputs.push_back(c.data() + std::int64_t{i} * size * size);
  const Array<float*> out(exec, outputs);
  const double seconds = median_seconds(exec, [&] {
    gemm_batched(exec, Transpose::no, Transpose::no, size, size, size, 1, left.data(), size, right.data(), size, 0,
                 out.data(), size, count);
  });
  return 2.0 * count * size * size * size / seconds;
}

Pipeline rule_pipeline(const std::string& text, int n, int f) {
  const auto stages = parse_pipeline(text);
  if (const std::string reason = unmet_need(stages, n, f); !reason.empty()) throw UserError(reason);
  Pipeline pipeline(stages, n, f);
  if (!pipeline.has_rule()) throw UserError("defense '" + text + "' has no rule; end it in one, such as 'mean'");
  return pipeline;
}

void run_bench(const BenchOptions& options) {
  if (options.byzantine >= options.workers)
    throw UserError(fmt::format("--byzantine {}: out of range 0..{} with {} workers", options.byzantine,
                                options.workers - 1, options.workers));
  const DeviceChoice device = choose_device(options.device);
  fmt::print("device: {}\n", device_name(device));
  if (options.what == "round") return bench_round(device, options);
  if (options.what == "kappa") return bench_kappa(device, options);
  Exec exec(device.backend, device.device);
  if (options.what == "passes") return bench_passes(exec, options);
  if (options.what == "rules") return bench_rules(exec, options);
  throw UserError("unknown benchmark '" + options.what + "'" +
                  suggestion(options.what, {"kappa", "passes", "rules", "round"}));
}

}  // namespace gauntlet
