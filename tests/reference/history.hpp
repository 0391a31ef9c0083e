// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/exec/philox.cuh"
#include "tests/reference/definition.hpp"

/// Rules that judge workers by their history, round by round, and the mixture's draw.
namespace gauntlet::reference {

/// Whom the others are held against, and the distance that counts as near.
struct Anchor {
  Vector at;
  double radius;
};

/// `threshold` negative: automatic.
inline Anchor anchor_among(const Matrix& x, const std::vector<int>& members, std::size_t quorum, double threshold) {
  Anchor best{Vector(x[0].size(), 0.0), 0};
  std::size_t most = 0;
  double least = INFINITY;
  for (int i : members) {
    Vector distances;
    for (int j : members) distances.push_back(distance(x[i], x[j]));
    std::sort(distances.begin(), distances.end());
    if (threshold < 0) {
      const double reach = distances[std::min(quorum, distances.size()) - 1];
      if (reach < least) least = reach, best = {x[i], reach};
      continue;
    }
    const auto near = static_cast<std::size_t>(
        std::count_if(distances.begin(), distances.end(), [&](double gap) { return gap <= threshold; }));
    if (most < quorum && near > most) most = near, best = {x[i], threshold};
  }
  return best;
}

struct SafeguardSettings {
  std::size_t long_window = 100, short_window = 20;
  double long_threshold = -1, short_threshold = -1, factor = 2;
  bool reset = false;
};

class NaiveSafeguard {
 public:
  NaiveSafeguard(int n, const SafeguardSettings& settings) : n_(n), settings_(settings), good_(everybody()) {}

  const std::vector<int>& good() const { return good_; }

  Vector aggregate(const Matrix& x) {
    std::vector<int> heard;
    for (int i : good_)
      if (all_finite(x[i])) heard.push_back(i);
    const Vector output = heard.empty() ? Vector(x[0].size(), 0.0) : mean_of(x, heard);

    Matrix shares;
    for (const Vector& row : x)
      shares.push_back(all_finite(row) ? scaled(row, 1 / static_cast<double>(good_.size())) : Vector(row.size(), 0.0));
    long_.push_back(shares), short_.push_back(shares);
    const auto sum = [&](const std::vector<Matrix>& window) {
      Matrix total(x.size(), Vector(x[0].size(), 0.0));
      for (const Matrix& round : window)
        for (std::size_t i = 0; i < x.size(); ++i) total[i] = add(total[i], round[i]);
      return total;
    };
    const Matrix a = sum(long_), b = sum(short_);
    const std::size_t half = (x.size() + 1) / 2;
    const Anchor a_med = anchor_among(a, good_, half, settings_.long_threshold);
    const Anchor b_med = anchor_among(b, good_, half, settings_.short_threshold);
    std::vector<int> left;
    for (int i : heard)
      if (distance(a[i], a_med.at) <= settings_.factor * a_med.radius &&
          distance(b[i], b_med.at) <= settings_.factor * b_med.radius)
        left.push_back(i);
    good_ = left;
    if (short_.size() == settings_.short_window) short_.clear();
    if (long_.size() == settings_.long_window) {
      long_.clear();
      if (settings_.reset) good_ = everybody();
    }
    return output;
  }

 private:
  std::vector<int> everybody() const {
    return order(n_, [](int) { return 0.0; });
  }

  int n_;
  SafeguardSettings settings_;
  std::vector<int> good_;
  std::vector<Matrix> long_, short_;  ///< the rounds in each window
};

/// Thresholds are negative where automatic.
class NaiveByzantineSgd {
 public:
  NaiveByzantineSgd(int n, double along, double sum, double message)
      : along_(along), sum_(sum), message_(message), a_(static_cast<std::size_t>(n), 0.0) {
    for (int i = 0; i < n; ++i) good_.push_back(i);
  }

  const std::vector<int>& good() const { return good_; }

  Vector aggregate(const Matrix& x, const Vector& model) {
    if (b_.empty()) start_ = model, b_ = Matrix(x.size(), Vector(x[0].size(), 0.0));
    std::vector<int> everybody, finite;
    for (std::size_t i = 0; i < x.size(); ++i) {
      everybody.push_back(static_cast<int>(i));
      if (!all_finite(x[i])) continue;
      finite.push_back(static_cast<int>(i));
      a_[i] += dot(x[i], add(model, start_, -1));
      b_[i] = add(b_[i], x[i]);
    }
    Vector sorted = a_, gaps;
    std::sort(sorted.begin(), sorted.end());
    const double a_med = median(sorted, "mid");
    for (double value : a_) gaps.push_back(std::abs(value - a_med));
    std::sort(gaps.begin(), gaps.end());
    const std::size_t majority = x.size() / 2 + 1;
    const double a_reach = along_ >= 0 ? along_ : 8 * gaps[majority - 1];
    const Anchor b_med = anchor_among(b_, everybody, majority, sum_);
    const Anchor x_med = anchor_among(x, finite, majority, message_ >= 0 ? 2 * message_ : message_);
    const double b_reach = sum_ >= 0 ? sum_ : 4 * b_med.radius;
    const double x_reach = 4 * (message_ >= 0 ? message_ : x_med.radius);
    std::vector<int> left;
    for (int i : good_)
      if (std::count(finite.begin(), finite.end(), i) != 0 && std::abs(a_[i] - a_med) <= a_reach &&
          distance(b_[i], b_med.at) <= b_reach && distance(x[i], x_med.at) <= x_reach)
        left.push_back(i);
    good_ = left;
    return good_.empty() ? Vector(x[0].size(), 0.0) : mean_of(x, good_);
  }

 private:
  double along_, sum_, message_;
  Vector start_, a_;
  Matrix b_;
  std::vector<int> good_;
};

/// Which of the pipelines is drawn in a round. Weights empty: all equally often.
inline std::size_t drawn(std::uint64_t seed, std::uint32_t round, std::vector<int> weights, std::size_t pipelines) {
  if (weights.empty()) weights.assign(pipelines, 1);
  std::vector<std::size_t> urn;
  for (std::size_t k = 0; k < weights.size(); ++k) urn.insert(urn.end(), static_cast<std::size_t>(weights[k]), k);
  const Random random(seed, Purpose::defense, 3, round, 0);
  return urn[random.below(static_cast<std::uint32_t>(urn.size()))];
}

/// For the first round.
inline Definitions history_rules() {
  const auto threshold = [](const Arguments& a, const char* name) { return a.is(name, "auto") ? -1 : a.number(name); };
  return {{"safeguard", rule([=](const Matrix& x, int n, int, const Arguments& a) {
             SafeguardSettings settings;
             settings.long_threshold = threshold(a, "long_threshold"),
             settings.short_threshold = threshold(a, "short_threshold");
             settings.factor = a.number("factor");
             return NaiveSafeguard(n, settings).aggregate(x);
           })},
          {"byzantine-sgd", rule([=](const Matrix& x, int n, int, const Arguments& a) {
             return NaiveByzantineSgd(n, threshold(a, "threshold_a"), threshold(a, "threshold_b"),
                                      threshold(a, "threshold_v"))
                 .aggregate(x, Vector(x[0].size(), 0.0));
           })}};
}

}  // namespace gauntlet::reference
