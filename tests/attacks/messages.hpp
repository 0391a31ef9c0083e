// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <vector>

#include "tests/reference/attacks.hpp"
#include "tests/trial.hpp"

/// What the tests of attacks do with the messages sent.
namespace gauntlet::reference {

inline bool same(double got, double want, double scale, double tolerance) {
  if (std::isnan(want)) return std::isnan(got);
  return got == want || std::abs(got - want) <= tolerance * scale;
}

/// Every value within `tolerance` of the greatest magnitude wanted (at least 1).
inline void check_close(const std::vector<float>& got, const Matrix& want, double tolerance) {
  double scale = 1;
  std::size_t count = 0;
  for (const Vector& row : want)
    for (const double v : row) {
      ++count;
      if (std::isfinite(v)) scale = std::max(scale, std::abs(v));
    }
  REQUIRE(got.size() == count);
  std::size_t i = 0, worst = count;
  for (const Vector& row : want)
    for (const double v : row) {
      if (!same(got[i], v, scale, tolerance) && worst == count) worst = i;
      ++i;
    }
  INFO("first difference at value " << worst);
  CHECK(worst == count);
}

inline Matrix repeated(const Vector& message, int f) { return Matrix(static_cast<std::size_t>(f), message); }

inline Matrix honest_of(const Matrix& rows, int f) { return Matrix(rows.begin(), rows.end() - f); }

inline std::vector<float> stacked(const std::vector<Matrix>& cells) {
  std::vector<float> values;
  for (const Matrix& rows : cells) {
    const std::vector<float> one = flat(rows);
    values.insert(values.end(), one.begin(), one.end());
  }
  return values;
}

inline Vector message(const std::vector<float>& sent, int d, int b = 0) {
  return Vector(sent.begin() + b * d, sent.begin() + (b + 1) * d);
}

}  // namespace gauntlet::reference
