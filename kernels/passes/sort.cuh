// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>

#include "kernels/passes/lanes.cuh"

namespace gauntlet {

/// Batcher's merge exchange (Knuth, TAOCP 3, algorithm 5.2.2 M): calls exchange(i, j), i < j, for every comparator of a
/// network that sorts n values, n of any size.
template <class Exchange>
GAUNTLET_HD constexpr void for_each_comparator(int n, Exchange&& exchange) {
  if (n < 2) return;
  int top = 1;
  while (top * 2 < n) top *= 2;
  for (int p = top; p > 0; p /= 2) {
    int q = top, r = 0, d = p;
    while (true) {
      for (int i = 0; i < n - d; ++i)
        if ((i & p) == r) exchange(i, i + d);
      if (q == p) break;
      d = q - p;
      q /= 2;
      r = p;
    }
  }
}

template <class T>
struct ExchangeIn {
  T* v;
  GAUNTLET_HD void operator()(int i, int j) const { exchange(v[i], v[j]); }
};

/// Sorts n values, n known at run time, in memory.
template <class T>
GAUNTLET_HD void sort_values(T* v, int n) {
  for_each_comparator(n, ExchangeIn<T>{v});
}

namespace sort_detail {

struct CountComparators {
  int* total;
  GAUNTLET_HD constexpr void operator()(int, int) const { ++*total; }
};

template <int N>
constexpr int comparator_count() {
  int total = 0;
  for_each_comparator(N, CountComparators{&total});
  return total;
}

template <int Count>
struct Network {
  int low[Count] = {}, high[Count] = {};
};

template <int Count>
struct RecordComparators {
  Network<Count>* network;
  int* next;
  GAUNTLET_HD constexpr void operator()(int i, int j) const {
    network->low[*next] = i;
    network->high[*next] = j;
    ++*next;
  }
};

template <int N>
constexpr auto network_for() {
  constexpr int count = comparator_count<N>();
  Network<count> network;
  int next = 0;
  for_each_comparator(N, RecordComparators<count>{&network, &next});
  return network;
}

template <int N, class T, std::size_t... I>
GAUNTLET_HD void sort_unrolled(T (&v)[N], std::index_sequence<I...>) {
  constexpr auto network = network_for<N>();
  (ExchangeIn<T>{v}(std::integral_constant<int, network.low[I]>::value,
                    std::integral_constant<int, network.high[I]>::value),
   ...);
}

}  // namespace sort_detail

/// Sorts N values in registers: every comparator is a line of straight code.
template <int N, class T>
GAUNTLET_HD void sort_registers(T (&v)[N]) {
  sort_detail::sort_unrolled<N>(v, std::make_index_sequence<sort_detail::comparator_count<N>()>{});
}

}  // namespace gauntlet
