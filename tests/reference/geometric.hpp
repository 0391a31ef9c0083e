// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/reference/distances.hpp"

/// The geometric median, and rules made of it or of boxes.
namespace gauntlet::reference {

/// An orthonormal basis of what the rows span, by Gram-Schmidt, twice for orthogonality.
inline Matrix orthonormal_basis(const Matrix& rows) {
  Matrix basis;
  for (const auto& row : rows) {
    Vector rest = row;
    for (int pass = 0; pass < 2; ++pass)
      for (const auto& axis : basis) rest = add(rest, axis, -dot(rest, axis));
    if (norm(rest) > 1e-13 * norm(row)) basis.push_back(scaled(rest, 1 / norm(rest)));
  }
  return basis;
}

/// The solution of a y = b by Gaussian elimination without pivoting; empty unless a is positive definite.
inline Vector solve_positive(Matrix a, Vector b) {
  const std::size_t n = b.size();
  for (std::size_t k = 0; k < n; ++k) {
    if (!(a[k][k] > 0)) return {};
    for (std::size_t i = k + 1; i < n; ++i) {
      const double factor = a[i][k] / a[k][k];
      a[i] = add(a[i], a[k], -factor);
      b[i] -= factor * b[k];
    }
  }
  for (std::size_t k = n; k-- > 0;) {
    for (std::size_t j = k + 1; j < n; ++j) b[k] -= a[k][j] * b[j];
    b[k] /= a[k][k];
  }
  return b;
}

/// The unit vectors toward the rows that are not the point, added up, and how many rows are.
struct Pull {
  Vector sum;
  double here = 0;
};
inline Pull pull_at(const Matrix& x, const Vector& point) {
  Pull pull{Vector(point.size(), 0.0)};
  for (const auto& row : x) {
    const double gap = distance(row, point);
    if (gap > 0)
      pull.sum = add(pull.sum, add(row, point, -1), 1 / gap);
    else
      ++pull.here;
  }
  return pull;
}

inline double sum_of_distances(const Matrix& x, const Vector& point) {
  double total = 0;
  for (const auto& row : x) total += distance(row, point);
  return total;
}

/// The geometric median: a message where the unit vectors to the others sum to at most its multiplicity, or else where
/// Newton's method on the sum of distances ends, in an orthonormal basis of what the differences of the messages span.
/// Each of its steps follows one of Weiszfeld's, which may start anywhere.
inline Vector geometric_median(const Matrix& x) {
  for (const auto& candidate : x) {
    const Pull pull = pull_at(x, candidate);
    if (norm(pull.sum) <= pull.here) return candidate;
  }
  Matrix differences;
  for (const auto& row : x) differences.push_back(add(row, x[0], -1));
  const Matrix basis = orthonormal_basis(differences);
  Matrix y;
  for (const auto& row : differences) {
    y.emplace_back();
    for (const auto& axis : basis) y.back().push_back(dot(row, axis));
  }

  Vector z(basis.size(), 0.0);
  for (const auto& row : y) z = add(z, row, 1 / static_cast<double>(y.size()));
  for (int round = 0; round < 3000 && pull_at(y, z).here == 0; ++round) {
    const Vector last = z;
    double total = 0;
    for (const auto& row : y) total += 1 / distance(row, z);
    z = add(z, pull_at(y, z).sum, 1 / total);

    const Pull pull = pull_at(y, z);
    if (pull.here > 0 || norm(pull.sum) <= 1e-15) break;
    Matrix hessian(z.size(), Vector(z.size(), 0.0));
    for (const auto& row : y) {
      const Vector unit = scaled(add(row, z, -1), 1 / distance(row, z));
      for (std::size_t k = 0; k < z.size(); ++k) {
        hessian[k] = add(hessian[k], unit, -unit[k] / distance(row, z));
        hessian[k][k] += 1 / distance(row, z);
      }
    }
    const Vector step = solve_positive(hessian, pull.sum);
    const double before = sum_of_distances(y, z);
    // Between clusters on a line the Hessian is zero but for rounding, and no share of such a step helps.
    for (double share = 1; !step.empty() && share > 1e-4; share /= 2) {
      if (!(sum_of_distances(y, add(z, step, share)) <= before * (1 + 1e-15))) continue;
      z = add(z, step, share);
      break;
    }
    if (distance(z, last) <= 1e-14 * before / static_cast<double>(y.size())) break;
  }
  Vector median = x[0];
  for (std::size_t k = 0; k < z.size(); ++k) median = add(median, basis[k], z[k]);
  return median;
}

inline Vector smoothed_weiszfeld(const Matrix& x, int steps, double nu) {
  Vector z(x[0].size(), 0.0);
  for (int step = 0; step < steps; ++step) {
    Vector next(z.size(), 0.0);
    double total = 0;
    for (const auto& row : x) {
      const double weight = 1 / std::max(distance(row, z), nu);
      next = add(next, row, weight);
      total += weight;
    }
    z = scaled(next, 1 / total);
  }
  return z;
}

/// The midpoint of the trusted box and the box of center(subset) over all subsets of n − f messages.
inline Vector box(const Matrix& x, int f, const std::function<Vector(const Matrix&)>& center) {
  const int n = static_cast<int>(x.size());
  Matrix points;
  for_subsets(n, n - f, [&](const std::vector<int>& subset) {
    Matrix rows;
    for (int i : subset) rows.push_back(x[i]);
    points.push_back(center(rows));
  });
  const Vector low = per_column(x, [&](const Vector& v) { return v[f]; });
  const Vector high = per_column(x, [&](const Vector& v) { return v[n - f - 1]; });
  const Vector least = per_column(points, [](const Vector& v) { return v.front(); });
  const Vector most = per_column(points, [](const Vector& v) { return v.back(); });
  Vector result;
  for (std::size_t k = 0; k < low.size(); ++k)
    result.push_back((std::max(low[k], least[k]) + std::min(high[k], most[k])) / 2);
  return result;
}

inline Definitions geometric_rules() {
  return {{"geometric-median", rule([](const Matrix& x, int, int, const Arguments&) { return geometric_median(x); })},
          {"rfa", rule([](const Matrix& x, int, int, const Arguments& a) {
             return smoothed_weiszfeld(x, a.count("iterations"), a.number("nu"));
           })},
          {"md-geom", rule([](const Matrix& x, int n, int f, const Arguments&) {
             return geometric_median(chosen_rows(x, least_diameter(x, n - f)));
           })},
          {"box-mean", {rule([](const Matrix& x, int, int f, const Arguments&) { return box(x, f, mean); }), 20}},
          {"box-geom",
           {rule([](const Matrix& x, int, int f, const Arguments&) { return box(x, f, geometric_median); }), 20}}};
}

}  // namespace gauntlet::reference
