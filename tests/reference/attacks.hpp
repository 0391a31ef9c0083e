// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "tests/reference/algebra.hpp"

/// The attacks written from their definitions in double precision, one coordinate after the other, with no thought of
/// speed: what the kernels are compared with.
namespace gauntlet::reference {

inline Vector operator*(double a, Vector x) {
  for (double& v : x) v *= a;
  return x;
}
inline Vector operator+(Vector x, const Vector& y) {
  for (std::size_t k = 0; k < x.size(); ++k) x[k] += y[k];
  return x;
}
inline Vector operator-(const Vector& x, const Vector& y) { return x + -1.0 * y; }

inline Vector deviation(const Matrix& rows) {
  const Vector center = mean(rows);
  Vector result(center.size());
  if (rows.size() < 2) return result;
  for (std::size_t k = 0; k < result.size(); ++k) {
    for (const Vector& row : rows) result[k] += (row[k] - center[k]) * (row[k] - center[k]);
    result[k] = std::sqrt(result[k] / static_cast<double>(rows.size() - 1));
  }
  return result;
}

inline Vector alie(const Matrix& honest, double z) { return mean(honest) - z * deviation(honest); }

/// The quantile of the normal distribution by Newton's method.
inline double normal_quantile(double share) {
  double z = 0;
  for (int i = 0; i < 100; ++i)
    z -= (0.5 * std::erfc(-z / std::sqrt(2.0)) - share) / (std::exp(-z * z / 2) / std::sqrt(2 * std::acos(-1.0)));
  return z;
}

inline std::size_t widest_coordinate(const Matrix& honest) {
  const Vector spread = deviation(honest);
  return static_cast<std::size_t>(std::max_element(spread.begin(), spread.end()) - spread.begin());
}

inline Vector finite_norm(const Matrix& honest, std::size_t coordinate, double gamma) {
  Vector b = mean(honest);
  b[coordinate] += gamma;
  return b;
}

inline Vector infinite_norm(const Matrix& honest, double gamma) {
  Vector b = mean(honest);
  for (double& v : b) v += gamma;
  return b;
}

/// −sign(mu)∘sigma/|sigma|
inline Vector seesaw_direction(const Matrix& honest) {
  const Vector mu = mean(honest), sigma = deviation(honest);
  Vector u(mu.size());
  for (std::size_t k = 0; k < u.size(); ++k) u[k] = (mu[k] > 0 ? -1 : mu[k] < 0 ? 1 : 0) * sigma[k];
  return 1 / norm(sigma) * u;
}

inline Vector seesaw_norm(const Matrix& honest, double z) {
  const Vector mu = mean(honest), u = seesaw_direction(honest);
  const double budget = z * norm(deviation(honest)), length = norm(mu);
  const Vector v = u - dot(u, mu) / (length * length) * mu;
  const double theta = budget < 2 * length ? 2 * std::asin(budget / (2 * length)) : std::acos(-1.0);
  return std::cos(theta) * mu + length * std::sin(theta) / norm(v) * v;
}

inline Vector seesaw_end(const Matrix& honest, double z) {
  return mean(honest) + z * norm(deviation(honest)) * seesaw_direction(honest);
}

/// The largest gamma of b = mu + gamma p within every honest distance (min-max) by bisection.
inline double largest_distance(const Matrix& honest, const Vector& b) {
  double most = 0;
  for (const Vector& row : honest) most = std::max(most, norm(b - row));
  return most;
}

inline double total_distance2(const Matrix& honest, const Vector& b) {
  double total = 0;
  for (const Vector& row : honest) total += dot(b - row, b - row);
  return total;
}

/// Honest messages around a common vector, and own messages of the attackers: float values, so that the kernels see the
/// same.
inline Matrix random_rows(std::uint64_t seed, int n, std::int64_t d, double common = 1, double spread = 1) {
  std::mt19937_64 engine(seed);
  std::normal_distribution<double> normal;
  Vector center(static_cast<std::size_t>(d));
  for (double& v : center) v = common * normal(engine);
  Matrix rows(static_cast<std::size_t>(n), center);
  for (Vector& row : rows)
    for (double& v : row) v = static_cast<float>(v + spread * normal(engine) * (1 + 0.5 * normal(engine)));
  return rows;
}

inline std::vector<float> flat(const Matrix& rows) {
  std::vector<float> values;
  for (const Vector& row : rows)
    for (const double v : row) values.push_back(static_cast<float>(v));
  return values;
}

}  // namespace gauntlet::reference
