// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <limits>

#include "tests/reference/definition.hpp"

/// Rules that look for the direction in which the messages spread most.
namespace gauntlet::reference {

/// Eigenvalues (the diagonal left in a) and eigenvectors (columns) of a symmetric matrix, by cyclic Jacobi rotations.
inline Matrix diagonalize(Matrix& a) {
  const std::size_t n = a.size();
  Matrix v(n, Vector(n, 0.0));
  for (std::size_t i = 0; i < n; ++i) v[i][i] = 1;
  for (int sweep = 0; sweep < 30; ++sweep) {
    double off = 0, on = 0;
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < n; ++j) (i == j ? on : off) += a[i][j] * a[i][j];
    if (off <= 1e-26 * on) break;
    for (std::size_t p = 0; p + 1 < n; ++p)
      for (std::size_t q = p + 1; q < n; ++q) {
        if (std::abs(a[p][q]) < 1e-300) continue;
        const double angle = std::atan2(2 * a[p][q], a[q][q] - a[p][p]) / 2, c = std::cos(angle), s = std::sin(angle);
        for (std::size_t k = 0; k < n; ++k) {
          const double left = a[k][p], right = a[k][q];
          a[k][p] = c * left - s * right, a[k][q] = s * left + c * right;
        }
        for (std::size_t k = 0; k < n; ++k) {
          const double left = a[p][k], right = a[q][k];
          a[p][k] = c * left - s * right, a[q][k] = s * left + c * right;
        }
        for (std::size_t k = 0; k < n; ++k) {
          const double left = v[k][p], right = v[k][q];
          v[k][p] = c * left - s * right, v[k][q] = s * left + c * right;
        }
      }
  }
  return v;
}

/// The weighted mean, and the leading eigenpair of the weighted covariance.
struct Spread {
  Vector mean, direction;
  double value = 0;
};

inline Spread spread(const Matrix& x, const Vector& c) {
  const std::size_t n = x.size();
  const double total = std::accumulate(c.begin(), c.end(), 0.0);
  Spread result;
  result.mean = Vector(x[0].size(), 0.0);
  for (std::size_t i = 0; i < n; ++i) result.mean = add(result.mean, x[i], c[i] / total);
  Matrix rows, products(n, Vector(n));
  for (std::size_t i = 0; i < n; ++i) rows.push_back(scaled(add(x[i], result.mean, -1), std::sqrt(c[i] / total)));
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j) products[i][j] = dot(rows[i], rows[j]);
  const Matrix vectors = diagonalize(products);
  std::size_t top = 0;
  for (std::size_t i = 0; i < n; ++i)
    if (products[i][i] > products[top][top]) top = i;
  result.value = products[top][top];
  result.direction = Vector(x[0].size(), 0.0);
  for (std::size_t i = 0; i < n; ++i) result.direction = add(result.direction, rows[i], vectors[i][top]);
  return result;
}

/// spread(), by the d × d covariance where that is the smaller matrix.
inline Spread leading_direction(const Matrix& x, const Vector& c) {
  const std::size_t n = x.size(), d = x[0].size();
  if (n <= d) return spread(x, c);
  const double total = std::accumulate(c.begin(), c.end(), 0.0);
  Spread result;
  result.mean = Vector(d, 0.0);
  for (std::size_t i = 0; i < n; ++i) result.mean = add(result.mean, x[i], c[i] / total);
  Matrix covariance(d, Vector(d, 0.0));
  for (std::size_t i = 0; i < n; ++i) {
    const Vector gap = add(x[i], result.mean, -1);
    for (std::size_t k = 0; k < d; ++k) covariance[k] = add(covariance[k], gap, c[i] * gap[k] / total);
  }
  const Matrix vectors = diagonalize(covariance);
  std::size_t top = 0;
  for (std::size_t k = 0; k < d; ++k)
    if (covariance[k][k] > covariance[top][top]) top = k;
  result.value = covariance[top][top];
  for (std::size_t k = 0; k < d; ++k) result.direction.push_back(vectors[k][top]);
  return result;
}

inline Vector least_eigenvalue(const Matrix& x, int keep) {
  Vector answer;
  double best = INFINITY;
  for_subsets(static_cast<int>(x.size()), keep, [&](const std::vector<int>& subset) {
    Matrix rows;
    for (int i : subset) rows.push_back(x[i]);
    const Spread now = spread(rows, Vector(rows.size(), 1.0));
    if (now.value < best) best = now.value, answer = now.mean;
  });
  return answer;
}

/// The definition to the letter for that many passes, then many small passes at a time, as the rule documents. Counts
/// the passes.
inline Vector covariance_filter(const Matrix& x, int f, int single_passes = 2000, int* count = nullptr) {
  const std::size_t n = x.size();
  Vector c(n, 1.0), answer = mean(x);
  double best = INFINITY;
  for (int pass = 0;; ++pass) {
    if (count != nullptr) *count = pass;
    const double surplus = std::accumulate(c.begin(), c.end(), 0.0) - (static_cast<double>(n) - 2 * f);
    if (surplus <= 0) return answer;
    const Spread now = leading_direction(x, c);
    if (now.value < best) best = now.value, answer = now.mean;
    Vector tau, loss;
    for (std::size_t i = 0; i < n; ++i) {
      tau.push_back(std::pow(dot(now.direction, add(x[i], now.mean, -1)), 2));
      loss.push_back(c[i] * tau[i]);
    }
    const double most = *std::max_element(tau.begin(), tau.end());
    double square = 0;
    for (std::size_t i = 0; i < n; ++i) square += c[i] * dot(x[i], x[i]) / (surplus + static_cast<double>(n) - 2 * f);
    if (now.value <= 1e-14 * square) return answer;  // only rounding is left
    const double by_share = 1e-3 * f * most / *std::max_element(loss.begin(), loss.end());
    const double by_surplus = surplus * most / std::accumulate(loss.begin(), loss.end(), 0.0);
    const double passes = pass < single_passes ? 1 : std::max(1.0, std::floor(std::min(by_share, by_surplus)));
    for (std::size_t i = 0; i < n; ++i) c[i] *= std::exp(passes * std::log1p(-tau[i] / most));
  }
}

/// One draw, of the coordinates that x has.
inline std::vector<int> unsuspicious(const Matrix& x, int keep) {
  const Spread now = leading_direction(x, Vector(x.size(), 1.0));
  auto kept =
      order(static_cast<int>(x.size()), [&](int i) { return std::abs(dot(now.direction, add(x[i], now.mean, -1))); });
  kept.resize(static_cast<std::size_t>(keep));
  return kept;
}

/// Of dnc, for messages of few coordinates.
inline Definitions spectral_rules() {
  return {{"smea", rule([](const Matrix& x, int n, int f, const Arguments&) { return least_eigenvalue(x, n - f); })},
          {"caf", rule([](const Matrix& x, int, int f, const Arguments&) { return covariance_filter(x, f); })},
          {"dnc", rule([](const Matrix& x, int n, int f, const Arguments& a) {
             return mean_of(x, unsuspicious(x, n - static_cast<int>(a.number("filter") * f)));
           })}};
}

}  // namespace gauntlet::reference
