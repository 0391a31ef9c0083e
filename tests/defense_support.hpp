// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <random>
#include <string>
#include <vector>

#include "kernels/defenses/aggregate.cuh"
#include "kernels/defenses/pipeline.cuh"
#include "tests/reference.hpp"

/// Inboxes and comparisons for the tests of defenses.
namespace gauntlet {

using FloatMatrix = std::vector<std::vector<float>>;

/// n messages of d standard normal numbers around a common vector, of which the last f are far off in one direction.
inline FloatMatrix random_inbox(int n, int f, int d, unsigned seed, float common = 1, float far = 5) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal;
  FloatMatrix rows(static_cast<std::size_t>(n), std::vector<float>(static_cast<std::size_t>(d)));
  std::vector<float> center(static_cast<std::size_t>(d));
  for (float& value : center) value = common * normal(generator);
  for (int i = 0; i < n; ++i)
    for (int k = 0; k < d; ++k) rows[i][k] = center[k] + normal(generator) + (i >= n - f ? far : 0);
  return rows;
}

/// What stands for the server's own message wherever a test does not give one: the mean of the honest messages.
inline std::vector<float> trusted_message(const FloatMatrix& rows, int f) {
  reference::Matrix honest;
  for (auto row = rows.begin(); row != rows.end() - f; ++row) honest.emplace_back(row->begin(), row->end());
  const auto center = reference::mean(honest);
  return {center.begin(), center.end()};
}

/// The rows that a pipeline gives for these messages; `trusted` is empty or the server's own message.
inline FloatMatrix aggregate(Exec& exec, const std::string& pipeline, const FloatMatrix& rows, int f,
                             std::vector<float> trusted = {}) {
  const std::size_t d = rows[0].size();
  if (trusted.empty()) trusted = trusted_message(rows, f);
  std::vector<float> flat;
  for (const auto& row : rows) flat.insert(flat.end(), row.begin(), row.end());
  const auto out = aggregate_rows(exec, pipeline, f, static_cast<int>(rows.size()), static_cast<std::int64_t>(d),
                                  flat.data(), trusted.data());
  FloatMatrix result;
  for (std::size_t first = 0; first < out.size(); first += d)
    result.emplace_back(out.begin() + static_cast<std::ptrdiff_t>(first),
                        out.begin() + static_cast<std::ptrdiff_t>(first + d));
  return result;
}

/// The same by the naive definitions.
inline reference::Matrix expected(const std::string& pipeline, const FloatMatrix& rows, int f) {
  reference::Matrix raw, x;
  for (const auto& row : rows) raw.emplace_back(row.begin(), row.end());
  x = raw;
  for (const auto& text : parse_pipeline(pipeline)) {
    const auto& entry = Registry<Stage>::find(text.name, "defense");
    if (entry.role == "meta-aggregator") {
      reference::Matrix with_anchor = raw;
      with_anchor.push_back(x[0]);
      x = std::move(with_anchor);
    }
    const int n = static_cast<int>(x.size());
    const Arguments arguments(entry.name, entry.parameters, text, n, f);
    const auto stage = entry.create(text, n, f);
    if (stage->as_gram_rule() != nullptr && stage->as_gram_rule()->memory_row() == MemoryRow::trusted) {
      const auto trusted = trusted_message(rows, f);
      x.emplace_back(trusted.begin(), trusted.end());
    }
    x = reference::stages().at(entry.name)(x, f, arguments);
  }
  return x;
}

/// max |got − want| / max(1, max |want|); infinite where the shapes differ or a number is not finite.
template <class Matrix>
double relative_error(const FloatMatrix& got, const Matrix& want) {
  if (got.size() != want.size()) return INFINITY;
  double error = 0, scale = 1;
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (got[i].size() != want[i].size()) return INFINITY;
    for (std::size_t k = 0; k < got[i].size(); ++k) {
      const double gap = std::abs(static_cast<double>(got[i][k]) - static_cast<double>(want[i][k]));
      if (!(gap <= error)) error = std::isfinite(gap) ? gap : INFINITY;
      scale = std::max(scale, std::abs(static_cast<double>(want[i][k])));
    }
  }
  return error / scale;
}

}  // namespace gauntlet
