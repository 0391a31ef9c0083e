// SPDX-License-Identifier: Apache-2.0
#include "kernels/passes/deviation.cuh"

#include <algorithm>
#include <cmath>

namespace gauntlet {

namespace {

std::vector<const float*> flatten(const std::vector<std::vector<const float*>>& tables) {
  std::vector<const float*> all;
  for (const auto& table : tables) all.insert(all.end(), table.begin(), table.end());
  return all;
}

}  // namespace

DeviationMeter::DeviationMeter(Exec& exec, const std::vector<std::vector<const float*>>& honest,
                               const std::vector<const float*>& aggregates, std::int64_t d)
    : exec_(exec),
      cells_(static_cast<int>(honest.size())),
      honest_(static_cast<int>(honest.front().size())),
      d_(d),
      means_(exec, cells_, d),
      honest_table_(exec, flatten(honest)),
      mean_rows_(exec, means_.pointers()) {
  std::vector<const float*> pairs;
  for (int c = 0; c < cells_; ++c) {
    pairs.push_back(aggregates[static_cast<std::size_t>(c)]);
    pairs.push_back(means_.row(c));
  }
  pair_table_ = Array<const float*>(exec, pairs);
  scratch_ = Array<double>(exec, gram_scratch(exec, {cells_, 2, d_, pair_table_.data()}));
  products_ = Array<double>(exec, static_cast<std::size_t>(cells_) * 4);
}

std::vector<Deviation> DeviationMeter::measure() {
  moments(exec_, {cells_, honest_, d_, honest_table_.data()}, honest_, mean_rows_.data(), nullptr);
  gram(exec_, {cells_, 2, d_, pair_table_.data()}, GramPart::full, scratch_.data(), products_.data());
  const std::vector<double> products = products_.download();
  std::vector<Deviation> result;
  for (int c = 0; c < cells_; ++c) {
    const double* g = &products[static_cast<std::size_t>(c) * 4];
    const double aggregate = std::sqrt(g[0]), mean = std::sqrt(g[3]);
    const double square = g[0] - 2 * g[1] + g[3];
    result.push_back(
        {aggregate, square > 0 || std::isnan(square) ? std::sqrt(square) : 0.0, g[1] / (aggregate * mean)});
  }
  return result;
}

std::vector<double> distances_to(Exec& exec, const std::vector<const float*>& vectors, const float* target,
                                 std::int64_t d) {
  const int count = static_cast<int>(vectors.size());
  std::vector<const float*> pairs;
  for (const float* vector : vectors) pairs.push_back(vector), pairs.push_back(target);
  const Array<const float*> table(exec, pairs);
  const Rows rows{count, 2, d, table.data()};
  Array<double> scratch(exec, gram_scratch(exec, rows)), products(exec, static_cast<std::size_t>(count) * 4);
  gram(exec, rows, GramPart::full, scratch.data(), products.data());
  const std::vector<double> host = products.download();
  std::vector<double> result;
  for (int c = 0; c < count; ++c) {
    const double* g = &host[static_cast<std::size_t>(c) * 4];
    result.push_back(std::sqrt(std::max(0.0, g[0] - 2 * g[1] + g[3])));
  }
  return result;
}

}  // namespace gauntlet
