// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/reference.hpp"

/// More naive definitions, of the rules beyond the first catalogue. Rules with state are given it as an argument.
namespace gauntlet::reference {

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

inline double cosine(const Vector& a, const Vector& b) {
  const double lengths = norm(a) * norm(b);
  return lengths > 0 ? dot(a, b) / lengths : 0;
}

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

/// One draw, of the coordinates that x has.
inline std::vector<int> unsuspicious(const Matrix& x, int keep) {
  const Spread now = leading_direction(x, Vector(x.size(), 1.0));
  auto kept =
      order(static_cast<int>(x.size()), [&](int i) { return std::abs(dot(now.direction, add(x[i], now.mean, -1))); });
  kept.resize(static_cast<std::size_t>(keep));
  return kept;
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

/// ReLU(cos) trust scores of messages that are brought to the trusted one's length.
inline Vector fl_trust(const Matrix& x, const Vector& trusted) {
  Vector total(trusted.size(), 0.0);
  double trust = 0;
  for (const auto& row : x) {
    const double score = std::max(0.0, cosine(row, trusted));
    if (score == 0) continue;
    total = add(total, scaled(row, norm(trusted) / norm(row)), score);
    trust += score;
  }
  return trust > 0 ? scaled(total, 1 / trust) : total;
}

/// The mean of all but the b messages of least score, for a step of 1: the descent f(x) − f(x − g), for a loss that is
/// linear with the trusted gradient, less rho |g|².
inline Vector zeno(const Matrix& x, const Vector& trusted, int b, double rho) {
  const auto loss = [&](const Vector& at) { return dot(trusted, at); };
  const Vector here(trusted.size(), 0.0);
  return mean_of_least(x, static_cast<int>(x.size()) - b, [&](int i) {
    return -(loss(here) - loss(add(here, x[i], -1)) - rho * norm(x[i]) * norm(x[i]));
  });
}

/// A rule whose last row is the message that the server trusts.
inline Stage trusting(std::function<Vector(const Matrix&, const Vector& trusted, const Arguments&)> of) {
  return [of](const Matrix& x, int, const Arguments& a) {
    return Matrix{of(Matrix(x.begin(), x.end() - 1), x.back(), a)};
  };
}

inline Vector norms(const Matrix& x) {
  Vector result;
  for (const auto& row : x) result.push_back(norm(row));
  return result;
}

/// Adds the definitions above to stages(), for the first round and, of dnc, for messages of few coordinates.
inline bool add_catalogue() {
  auto& all = stages();
  all["caf"] = rule([](const Matrix& x, int, int f, const Arguments&) { return covariance_filter(x, f); });
  all["foolsgold"] = rule([](const Matrix& x, int, int, const Arguments& a) {
    return fools_gold(x, x, a.number("confidence"), a.word("divide"));
  });
  all["bulyan"] = rule([](const Matrix& x, int, int f, const Arguments& a) {
    const double power = std::stod(a.word("power"));
    if (a.is("form", "paper")) return bulyan(x, f, a.word("even"), power);
    return bulyan_of_first_scores(x, f, a.word("even"), power, a.count("m"), a.is("form", "subtracted"));
  });
  all["dnc"] = rule([](const Matrix& x, int n, int f, const Arguments& a) {
    return mean_of(x, unsuspicious(x, n - static_cast<int>(a.number("filter") * f)));
  });
  all["signguard"] = rule([](const Matrix& x, int, int, const Arguments& a) {
    const double upper = a.is("upper", "none") ? INFINITY : a.number("upper");
    return sign_guard(x, a.number("lower"), upper, a.word("average"));
  });
  all["clipped-clustering"] = rule([](const Matrix& x, int, int, const Arguments& a) {
    return clipped_clustering(x, norms(x), a.number("max_length"), a.is("linkage", "single"), a.word("average"));
  });
  all["fltrust"] = trusting([](const Matrix& x, const Vector& own, const Arguments&) { return fl_trust(x, own); });
  all["zeno"] = trusting([](const Matrix& x, const Vector& own, const Arguments& a) {
    return zeno(x, own, a.count("b"), a.number("rho"));
  });
  return true;
}
inline const bool catalogue_added = add_catalogue();

}  // namespace gauntlet::reference
