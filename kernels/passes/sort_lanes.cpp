// SPDX-License-Identifier: Apache-2.0
#include "kernels/passes/sort_lanes.hpp"

#include <array>

#include "kernels/passes/sort.cuh"

namespace gauntlet {
namespace {

constexpr int most_unrolled = 32;

template <int N>
void sort_unrolled(Lanes* memory) {
  Lanes v[N];
  for (int i = 0; i < N; ++i) v[i] = memory[i];
  sort_registers<N>(v);
  for (int i = 0; i < N; ++i) memory[i] = v[i];
}

template <std::size_t... N>
constexpr auto unrolled_sorts(std::index_sequence<N...>) {
  return std::array{&sort_unrolled<static_cast<int>(N) + 2>...};
}

}  // namespace

void sort_lanes(Lanes* v, int n) {
  static constexpr auto sorts = unrolled_sorts(std::make_index_sequence<most_unrolled - 1>());
  if (n > most_unrolled)
    sort_values(v, n);
  else if (n > 1)
    sorts[static_cast<std::size_t>(n - 2)](v);
}

}  // namespace gauntlet
