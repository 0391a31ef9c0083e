// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "tests/reference/algebra.hpp"

/// Messages for the tests of defenses, and comparisons of what becomes of them.
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
  const auto center = reference::mean(reference::wide({rows.begin(), rows.end() - f}));
  return {center.begin(), center.end()};
}

/// The messages one after the other.
inline std::vector<float> flat(const FloatMatrix& rows) {
  std::vector<float> values;
  for (const auto& row : rows) values.insert(values.end(), row.begin(), row.end());
  return values;
}

/// The other way round: rows of d numbers.
inline FloatMatrix rows_of(const std::vector<float>& values, int d) {
  FloatMatrix rows;
  for (auto at = values.begin(); at != values.end(); at += d) rows.emplace_back(at, at + d);
  return rows;
}

/// The inbox with every message moved by the same vector.
inline FloatMatrix moved(FloatMatrix rows, float step = 0.25f) {
  for (auto& row : rows)
    for (std::size_t k = 0; k < row.size(); ++k) row[k] += step * static_cast<float>(k);
  return rows;
}

inline FloatMatrix grown(FloatMatrix rows, float factor) {
  for (auto& row : rows)
    for (float& value : row) value *= factor;
  return rows;
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
