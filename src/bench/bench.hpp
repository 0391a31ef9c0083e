// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "kernels/defenses/engine/pipeline.cuh"
#include "kernels/exec/exec.cuh"

namespace gauntlet {

struct BenchOptions {
  std::string what = "round";
  int workers = 13, byzantine = 3, batch = 25, rounds = 50;
  int cells = 0, threads = 0;  ///< 0: the device's default
  std::int64_t dimension = 0;  ///< 0: the benchmark's own
  std::string model = "mlp(hidden=[100])", device = "auto";
  std::vector<std::string> protocols, attacks, defenses;  ///< empty: some of the usual ones
  int seeds = 1;                                          ///< for kappa
  std::string dataset = "auto", data_dir, out;            ///< for kappa
};

/// Prints a table on stdout. \throws UserError.
void run_bench(const BenchOptions& options);

void bench_passes(Exec& exec, const BenchOptions& options);
void bench_rules(Exec& exec, const BenchOptions& options);
void bench_round(const DeviceChoice& device, const BenchOptions& options);
void bench_kappa(const DeviceChoice& device, const BenchOptions& options);

/// The pipeline for n workers and f Byzantine ones. \throws UserError if it has no rule or its needs are not met.
Pipeline rule_pipeline(const std::string& text, int n, int f);

/// Median seconds of `work`, which is run until both `least_runs` runs and about a quarter of a second have passed,
/// after one run to warm up. Waits for the device after each.
double median_seconds(Exec& exec, const std::function<void()>& work, int least_runs = 5);

/// Bytes per second of a copy between two arrays of `bytes`, counting what is read and what is written.
double copy_bandwidth(Exec& exec, std::size_t bytes);

/// Operations per second of a single-precision 1024 × 1024 × 1024 product.
double gemm_rate(Exec& exec);

}  // namespace gauntlet
