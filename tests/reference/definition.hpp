// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "kernels/registry/parameters.hpp"
#include "tests/reference/algebra.hpp"

/// What the naive definitions of defenses share. They are written from the papers, in double precision on plain
/// vectors, and share nothing with the kernels. Messages are finite.
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

inline Matrix chosen_rows(const Matrix& x, const std::vector<int>& chosen) {
  Matrix rows;
  for (int i : chosen) rows.push_back(x[i]);
  return rows;
}

inline Vector norms(const Matrix& x) {
  Vector result;
  for (const auto& row : x) result.push_back(norm(row));
  return result;
}

inline double cosine(const Vector& a, const Vector& b) {
  const double lengths = norm(a) * norm(b);
  return lengths > 0 ? dot(a, b) / lengths : 0;
}

inline bool all_finite(const Vector& x) {
  return std::all_of(x.begin(), x.end(), [](double value) { return std::isfinite(value); });
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

/// A stage on messages, to the messages or the one output that it gives. A meta-aggregator's last row is the anchor,
/// and that of a rule with a trusted message is this message.
using Stage = std::function<Matrix(const Matrix&, int f, const Arguments&)>;

/// A stage by its definition, and the most messages that this definition takes within a second.
struct Definition {
  Definition(Stage of, int most = 1000) : apply(std::move(of)), most_messages(most) {}

  Stage apply;
  int most_messages;
};
using Definitions = std::map<std::string, Definition>;

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

/// A rule whose last row is the message that the server trusts.
inline Stage trusting(std::function<Vector(const Matrix&, const Vector& trusted, const Arguments&)> of) {
  return [of](const Matrix& x, int, const Arguments& a) {
    return Matrix{of(Matrix(x.begin(), x.end() - 1), x.back(), a)};
  };
}

}  // namespace gauntlet::reference
