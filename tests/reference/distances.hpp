// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/reference/definition.hpp"

/// Rules that choose messages by the distances between them.
namespace gauntlet::reference {

inline double krum_score(const Matrix& x, int i, int neighbors, double power) {
  Vector distances;
  for (std::size_t j = 0; j < x.size(); ++j)
    if (static_cast<int>(j) != i) distances.push_back(std::pow(distance(x[i], x[j]), power));
  std::sort(distances.begin(), distances.end());
  return std::accumulate(distances.begin(), distances.begin() + neighbors, 0.0);
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

inline Vector farthest_removed(Matrix x, int f) {
  for (int round = 0; round < f; ++round) {
    const Vector center = mean(x);
    const auto by_distance = order(static_cast<int>(x.size()), [&](int i) { return -distance(x[i], center); });
    x.erase(x.begin() + by_distance[0]);
  }
  return mean(x);
}

inline Vector bulyan(Matrix x, int f, const std::string& even, double power) {
  const int n = static_cast<int>(x.size());
  Matrix picked;
  for (int pick = 0; pick < n - 2 * f; ++pick) {
    const int left = static_cast<int>(x.size()), neighbors = std::min(std::max(left - f - 2, 1), left - 1);
    const auto by_score = order(left, [&](int i) { return krum_score(x, i, neighbors, power); });
    picked.push_back(x[by_score[0]]);
    x.erase(x.begin() + by_score[0]);
  }
  return per_column(picked, [&](const Vector& v) { return mean_nearest(v, median(v, even), n - 4 * f); });
}

/// As ByzantineMomentum and its native kernels have it: scores of all messages, computed once; `subtracted`: whenever
/// one is picked its distance leaves the scores of those that had it among their nearest.
inline Vector bulyan_of_first_scores(const Matrix& x, int f, const std::string& even, double power, int m,
                                     bool subtracted) {
  const int n = static_cast<int>(x.size()), picks = n - 2 * f - 2, neighbors = subtracted ? n - f - 2 : m;
  std::vector<std::vector<int>> nearest;
  Vector scores;
  std::vector<int> left;
  for (int i = 0; i < n; ++i) {
    auto others = order(n, [&](int j) { return j == i ? INFINITY : distance(x[i], x[j]); });
    others.resize(static_cast<std::size_t>(neighbors));
    double total = 0;
    for (int j : others) total += std::pow(distance(x[i], x[j]), power);
    nearest.push_back(others);
    scores.push_back(total);
    left.push_back(i);
  }
  Matrix means;
  for (int pick = 0; pick < picks; ++pick) {
    std::stable_sort(left.begin(), left.end(), [&](int i, int j) { return scores[i] < scores[j]; });
    const int kept = subtracted ? m - pick : std::min(m, n - f - 2 - pick);
    means.push_back(mean(chosen_rows(x, std::vector<int>(left.begin(), left.begin() + kept))));
    const int gone = left[0];
    left.erase(left.begin());
    std::sort(left.begin(), left.end());
    for (int i : left)
      if (subtracted && std::count(nearest[i].begin(), nearest[i].end(), gone) != 0)
        scores[i] -= std::pow(distance(x[i], x[gone]), power);
  }
  return per_column(means, [&](const Vector& v) { return mean_nearest(v, median(v, even), picks - 2 * f); });
}

/// nnm and ctma choose in the same way.
inline Definitions distance_rules() {
  return {
      {"krum", rule([](const Matrix& x, int, int, const Arguments& a) {
         return mean_of_least(
             x, 1, [&](int i) { return krum_score(x, i, a.count("neighbors"), std::stod(a.word("power"))); });
       })},
      {"multi-krum", rule([](const Matrix& x, int, int, const Arguments& a) {
         return mean_of_least(x, a.count("m"), [&](int i) {
           return krum_score(x, i, a.count("neighbors"), std::stod(a.word("power")));
         });
       })},
      {"mda",
       rule([](const Matrix& x, int n, int f, const Arguments&) { return mean_of(x, least_diameter(x, n - f)); })},
      {"md-mean",
       rule([](const Matrix& x, int n, int f, const Arguments&) { return mean_of(x, least_diameter(x, n - f)); })},
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
      {"bulyan",
       {rule([](const Matrix& x, int, int f, const Arguments& a) {
          const double power = std::stod(a.word("power"));
          if (a.is("form", "paper")) return bulyan(x, f, a.word("even"), power);
          return bulyan_of_first_scores(x, f, a.word("even"), power, a.count("m"), a.is("form", "subtracted"));
        }),
        60}},
      {"nnm", per_message([](const Matrix& x, int i, int n, int f, const Arguments&) {
         return mean_of_least(x, n - f, [&](int j) { return distance(x[i], x[j]); });
       })},
      {"ctma", Stage([](const Matrix& with_anchor, int f, const Arguments&) {
         const Vector anchor = with_anchor.back();
         const Matrix x(with_anchor.begin(), with_anchor.end() - 1);
         return Matrix{mean_of_least(x, static_cast<int>(x.size()) - f, [&](int i) { return distance(x[i], anchor); })};
       })}};
}

}  // namespace gauntlet::reference
