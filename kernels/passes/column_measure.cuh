// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <vector>

#include "kernels/passes/inbox_trial.cuh"

/// What an attacker learns of a column rule by trying: the rule is applied to many variants of each inbox, and only its
/// distance from a reference is kept.
namespace gauntlet {

namespace detail {

#if GAUNTLET_CUDA
/// One block: 128 coordinates of the sample, all variants. Writes the block's part of both sums of each variant.
template <class Reducer, int Bound>
__global__ void __launch_bounds__(column_threads) measure_kernel(ColumnTrial trial, Reducer reducer, double* partial) {
  GAUNTLET_DYNAMIC_SHARED(float, shared);
  const int c = blockIdx.y, m = trial.views.base.m;
  const float* const* table = trial.views.base.of(c * trial.variants);
  const std::int64_t looked_at = std::int64_t{blockIdx.x} * column_threads + threadIdx.x;
  const ColumnSample sample = trial.sample();
  const std::int64_t k = sample.first(looked_at / lane_count) + looked_at % lane_count;
  const bool inside = looked_at / lane_count < sample.packets() && k < trial.views.base.d;
  const Reducer own = reducer_without(reducer, trial.views.absent(std::int64_t{c} * trial.variants));
  double point = 0, along = 0;
  if (inside) {
    for (int p = 0; p < m; ++p) {
      const double w = trial.reference[std::int64_t{c} * m + p];
      if (w != 0) point += w * table[p][k];
    }
    if (trial.direction >= 0) along = table[trial.direction][k];
  }
  Team team;
  for (int v = 0; v < trial.variants; ++v) {
    const std::int64_t index = std::int64_t{c} * trial.variants + v;
    const int n = trial.views.messages(index);
    const double* mixing = trial.views.mixing + index * trial.views.n * m;
    const MessageReader read = stage_messages(shared, table, mixing, n, m);
    const double gap = inside ? reduce_column<Reducer, Bound>(read, n, k, own) - point : 0;
    const double square = team.sum(static_cast<int>(blockDim.x), [=](int) { return gap * gap; });
    const double projection = team.sum(static_cast<int>(blockDim.x), [=](int) { return gap * along; });
    if (threadIdx.x == 0) {
      double* out = partial + (index * gridDim.x + blockIdx.x) * 2;
      out[0] = square;
      out[1] = projection;
    }
  }
}
#endif

/// Adds the blocks' parts in order.
struct ReduceMeasure {
  const double* partial;
  int blocks;
  double weight;  ///< of the sample
  double* outcome;

  GAUNTLET_HD void operator()(std::int64_t index) const {
    const std::int64_t problem = index / 2, which = index % 2;
    double total = 0;
    for (int b = 0; b < blocks; ++b) total += partial[(problem * blocks + b) * 2 + which];
    outcome[index] = total * weight;
  }
};

/// Packets whose squares are added up in floats before they enter a double.
inline constexpr int float_run = 16;

/// Σ gap² and Σ gap · along of one variant.
struct MeasureSums {
  Lanes square{0.0f}, projection{0.0f};  ///< of the run
  double total[2] = {0, 0};

  void end_run() {
    float squares[lane_count], projections[lane_count];
    square.store(squares), projection.store(projections);
    for (int l = 0; l < lane_count; ++l) total[0] += squares[l], total[1] += projections[l];
    square = projection = Lanes(0.0f);
  }
};

template <class Reducer>
void measure_on_cpu(const ColumnTrial& trial, const Reducer& reducer, double* outcome) {
  const ColumnSample sample = trial.sample();
  const int m = trial.views.base.m;
  for (int c = 0; c < trial.inboxes(); ++c) {
    const float* const* table = trial.views.base.of(c * trial.variants);
    const double* reference = trial.reference + std::int64_t{c} * m;
    InboxTrial<Reducer> variants(trial, reducer, c);
    std::vector<MeasureSums> sums(static_cast<std::size_t>(trial.variants));
    // Beyond d all rows are zero, and so is the gap.
    for (std::int64_t run = 0; run < sample.packets(); run += float_run) {
      for (std::int64_t j = run; j < std::min(sample.packets(), run + float_run); ++j) {
        const std::int64_t k = sample.first(j);
        const Lanes point = mix_lanes(table, reference, m, k);
        const Lanes along = trial.direction >= 0 ? Lanes::load(table[trial.direction] + k) : Lanes(0.0f);
        variants(k, [&](int t, const Lanes& result) {
          MeasureSums& sum = sums[static_cast<std::size_t>(t)];
          const Lanes gap = result - point;
          sum.square = sum.square + gap * gap;
          sum.projection = sum.projection + gap * along;
        });
      }
      for (MeasureSums& sum : sums) sum.end_run();
    }
    for (const MeasureSums& sum : sums)
      for (const double total : sum.total) *outcome++ = total * sample.weight();
  }
}

}  // namespace detail

namespace detail {

/// Blocks of 128 coordinates.
inline std::int64_t measure_blocks(const ColumnTrial& trial) {
  return (trial.sample().packets() * lane_count + 127) / 128;
}

}  // namespace detail

/// Doubles of scratch that measure_columns needs.
inline std::size_t measure_scratch(const Exec& exec, const ColumnTrial& trial) {
  if (!exec.cuda()) return 0;
  return static_cast<std::size_t>(trial.inboxes() * detail::measure_blocks(trial)) * trial.variants * 2;
}

/// outcome[c][v] = {‖reducer(variant v of inbox c) − point‖², ⟨reducer(…) − point, direction row⟩}, in double. Without
/// a direction and with d of 16,384 and more the square is estimated from a sample of 8,192 coordinates or more, the
/// same for all variants. The base rows are read from memory once for all variants and nothing of size d is written.
template <class Reducer>
void measure_columns(Exec& exec, const ColumnTrial& trial, const Reducer& reducer, double* scratch, double* outcome) {
#if GAUNTLET_CUDA
  if (exec.cuda()) {
    const int blocks = static_cast<int>(detail::measure_blocks(trial));
    const dim3 grid(static_cast<unsigned>(blocks), static_cast<unsigned>(trial.inboxes()));
    const std::size_t shared = detail::column_shared_bytes(trial.views.n, trial.views.base.m, true);
    detail::with_bound<20, column_limit>(trial.views.n, [&](auto bound) {
      launch(exec, "measure columns", {grid, detail::column_threads, shared},
             detail::measure_kernel<Reducer, decltype(bound)::value>, trial, reducer, scratch);
    });
    parallel_for(exec, "measure blocks", std::int64_t{trial.views.base.count} * 2,
                 detail::ReduceMeasure{scratch, blocks, trial.sample().weight(), outcome});
    return;
  }
#endif
  (void)exec, (void)scratch;
  detail::measure_on_cpu(trial, reducer, outcome);
}

}  // namespace gauntlet
