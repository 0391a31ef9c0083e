// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <numeric>
#include <string>
#include <vector>

#include "kernels/registry/parameters.hpp"
#include "tests/geometric_median_reference.hpp"

/// Naive definitions of the defenses in double precision on plain vectors, written from the papers and sharing nothing
/// with the kernels. Messages are finite.
namespace gauntlet::reference {

inline Vector clipped(const Vector& a, double threshold) {
  return norm(a) <= threshold ? a : scaled(a, threshold / norm(a));
}

/// Indices 0 … n − 1 by (value, index).
inline std::vector<int> order(int n, const std::function<double(int)>& value) {
  std::vector<int> indices(static_cast<std::size_t>(n));
  std::iota(indices.begin(), indices.end(), 0);
  std::stable_sort(indices.begin(), indices.end(), [&](int a, int b) { return value(a) < value(b); });
  return indices;
}

inline Vector mean_of(const Matrix& x, const std::vector<int>& chosen) {
  Vector total(x[0].size(), 0.0);
  for (int i : chosen) total = add(total, x[i], 1.0 / static_cast<double>(chosen.size()));
  return total;
}

/// The mean of the `keep` messages of least value.
inline Vector mean_of_least(const Matrix& x, int keep, const std::function<double(int)>& value) {
  auto chosen = order(static_cast<int>(x.size()), value);
  chosen.resize(static_cast<std::size_t>(keep));
  return mean_of(x, chosen);
}

inline Vector per_column(const Matrix& x, const std::function<double(Vector)>& reduce) {
  Vector result;
  for (std::size_t k = 0; k < x[0].size(); ++k) {
    Vector column;
    for (const auto& row : x) column.push_back(row[k]);
    std::sort(column.begin(), column.end());
    result.push_back(reduce(column));
  }
  return result;
}

inline double average(const Vector& v) {
  return std::accumulate(v.begin(), v.end(), 0.0) / static_cast<double>(v.size());
}

inline double median(const Vector& sorted, const std::string& even) {
  const std::size_t n = sorted.size();
  const double low = sorted[(n - 1) / 2], high = sorted[n / 2];
  return even == "lower" ? low : even == "upper" ? high : (low + high) / 2;
}

inline double trimmed(const Vector& sorted, int trim) {
  return average(Vector(sorted.begin() + trim, sorted.end() - trim));
}

/// The mean of the run of `keep` neighbors that is nearest to the center; of equally near runs, of the lowest and the
/// highest.
inline double mean_nearest(const Vector& sorted, double center, int keep) {
  double least = INFINITY, lowest = 0, highest = 0;
  for (auto first = sorted.begin(); first + keep <= sorted.end(); ++first) {
    const Vector run(first, first + keep);
    double away = 0;
    for (const double x : run) away += std::abs(x - center);
    if (away < least) lowest = average(run);
    if (away <= least) least = away, highest = average(run);
  }
  return (lowest + highest) / 2;
}

inline double krum_score(const Matrix& x, int i, int neighbors, double power) {
  Vector distances;
  for (std::size_t j = 0; j < x.size(); ++j)
    if (static_cast<int>(j) != i) distances.push_back(std::pow(distance(x[i], x[j]), power));
  std::sort(distances.begin(), distances.end());
  return std::accumulate(distances.begin(), distances.begin() + neighbors, 0.0);
}

/// Calls visit(subset) for every k-subset of 0 … n − 1 in lexicographic order.
inline void for_subsets(int n, int k, const std::function<void(const std::vector<int>&)>& visit) {
  std::vector<int> subset(static_cast<std::size_t>(k));
  std::iota(subset.begin(), subset.end(), 0);
  while (true) {
    visit(subset);
    int i = k - 1;
    while (i >= 0 && subset[i] == n - k + i) --i;
    if (i < 0) return;
    ++subset[i];
    for (int j = i + 1; j < k; ++j) subset[j] = subset[j - 1] + 1;
  }
}

inline std::vector<int> least_diameter(const Matrix& x, int keep) {
  std::vector<int> best;
  double least = INFINITY;
  for_subsets(static_cast<int>(x.size()), keep, [&](const std::vector<int>& subset) {
    double diameter = 0;
    for (int i : subset)
      for (int j : subset) diameter = std::max(diameter, distance(x[i], x[j]));
    if (diameter < least) least = diameter, best = subset;
  });
  return best;
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

inline Vector centered_clipping(const Matrix& x, Vector v, int steps, double tau) {
  for (int step = 0; step < steps; ++step) {
    Vector move(v.size(), 0.0);
    for (const auto& row : x) move = add(move, clipped(add(row, v, -1), tau), 1.0 / static_cast<double>(x.size()));
    v = add(v, move);
  }
  return v;
}

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

inline Vector farthest_removed(Matrix x, int f) {
  for (int round = 0; round < f; ++round) {
    const Vector center = mean(x);
    const auto by_distance = order(static_cast<int>(x.size()), [&](int i) { return -distance(x[i], center); });
    x.erase(x.begin() + by_distance[0]);
  }
  return mean(x);
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

/// What signsgd-mv gives, and signsgd-fd in its first round; its later ones are in signsgd_test.cpp.
inline Vector majority_vote(const Matrix& x) {
  return per_column(x, [](const Vector& v) {
    int votes = 0;
    for (double value : v) votes += (value > 0) - (value < 0);
    return static_cast<double>((votes > 0) - (votes < 0));
  });
}

inline Matrix chosen_rows(const Matrix& x, const std::vector<int>& chosen) {
  Matrix rows;
  for (int i : chosen) rows.push_back(x[i]);
  return rows;
}

using Stage = std::function<Matrix(const Matrix&, int f, const Arguments&)>;

inline Stage rule(std::function<Vector(const Matrix&, int n, int f, const Arguments&)> of) {
  return [of](const Matrix& x, int f, const Arguments& a) { return Matrix{of(x, static_cast<int>(x.size()), f, a)}; };
}

inline Stage per_message(std::function<Vector(const Matrix&, int i, int n, int f, const Arguments&)> of) {
  return [of](const Matrix& x, int f, const Arguments& a) {
    Matrix result;
    const int n = static_cast<int>(x.size());
    for (int i = 0; i < n; ++i) result.push_back(of(x, i, n, f, a));
    return result;
  };
}

/// Every stage that has a definition, by name; catalogue_reference.hpp adds more. A meta-aggregator's last row is the
/// anchor, and that of a rule with a trusted message is this message.
inline std::map<std::string, Stage>& stages() {
  static std::map<std::string, Stage> all = {
      {"mean", rule([](const Matrix& x, int, int, const Arguments&) { return mean(x); })},
      {"median", rule([](const Matrix& x, int, int, const Arguments& a) {
         return per_column(x, [&](const Vector& v) { return median(v, a.word("even")); });
       })},
      {"trimmed-mean", rule([](const Matrix& x, int, int, const Arguments& a) {
         return per_column(x, [&](const Vector& v) { return trimmed(v, a.count("trim")); });
       })},
      {"phocas", rule([](const Matrix& x, int n, int f, const Arguments& a) {
         return per_column(x, [&](const Vector& v) { return mean_nearest(v, trimmed(v, a.count("trim")), n - f); });
       })},
      {"meamed", rule([](const Matrix& x, int n, int f, const Arguments& a) {
         return per_column(x, [&](const Vector& v) { return mean_nearest(v, median(v, a.word("even")), n - f); });
       })},
      {"signsgd-mv", rule([](const Matrix& x, int, int, const Arguments&) { return majority_vote(x); })},
      {"signsgd-fd", rule([](const Matrix& x, int, int, const Arguments&) { return majority_vote(x); })},
      {"krum", rule([](const Matrix& x, int, int, const Arguments& a) {
         return mean_of_least(x, 1, [&](int i) {
           return krum_score(x, i, a.count("neighbors"), std::stod(a.word("power")));
         });
       })},
      {"multi-krum", rule([](const Matrix& x, int, int, const Arguments& a) {
         return mean_of_least(x, a.count("m"), [&](int i) {
           return krum_score(x, i, a.count("neighbors"), std::stod(a.word("power")));
         });
       })},
      {"mda", rule([](const Matrix& x, int n, int f, const Arguments&) {
         return mean_of(x, least_diameter(x, n - f));
       })},
      {"geometric-median", rule([](const Matrix& x, int, int, const Arguments&) { return geometric_median(x); })},
      {"rfa", rule([](const Matrix& x, int, int, const Arguments& a) {
         return smoothed_weiszfeld(x, a.count("iterations"), a.number("nu"));
       })},
      {"centered-clipping", rule([](const Matrix& x, int, int, const Arguments& a) {
         Vector start(x[0].size(), 0.0);
         if (a.flag("stateless") && a.is("start", "mean")) start = mean(x);
         if (a.flag("stateless") && a.is("start", "median"))
           start = per_column(x, [&](const Vector& v) { return median(v, a.word("even")); });
         return centered_clipping(x, start, a.count("iterations"), a.number("tau"));
       })},
      {"monna", rule([](const Matrix& x, int n, int f, const Arguments& a) {
         return mean_of_least(x, n - f, [&](int i) { return distance(x[i], x[a.count("pivot")]); });
       })},
      {"cge", rule([](const Matrix& x, int n, int f, const Arguments&) {
         return mean_of_least(x, n - f, [&](int i) { return norm(x[i]); });
       })},
      {"aksel", rule([](const Matrix& x, int n, int f, const Arguments& a) {
         const Vector center = per_column(x, [&](const Vector& v) { return median(v, a.word("even")); });
         return mean_of_least(x, a.is("keep", "half") ? (n + 1) / 2 : n - f,
                              [&](int i) { return distance(x[i], center); });
       })},
      {"faba", rule([](const Matrix& x, int, int f, const Arguments&) { return farthest_removed(x, f); })},
      {"smea", rule([](const Matrix& x, int n, int f, const Arguments&) { return least_eigenvalue(x, n - f); })},
      {"md-mean", rule([](const Matrix& x, int n, int f, const Arguments&) {
         return mean_of(x, least_diameter(x, n - f));
       })},
      {"md-geom", rule([](const Matrix& x, int n, int f, const Arguments&) {
         return geometric_median(chosen_rows(x, least_diameter(x, n - f)));
       })},
      {"box-mean", rule([](const Matrix& x, int, int f, const Arguments&) { return box(x, f, mean); })},
      {"box-geom", rule([](const Matrix& x, int, int f, const Arguments&) { return box(x, f, geometric_median); })},
      {"normalize", per_message([](const Matrix& x, int i, int, int, const Arguments& a) {
         return scaled(x[i], a.number("length") / norm(x[i]));
       })},
      {"nnm", per_message([](const Matrix& x, int i, int n, int f, const Arguments&) {
         return mean_of_least(x, n - f, [&](int j) { return distance(x[i], x[j]); });
       })},
      {"clipping", per_message([](const Matrix& x, int i, int, int, const Arguments& a) {
         return clipped(x[i], a.number("threshold"));
       })},
      {"arc", per_message([](const Matrix& x, int i, int n, int f, const Arguments&) {
         const auto by_norm = order(n, [&](int j) { return norm(x[j]); });
         return clipped(x[i], norm(x[by_norm[n - 2 * f * (n - f) / n - 1]]));
       })},
      {"ctma", [](const Matrix& with_anchor, int f, const Arguments&) {
         const Vector anchor = with_anchor.back();
         const Matrix x(with_anchor.begin(), with_anchor.end() - 1);
         return Matrix{mean_of_least(x, static_cast<int>(x.size()) - f,
                                     [&](int i) { return distance(x[i], anchor); })};
       }},
  };
  return all;
}

}  // namespace gauntlet::reference
