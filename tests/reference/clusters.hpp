// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/reference/definition.hpp"

/// Rules that find workers who are alike. Those with a memory are given it as an argument.
namespace gauntlet::reference {

/// `history`: the sum of all messages of each worker, x included. Those that only rounding parts are equal.
inline Vector fools_gold(const Matrix& history, const Matrix& x, double confidence, const std::string& divide) {
  const std::size_t n = x.size();
  Matrix alike(n, Vector(n, 0.0));
  Vector most(n, 0.0), weight;
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j)
      if (i != j) {
        const double c = cosine(history[i], history[j]);
        alike[i][j] = c > 1 - 1e-12 ? 1 : std::max(0.0, c);
        most[i] = std::max(most[i], alike[i][j]);
      }
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j)
      if (most[j] > most[i]) alike[i][j] *= most[i] / most[j];
  for (const auto& row : alike) weight.push_back(std::max(0.0, 1 - *std::max_element(row.begin(), row.end())));
  const double top = *std::max_element(weight.begin(), weight.end());
  Vector total(x[0].size(), 0.0);
  for (std::size_t i = 0; i < n; ++i) {
    const double share = top > 0 ? weight[i] / top : 1;
    weight[i] = share >= 1 ? 1 : std::clamp(confidence * (std::log(share / (1 - share)) + 0.5), 0.0, 1.0);
    total = add(total, x[i], weight[i]);
  }
  const double sum = std::accumulate(weight.begin(), weight.end(), 0.0);
  return scaled(total, 1 / (divide == "weights" ? sum : divide == "n" ? static_cast<double>(n) : 1));
}

/// 2-means from the two farthest points, the lexicographically smaller one first; the larger cluster.
inline std::vector<int> larger_of_two(const Matrix& points) {
  const int n = static_cast<int>(points.size());
  Vector first = points[0], second = points[0];
  for (const auto& a : points)
    for (const auto& b : points)
      if (distance(a, b) > distance(first, second) + 1e-9) first = std::min(a, b), second = std::max(a, b);
  std::vector<int> clusters[2], last;
  do {
    last = clusters[0];
    clusters[0].clear(), clusters[1].clear();
    for (int i = 0; i < n; ++i)
      clusters[distance(points[i], first) <= distance(points[i], second) + 1e-9 ? 0 : 1].push_back(i);
    if (!clusters[0].empty()) first = mean_of(points, clusters[0]);
    if (!clusters[1].empty()) second = mean_of(points, clusters[1]);
  } while (clusters[0] != last);
  return clusters[1].size() > clusters[0].size() ? clusters[1] : clusters[0];
}

/// The mean of the rows or their median in each coordinate; zero without any.
inline Vector average_of(const Matrix& rows, std::size_t d, const std::string& average) {
  if (rows.empty()) return Vector(d, 0.0);
  return average == "mean" ? mean(rows) : per_column(rows, [](const Vector& v) { return median(v, "mid"); });
}

inline Vector sign_guard(const Matrix& x, double lower, double upper, const std::string& average) {
  Vector lengths;
  Matrix signs;
  for (const auto& row : x) {
    const auto count = [&](auto condition) {
      return static_cast<double>(std::count_if(row.begin(), row.end(), condition));
    };
    lengths.push_back(norm(row));
    signs.push_back({count([](double v) { return v > 0; }), count([](double v) { return v < 0; }),
                     count([](double v) { return v == 0; })});
  }
  Vector sorted = lengths;
  std::sort(sorted.begin(), sorted.end());
  const double middle = median(sorted, "mid");
  Matrix clipped_rows;
  for (int i : larger_of_two(signs))
    if (lengths[i] >= lower * middle && lengths[i] <= upper * middle) clipped_rows.push_back(clipped(x[i], middle));
  return average_of(clipped_rows, x[0].size(), average);
}

/// `lengths`: of all messages so far, those of x included.
inline Vector clipped_clustering(const Matrix& x, Vector lengths, double most, bool single,
                                 const std::string& average = "mean") {
  std::vector<std::vector<int>> clusters;
  for (std::size_t i = 0; i < x.size(); ++i) clusters.push_back({static_cast<int>(i)});
  const auto gap = [&](const std::vector<int>& a, const std::vector<int>& b) {
    Vector distances;
    for (int i : a)
      for (int j : b) distances.push_back(norm(x[i]) * norm(x[j]) > 0 ? 1 - cosine(x[i], x[j]) : 2);
    return single ? *std::min_element(distances.begin(), distances.end()) : reference::average(distances);
  };
  while (clusters.size() > 2) {
    std::size_t left = 0, right = 1;
    for (std::size_t a = 0; a < clusters.size(); ++a)
      for (std::size_t b = a + 1; b < clusters.size(); ++b)
        if (gap(clusters[a], clusters[b]) < gap(clusters[left], clusters[right])) left = a, right = b;
    clusters[left].insert(clusters[left].end(), clusters[right].begin(), clusters[right].end());
    clusters.erase(clusters.begin() + static_cast<std::ptrdiff_t>(right));
  }
  const auto& larger = clusters.size() > 1 && clusters[1].size() > clusters[0].size() ? clusters[1] : clusters[0];
  std::sort(lengths.begin(), lengths.end());
  Matrix rows;
  for (int i : larger) rows.push_back(clipped(x[i], std::min(most, median(lengths, "mid"))));
  return average_of(rows, x[0].size(), average);
}

/// For the first round.
inline Definitions cluster_rules() {
  return {{"foolsgold", rule([](const Matrix& x, int, int, const Arguments& a) {
             return fools_gold(x, x, a.number("confidence"), a.word("divide"));
           })},
          {"signguard", rule([](const Matrix& x, int, int, const Arguments& a) {
             const double upper = a.is("upper", "none") ? INFINITY : a.number("upper");
             return sign_guard(x, a.number("lower"), upper, a.word("average"));
           })},
          {"clipped-clustering", rule([](const Matrix& x, int, int, const Arguments& a) {
             return clipped_clustering(x, norms(x), a.number("max_length"), a.is("linkage", "single"),
                                       a.word("average"));
           })}};
}

}  // namespace gauntlet::reference
