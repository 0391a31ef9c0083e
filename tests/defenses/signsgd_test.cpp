// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "tests/trial.hpp"

namespace gauntlet {
namespace {

constexpr float nan = std::numeric_limits<float>::quiet_NaN();

/// What a worker's messages are made of: signs that agree with a common truth except at the given rate, by any size.
struct Crowd {
  std::vector<double> error;  ///< per worker
  double zero = 0;            ///< the share of zeros in every message
};

struct Draw {
  std::vector<int> truth;
  FloatMatrix rows;
};

Draw draw(const Crowd& crowd, int d, unsigned seed) {
  std::mt19937 generator(seed);
  std::uniform_real_distribution<double> uniform;
  Draw result;
  for (int k = 0; k < d; ++k) result.truth.push_back(uniform(generator) < 0.5 ? -1 : 1);
  for (const double error : crowd.error) {
    std::vector<float> row;
    for (const int sign : result.truth) {
      const double size = 0.1 + 5 * uniform(generator), turned = uniform(generator) < error ? -1 : 1;
      row.push_back(uniform(generator) < crowd.zero ? 0.0f : static_cast<float>(size * turned * sign));
    }
    result.rows.push_back(row);
  }
  return result;
}

/// The share of coordinates decoded as the truth.
double right(const std::vector<float>& decoded, const std::vector<int>& truth) {
  double total = 0;
  for (std::size_t k = 0; k < truth.size(); ++k) total += decoded[k] == static_cast<float>(truth[k]);
  return total / static_cast<double>(truth.size());
}

int sign(double value) { return (value > 0) - (value < 0); }

/// Park and Lee's server in double precision, one vote after the other.
class NaiveServer {
 public:
  NaiveServer(int n, int d, int initial_rounds, bool weighted)
      : n_(n), d_(d), initial_rounds_(initial_rounds), weighted_(weighted), wrong_(matrix()), pooled_(column()) {}

  /// Rounds count from 1, as in the paper.
  std::vector<float> decode(const FloatMatrix& rows) {
    ++round_;
    std::vector<float> decoded;
    for (int k = 0; k < d_; ++k) {
      double score = 0;
      for (int i = 0; i < n_; ++i) score += weight(i, k) * sign(rows[i][k]);
      if (std::abs(score) < 1e-9) score = 0;  // equal votes that cancel but for rounding
      if (score != 0) closest_ = std::min(closest_, std::abs(score));
      decoded.push_back(static_cast<float>(sign(score)));
    }
    for (int i = 0; i < n_; ++i) {
      double wrong_now = 0;
      for (int k = 0; k < d_; ++k) {
        const int agreement = sign(rows[i][k]) * sign(decoded[k]);
        const double wrong = agreement > 0 ? 0 : agreement < 0 ? 1 : 0.5;
        wrong_now += wrong;
        if (round_ > initial_rounds_) wrong_[i][k] += wrong;
      }
      if (round_ <= initial_rounds_) {
        pooled_[i] += wrong_now;
        // So that sums over rounds are those of a worker with the pooled rate everywhere.
        for (double& each : wrong_[i]) each = pooled_[i] / d_;
      }
    }
    return decoded;
  }

  double rate(int i, int k) const { return wrong_[i][k] / round_; }
  /// Of a worker in the next round, over the coordinates.
  double mean_rate(int i) const {
    double total = 0;
    for (int k = 0; k < d_; ++k) total += rate(i, k) / d_;
    return total;
  }
  double mean_weight(int i) {
    double total = 0;
    ++round_;
    for (int k = 0; k < d_; ++k) total += weight(i, k) / d_;
    --round_;
    return total;
  }
  /// The least |score| that was no tie: results can differ by rounding only where it is tiny.
  double closest() const { return closest_; }

 private:
  reference::Vector column() const { return reference::Vector(static_cast<std::size_t>(n_), 0.0); }
  reference::Matrix matrix() const {
    return reference::Matrix(static_cast<std::size_t>(n_), reference::Vector(static_cast<std::size_t>(d_), 0.0));
  }
  double weight(int i, int k) const {
    if (round_ == 1 || (round_ <= initial_rounds_ && !weighted_)) return 1;
    const double p = std::min(std::max(wrong_[i][k] / (round_ - 1), 1e-3), 1 - 1e-3);
    return std::log((1 - p) / p);
  }

  int n_, d_, initial_rounds_;
  bool weighted_;
  int round_ = 0;
  double closest_ = INFINITY;
  reference::Matrix wrong_;  ///< votes against the outcome so far
  reference::Vector pooled_;
};

/// Eight honest workers and seven who turn every sign.
const Crowd seven_inverters = {{0.3, 0.32, 0.28, 0.3, 0.25, 0.35, 0.3, 0.31, 0.7, 0.68, 0.72, 0.7, 0.75, 0.65, 0.7}, 0};

std::string federated(int initial_rounds, bool weighted) {
  return "signsgd-fd(initial_rounds=" + std::to_string(initial_rounds) + (weighted ? ")" : ", initial=majority)");
}

TEST_CASE("signsgd-fd agrees with its definition over both phases", "[signsgd]") {
  const std::vector<Crowd> crowds = {
      seven_inverters, {{0.1, 0.2, 0.3, 0.9}, 0.3}, {{0.2, 0.4, 0.3, 0.45, 0.6, 0.5, 0.35}, 0.1}, {{0.4}, 0}};
  for (const auto& exec : test_backends())
    for (const Crowd& crowd : crowds)
      for (const bool weighted : {true, false})
        for (const int initial_rounds : {1, 4, 20}) {
          const int n = static_cast<int>(crowd.error.size()), d = 1100, f = (n - 1) / 2;
          INFO(federated(initial_rounds, weighted) << ", n = " << n << " on " << backend_name(*exec));
          NaiveServer naive(n, d, initial_rounds, weighted);
          Game rounds(*exec, federated(initial_rounds, weighted), n, f, d);
          for (int t = 0; t < 10; ++t) {
            INFO("round " << t);
            const FloatMatrix rows = draw(crowd, d, 100 + t).rows;
            const auto want = naive.decode(rows);
            CHECK(rounds.play(t, rows)[0] == want);
            const Observations found = rounds.observe(t + 1);
            REQUIRE(found.at("worker_weights").size() == crowd.error.size());
            for (int i = 0; i < n; ++i) {
              CHECK(found.at("worker_weights")[static_cast<std::size_t>(i)] ==
                    Approx(naive.mean_weight(i)).epsilon(1e-5).margin(1e-5));
              CHECK(found.at("worker_error_rates")[static_cast<std::size_t>(i)] ==
                    Approx(naive.mean_rate(i)).epsilon(1e-5).margin(1e-6));
            }
          }
          CHECK(naive.closest() > 1e-5);  // float rates cannot have turned a vote
        }
}

TEST_CASE("signsgd-fd decodes seven inverters of fifteen where the majority fails", "[signsgd]") {
  const int n = 15, f = 7, d = 2000;
  for (const auto& exec : test_backends())
    for (const int initial_rounds : {5, 50}) {
      Game federated_rounds(*exec, federated(initial_rounds, true), n, f, d);
      Game majority_rounds(*exec, "signsgd-mv", n, f, d);
      double weighted = 0, majority = 0;
      for (int t = 0; t < 15; ++t) {
        const Draw now = draw(seven_inverters, d, 300 + t);
        weighted = right(federated_rounds.play(t, now.rows)[0], now.truth);
        majority = right(majority_rounds.play(t, now.rows)[0], now.truth);
      }
      // Fifteen independent votes, each right 7 times of 10 once the inverters' are turned, are right 95 times of 100.
      CHECK(weighted > 0.85);
      CHECK(majority < 0.65);
    }
}

TEST_CASE("a worker who is always wrong helps signsgd-fd to overrule the rest", "[signsgd]") {
  // Three workers nearly guess: one who is wrong 19 times of 20 says more, turned, than the three together.
  const Crowd crowd = {{0.45, 0.45, 0.45, 0.05, 0.05, 0.95}, 0};
  for (const auto& exec : test_backends()) {
    Game rounds(*exec, federated(100, true), 6, 2, 1500);
    for (int t = 0; t < 10; ++t) rounds.play(t, draw(crowd, 1500, 400 + t).rows);
    FloatMatrix rows(6, std::vector<float>(1500, 1.0f));
    rows[3] = rows[4] = std::vector<float>(1500, 0.0f);
    CHECK(rounds.play(10, rows)[0] == std::vector<float>(1500, -1.0f));
  }
}

TEST_CASE("after the initial rounds signsgd-fd knows a worker who inverts some coordinates only", "[signsgd]") {
  // Two very good workers turn half of their signs, always the same ones: on the whole they say nothing.
  const int n = 8, d = 600;
  for (const auto& exec : test_backends()) {
    Game pooled(*exec, federated(1000, true), n, 3, d), split(*exec, federated(3, true), n, 3, d);
    double with_pooled = 0, with_split = 0;
    for (int t = 0; t < 60; ++t) {
      Draw now = draw({{0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 0.02, 0.02}, 0}, d, 500 + t);
      for (int i = 6; i < n; ++i)
        for (int k = 0; k < d / 2; ++k) now.rows[i][k] = -now.rows[i][k];
      with_pooled = right(pooled.play(t, now.rows)[0], now.truth);
      with_split = right(split.play(t, now.rows)[0], now.truth);
    }
    CHECK(with_pooled < 0.94);
    CHECK(with_split > 0.96);
  }
}

TEST_CASE("rehearsals leave the state of signsgd-fd as it was", "[signsgd]") {
  const int n = 7, d = 300;
  const Crowd crowd = {{0.1, 0.2, 0.3, 0.35, 0.4, 0.8, 0.9}, 0.1};
  for (const auto& exec : test_backends()) {
    Game plain(*exec, federated(3, true), n, 2, d), disturbed(*exec, federated(3, true), n, 2, d);
    for (int t = 0; t < 8; ++t) {
      const FloatMatrix rows = draw(crowd, d, 600 + t).rows;
      for (unsigned v = 0; v < 3; ++v) disturbed.rehearse(t, draw(crowd, d, 700 + 10 * t + v).rows);
      CHECK(disturbed.play(t, rows) == plain.play(t, rows));
    }
  }
}

TEST_CASE("a batch of signsgd-fd inboxes decodes as each does alone", "[signsgd]") {
  const int n = 7, d = 1500;
  const std::vector<Crowd> crowds = {{{0.1, 0.2, 0.3, 0.35, 0.4, 0.8, 0.9}, 0.1},
                                     {{0.9, 0.2, 0.3, 0.2, 0.1, 0.2, 0.9}, 0},
                                     {{0.3, 0.3, 0.3, 0.3, 0.3, 0.5, 0.5}, 0.5}};
  for (const auto& exec : test_backends())
    for (const std::string& pipeline : {federated(3, true), "nnm | " + federated(3, true)}) {
      Game together(*exec, pipeline, n, 2, d, {7, 7, 7});
      std::vector<std::unique_ptr<Game>> alone;
      for (int c = 0; c < 3; ++c) alone.push_back(std::make_unique<Game>(*exec, pipeline, n, 2, d));
      for (int t = 0; t < 6; ++t) {
        std::vector<FloatMatrix> inboxes;
        for (unsigned c = 0; c < 3; ++c) inboxes.push_back(draw(crowds[c], d, 800 + 10 * t + c).rows);
        const FloatMatrix outputs = together.play(t, inboxes);
        for (std::size_t c = 0; c < 3; ++c) CHECK(alone[c]->play(t, inboxes[c])[0] == outputs[c]);
      }
    }
}

TEST_CASE("messages of NaN have no say in signsgd-fd, now or later", "[signsgd]") {
  const int n = 7, d = 400;
  const Crowd crowd = {{0.1, 0.2, 0.3, 0.25, 0.2, 0.15, 0.3}, 0};
  for (const auto& exec : test_backends()) {
    Game with(*exec, federated(3, true), n, 2, d), without(*exec, federated(3, true), n - 2, 2, d);
    for (int t = 0; t < 8; ++t) {
      FloatMatrix rows = draw(crowd, d, 900 + t).rows;
      const FloatMatrix finite(rows.begin(), rows.end() - 2);
      for (int i = n - 2; i < n; ++i) rows[i].assign(static_cast<std::size_t>(d), nan);
      CHECK(with.play(t, rows) == without.play(t, finite));
    }
  }
}

TEST_CASE("coordinates where most messages are zero do not make inverters look honest", "[signsgd]") {
  // Two of five coordinates are zero for everybody, and half of the values of all others.
  const int n = 9, d = 1000;
  for (const auto& exec : test_backends()) {
    Game rounds(*exec, federated(10, true), n, 4, d);
    std::vector<float> last;
    std::vector<int> truth;
    for (int t = 0; t < 40; ++t) {
      Draw now = draw({{0.2, 0.2, 0.2, 0.2, 0.2, 0.8, 0.8, 0.8, 0.8}, 0.5}, d, 1000 + t);
      for (auto& row : now.rows)
        for (int k = 0; k < 400; ++k) row[k] = 0;
      last = rounds.play(t, now.rows)[0];
      truth = now.truth;
    }
    CHECK(std::vector<float>(last.begin(), last.begin() + 400) == std::vector<float>(400, 0.0f));
    CHECK(right({last.begin() + 400, last.end()}, {truth.begin() + 400, truth.end()}) > 0.8);
  }
}

TEST_CASE("signsgd-fd says which parameters it takes", "[signsgd]") {
  Exec exec(Backend::cpu);
  const auto rows = random_inbox(5, 1, 3, 1);
  CHECK(contains(user_error([&] { aggregate(exec, "signsgd-fd(initial_rounds=0)", rows, 1); }), "initial_rounds"));
  CHECK(contains(user_error([&] { aggregate(exec, "signsgd-fd(initial=majorty)", rows, 1); }), "majority"));
  CHECK(contains(unmet_need(parse_pipeline("signsgd-fd"), 4, 2), "n > 2f"));
}

}  // namespace
}  // namespace gauntlet
