// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <numeric>
#include <vector>

/// The algebra that all naive definitions share, in double precision on plain vectors.
namespace gauntlet::reference {

using Vector = std::vector<double>;
using Matrix = std::vector<Vector>;

inline double dot(const Vector& a, const Vector& b) { return std::inner_product(a.begin(), a.end(), b.begin(), 0.0); }
inline double norm(const Vector& a) { return std::sqrt(dot(a, a)); }
/// a + factor · b
inline Vector add(Vector a, const Vector& b, double factor = 1) {
  for (std::size_t k = 0; k < a.size(); ++k) a[k] += factor * b[k];
  return a;
}
inline Vector scaled(const Vector& a, double factor) { return add(Vector(a.size(), 0.0), a, factor); }
inline double distance(const Vector& a, const Vector& b) { return norm(add(a, b, -1)); }
inline Vector mean(const Matrix& rows) {
  Vector total(rows[0].size(), 0.0);
  for (const Vector& row : rows) total = add(total, row, 1.0 / static_cast<double>(rows.size()));
  return total;
}

inline Matrix wide(const std::vector<std::vector<float>>& rows) {
  Matrix result;
  for (const auto& row : rows) result.emplace_back(row.begin(), row.end());
  return result;
}

}  // namespace gauntlet::reference
