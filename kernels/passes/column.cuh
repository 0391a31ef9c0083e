// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cfloat>
#include <type_traits>
#include <vector>

#include "kernels/exec/launch.cuh"
#include "kernels/passes/inbox.cuh"
#include "kernels/passes/sort.cuh"
#include "kernels/passes/sort_lanes.hpp"

namespace gauntlet {

/// Most messages that a column rule can take.
inline constexpr int column_limit = 256;

/// The n values of one coordinate, sorted if the rule asked for it. `Bound` is a compile-time bound on n when the
/// values live in registers (every loop is unrolled and guarded, since registers have no addresses), 0 when they lie
/// in memory.
template <class T, int Bound>
struct Column {
  using Number = T;
  const T* v;
  int n;

  GAUNTLET_HD T at(int i) const {
    if constexpr (Bound == 0) return v[i];
    T found = v[0];
#pragma unroll
    for (int k = 1; k < Bound; ++k)
      if (k == i) found = v[k];
    return found;
  }

  /// Σ of the values [from, to).
  GAUNTLET_HD T sum(int from, int to) const {
    T total(0.0f);
    if constexpr (Bound == 0) {
      for (int k = from; k < to; ++k) total = total + v[k];
    } else {
#pragma unroll
      for (int k = 0; k < Bound; ++k)
        if (k >= from && k < to) total = total + v[k];
    }
    return total;
  }

  /// Σ of the signs of all values.
  GAUNTLET_HD T sum_of_signs() const {
    T total(0.0f);
    if constexpr (Bound == 0) {
      for (int k = 0; k < n; ++k) total = total + sign_of(v[k]);
    } else {
#pragma unroll
      for (int k = 0; k < Bound; ++k)
        if (k < n) total = total + sign_of(v[k]);
    }
    return total;
  }
};

/// The mean of the `keep` of a sorted column's values that are nearest to `center`. They are a run of neighbors, which
/// moves up as long as the value beyond its end is nearer than its first. So of the values s, s + keep, s + 2 keep, …
/// it holds exactly one, and those from n − keep to keep − 1 always. Where runs are equally near, as with messages of
/// signs, it is the mean of the lowest and the highest: no side is preferred.
template <class Values>
GAUNTLET_HD typename Values::Number mean_nearest(const Values& column, typename Values::Number center, int keep) {
  using T = typename Values::Number;
  const int latest = column.n - keep;
  T total = column.sum(latest, keep);
  for (int first = 0; first < latest && first < keep; ++first) {
    T value = column.at(first), here = value;
    for (int s = first; s < latest; s += keep) {
      const T next = column.at(s + keep);
      value = of_nearer(center - here, next - center, value, next);
      here = next;
    }
    total = total + value;
  }
  return total / T(static_cast<float>(keep));
}

/// What a message is made of: one base row as it is, the same as the message before, or a mixture.
enum : int { message_same = -1, message_mixed = -2 };

/// Finds out which, so that plain rows are read once and the equal messages of f attackers are computed once.
GAUNTLET_HD inline int classify_message(const double* mixing, int m, int i) {
  const double* row = mixing + static_cast<std::int64_t>(i) * m;
  if (i > 0) {
    bool same = true;
    for (int p = 0; p < m && same; ++p) same = row[p] == row[p - m];
    if (same) return message_same;
  }
  int found = message_mixed;
  for (int p = 0; p < m; ++p) {
    if (row[p] == 0) continue;
    if (row[p] != 1 || found != message_mixed) return message_mixed;
    found = p;
  }
  return found;
}

namespace detail {

/// The reducer for an inbox from which so many are absent.
template <class Reducer>
GAUNTLET_HD auto reducer_without(const Reducer& reducer, int absent) -> decltype(reducer.without(absent)) {
  return reducer.without(absent);
}
template <class Reducer, class... Otherwise>
GAUNTLET_HD const Reducer& reducer_without(const Reducer& reducer, int, Otherwise...) {
  return reducer;
}

/// The largest magnitude among sorted values, of which sums and differences do not overflow.
inline constexpr float safe_magnitude = 0x1p118f;

template <class Values>
GAUNTLET_HD typename Values::Number magnitude_of(const Values& sorted) {
  return upper(typename Values::Number(0.0f) - sorted.at(0), sorted.at(sorted.n - 1));
}

/// The reducer's output for n values, which it may change. Sorted ones beyond the safe magnitude are scaled by a power
/// of two, which changes no digit, and the output is scaled back; rounding does not take it beyond the largest float.
template <int Bound, class Reducer, class T>
GAUNTLET_HD T reduce_values(const Reducer& reducer, T* v, int n) {
  const Column<T, Bound> column{v, n};
  T scale(1.0f);
  bool scaled = false;
  if constexpr (Reducer::sorted) {
    const T magnitude = magnitude_of(column), safe(safe_magnitude);
    scaled = any_above(magnitude, safe);
    if (scaled) {
      scale = if_not_above(magnitude, safe, scale, T(0x1p-9f));
#pragma unroll
      for (int i = 0; i < (Bound > 0 ? Bound : n); ++i) v[i] = v[i] * scale;
    }
  }
  const T result = reducer(column);
  if (!scaled) return result;
  const T most(FLT_MAX), least(-FLT_MAX), full = result / scale, finite = lower(upper(full, least), most);
  return if_not_above(result, most, if_not_above(least, result, finite, full), full);
}

/// Reads one coordinate of the messages of one inbox, which `kinds` has classified.
struct MessageReader {
  const float* const* table;
  const int* kinds;
  const double* mixing;  ///< n × m, or null when every message is a base row
  const float* staged;   ///< the same as floats in fast memory, or null
  int m;

  /// The value of message i, given that of message i − 1.
  GAUNTLET_HD float operator()(int i, std::int64_t k, float previous) const {
    const int kind = kinds[i];
    if (kind >= 0) return table[kind][k];
    if (kind == message_same) return previous;
    float value = 0;
    for (int p = 0; p < m; ++p) {
      const float w = staged != nullptr ? staged[i * m + p] : static_cast<float>(mixing[std::int64_t{i} * m + p]);
      if (w != 0) value += w * table[p][k];
    }
    return value;
  }
};

/// One coordinate by one thread. Unless Bound is column_limit the messages stay in registers.
template <class Reducer, int Bound>
GAUNTLET_HD float reduce_column(const MessageReader& read, int n, std::int64_t k, const Reducer& reducer) {
  float v[Bound], previous = 0;
  if constexpr (Bound < column_limit) {
#pragma unroll
    for (int i = 0; i < Bound; ++i) {
      previous = i < n ? read(i, k, previous) : INFINITY;
      v[i] = Reducer::sorted ? without_nan(previous) : previous;
    }
    if constexpr (Reducer::sorted) sort_registers<Bound>(v);
    return reduce_values<Bound>(reducer, v, n);
  } else {
    for (int i = 0; i < n; ++i) {
      previous = read(i, k, previous);
      v[i] = Reducer::sorted ? without_nan(previous) : previous;
    }
    if constexpr (Reducer::sorted) sort_values(v, n);
    return reduce_values<0>(reducer, v, n);
  }
}

/// Calls action(std::integral_constant<int, Bound>) with the first of the bounds that holds n messages. Every bound is
/// a kernel of its own and takes seconds to compile.
template <int... Bounds, class Action>
void with_bound(int n, Action action) {
  bool done = false;
  ((done || n > Bounds ? void() : (done = true, action(std::integral_constant<int, Bounds>{}))), ...);
}

#if GAUNTLET_CUDA
constexpr int column_threads = 128;
constexpr std::size_t staged_limit = 47 * 1024;  ///< bytes of mixing kept in shared memory; more is read through L1

/// Shared memory of one block: the mixing as floats if it is small enough, and what each message is made of.
inline std::size_t column_shared_bytes(int n, int m, bool mixed) {
  const std::size_t mixing = mixed ? sizeof(float) * n * m : 0;
  return (mixing <= staged_limit - sizeof(int) * column_limit ? mixing : 0) + sizeof(int) * n;
}

/// Fills the block's shared memory for one mixing; every thread must call it.
inline __device__ MessageReader stage_messages(float* shared, const float* const* table, const double* mixing, int n,
                                               int m) {
  const bool fits = mixing != nullptr && sizeof(float) * n * m <= staged_limit - sizeof(int) * column_limit;
  int* kinds = reinterpret_cast<int*>(shared + (fits ? n * m : 0));
  __syncthreads();
  if (fits)
    for (int i = threadIdx.x; i < n * m; i += blockDim.x) shared[i] = static_cast<float>(mixing[i]);
  for (int i = threadIdx.x; i < n; i += blockDim.x) kinds[i] = mixing == nullptr ? i : classify_message(mixing, m, i);
  __syncthreads();
  return {table, kinds, mixing, fits ? shared : nullptr, m};
}

template <class Reducer, int Bound>
__global__ void __launch_bounds__(column_threads) column_kernel(Inboxes inboxes, Reducer reducer, float* const* out) {
  GAUNTLET_DYNAMIC_SHARED(float, shared);
  const int c = blockIdx.y, m = inboxes.base.m, n = inboxes.messages(c);
  const double* mixing = inboxes.mixing == nullptr ? nullptr : inboxes.mixing + std::int64_t{c} * inboxes.n * m;
  const MessageReader read = stage_messages(shared, inboxes.base.of(c), mixing, n, m);
  const std::int64_t k = std::int64_t{blockIdx.x} * column_threads + threadIdx.x;
  if (k >= inboxes.base.d) return;
  out[c][k] = reduce_column<Reducer, Bound>(read, n, k, reducer_without(reducer, inboxes.absent(c)));
}
#endif

/// Σ_p weights[p] x_p in `lane_count` neighboring coordinates.
inline Lanes mix_lanes(const float* const* table, const double* weights, int m, std::int64_t k) {
  Lanes value(0.0f);
  for (int p = 0; p < m; ++p)
    if (const auto w = static_cast<float>(weights[p]); w != 0) value = value + Lanes(w) * Lanes::load(table[p] + k);
  return value;
}

/// Message i of the inbox in `lane_count` neighboring coordinates, given message i − 1.
inline Lanes read_lanes(const float* const* table, const double* mixing, int m, int kind, int i, std::int64_t k,
                        const Lanes* v) {
  if (kind >= 0) return Lanes::load(table[kind] + k);
  if (kind == message_same) return v[i - 1];
  return mix_lanes(table, mixing + std::int64_t{i} * m, m, k);
}

inline std::vector<int> classify_messages(const double* mixing, int n, int m) {
  std::vector<int> kinds(static_cast<std::size_t>(n));
  for (int i = 0; i < n; ++i)
    kinds[static_cast<std::size_t>(i)] = mixing == nullptr ? i : classify_message(mixing, m, i);
  return kinds;
}

template <class Reducer>
void column_on_cpu(const Inboxes& inboxes, const Reducer& reducer, float* const* out) {
  const int m = inboxes.base.m;
  Lanes v[column_limit];
  for (int c = 0; c < inboxes.base.count; ++c) {
    const int n = inboxes.messages(c);
    const Reducer own = reducer_without(reducer, inboxes.absent(c));
    const float* const* table = inboxes.base.of(c);
    const double* mixing = inboxes.mixing == nullptr ? nullptr : inboxes.mixing + std::int64_t{c} * inboxes.n * m;
    const std::vector<int> kinds = classify_messages(mixing, n, m);
    for (std::int64_t k = 0; k < inboxes.base.d; k += lane_count) {
      for (int i = 0; i < n; ++i) {
        const Lanes value = read_lanes(table, mixing, m, kinds[static_cast<std::size_t>(i)], i, k, v);
        v[i] = Reducer::sorted ? without_nan(value) : value;
      }
      if constexpr (Reducer::sorted) sort_lanes(v, n);
      const Lanes result = reduce_values<0>(own, v, n);
      if (k + lane_count <= inboxes.base.d) {
        result.store(out[c] + k);
      } else {
        float last[lane_count];
        result.store(last);
        std::copy(last, last + (inboxes.base.d - k), out[c] + k);
      }
    }
  }
}

}  // namespace detail

/// out[c][k] = reducer(column k of inbox c) for every coordinate. A reducer has `static constexpr bool sorted` and a
/// `template <class Values> GAUNTLET_HD typename Values::Number operator()(const Values&) const`, where Values is a
/// Column or looks like one; where it counts on so many Byzantine messages also a `GAUNTLET_HD Reducer without(int
/// absent) const` for inboxes from which some of them are absent. Values come in message order, or sorted with NaN
/// last; of sorted ones the output must scale with them, and sums of all of them do not overflow. At most column_limit
/// messages. One pass: m·d floats read, d written.
template <class Reducer>
void reduce_columns(Exec& exec, const Inboxes& inboxes, const Reducer& reducer, float* const* out) {
#if GAUNTLET_CUDA
  if (exec.cuda()) {
    const Rows& base = inboxes.base;
    const std::size_t shared = detail::column_shared_bytes(inboxes.n, base.m, inboxes.mixing != nullptr);
    const dim3 grid(static_cast<unsigned>((base.d + detail::column_threads - 1) / detail::column_threads),
                    static_cast<unsigned>(base.count));
    detail::with_bound<13, 20, 32, column_limit>(inboxes.n, [&](auto bound) {
      launch(exec, "column", {grid, detail::column_threads, shared},
             detail::column_kernel<Reducer, decltype(bound)::value>, inboxes, reducer, out);
    });
    return;
  }
#endif
  (void)exec;
  detail::column_on_cpu(inboxes, reducer, out);
}

}  // namespace gauntlet
