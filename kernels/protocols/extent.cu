// SPDX-License-Identifier: Apache-2.0
#include "kernels/protocols/extent.cuh"

#include <algorithm>
#include <cmath>

#include "kernels/exec/launch.cuh"
#include "kernels/passes/passes.cuh"

namespace gauntlet {

namespace {

constexpr int edge_parts = 64;

/// The longest edge among every edge_parts-th coordinate.
struct LongestEdge {
  Rows rows;
  float* longest;  ///< [count][edge_parts]

  GAUNTLET_HD void operator()(std::int64_t index) const {
    const float* const* table = rows.of(static_cast<int>(index / edge_parts));
    float most = 0;
    for (std::int64_t k = index % edge_parts; k < rows.d; k += edge_parts) {
      float low = table[0][k], high = low;
      for (int i = 1; i < rows.m; ++i) {
        const float x = table[i][k];
        low = x < low ? x : low, high = x > high ? x : high;
      }
      most = high - low > most ? high - low : most;
    }
    longest[index] = most;
  }
};

}  // namespace

std::vector<Extent> extents(Exec& exec, const std::vector<std::vector<const float*>>& groups, std::int64_t d) {
  std::vector<const float*> table;
  for (const auto& group : groups) table.insert(table.end(), group.begin(), group.end());
  const std::size_t m = groups.empty() ? 0 : groups.front().size();
  const Array<const float*> pointers(exec, table);
  const Rows rows{static_cast<int>(groups.size()), static_cast<int>(m), d, pointers.data()};
  Array<double> scratch(exec, gram_scratch(exec, rows)), products(exec, groups.size() * m * m);
  Array<float> edges(exec, groups.size() * edge_parts);
  gram(exec, rows, GramPart::full, scratch.data(), products.data());
  parallel_for(exec, "longest edge", static_cast<std::int64_t>(edges.size()), LongestEdge{rows, edges.data()});
  const std::vector<double> g = products.download();
  const std::vector<float> e = edges.download();
  std::vector<Extent> all;
  for (std::size_t c = 0; c < groups.size(); ++c) {
    Extent extent;
    const double* own = g.data() + c * m * m;
    double squares = 0, sum = 0, widest = 0;
    for (std::size_t i = 0; i < m; ++i) {
      squares += own[i * m + i];
      for (std::size_t j = 0; j < m; ++j) {
        sum += own[i * m + j];
        widest = std::max(widest, own[i * m + i] + own[j * m + j] - 2 * own[i * m + j]);
      }
    }
    extent.diameter = std::sqrt(widest);
    extent.edge = *std::max_element(e.begin() + static_cast<std::ptrdiff_t>(c * edge_parts),
                                    e.begin() + static_cast<std::ptrdiff_t>((c + 1) * edge_parts));
    const double count = static_cast<double>(m);
    extent.variance = std::max(0.0, squares / count - sum / count / count);
    if (!std::isfinite(squares)) extent = {NAN, NAN, NAN};
    all.push_back(extent);
  }
  return all;
}

}  // namespace gauntlet
