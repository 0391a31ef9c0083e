// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <vector>

#include "tests/attacks/messages.hpp"

/// Attacks that draw at random, learn or remember.
namespace gauntlet {
namespace {

using namespace reference;

TEST_CASE("random-direction keeps its direction and scales with each worker's own norm", "[attacks]") {
  for (const auto& exec : test_backends()) {
    const int n = 7, f = 2, d = 300;
    const Matrix rows = reference::random_rows(8, n, d), later = reference::random_rows(9, n, d);
    Trial trial(*exec, "random-direction(scale=10)", "", n, f, d, {3});
    const auto first = trial.act(0, reference::flat(rows).data());
    const auto second = trial.act(1, reference::flat(later).data());
    const Vector a(first.begin(), first.begin() + d), b(first.begin() + d, first.end());
    const Vector next(second.begin(), second.begin() + d);
    CHECK(reference::norm(a) == Approx(10 * reference::norm(rows[5])).epsilon(1e-5));
    CHECK(reference::norm(b) == Approx(10 * reference::norm(rows[6])).epsilon(1e-5));
    CHECK(reference::dot(a, b) == Approx(reference::norm(a) * reference::norm(b)).epsilon(1e-6));
    CHECK(reference::dot(a, next) == Approx(reference::norm(a) * reference::norm(next)).epsilon(1e-6));
    const auto other = attack_rows(*exec, "random-direction(scale=10)", "", f, n, d, reference::flat(rows).data(), 4);
    CHECK(std::abs(reference::dot(a, Vector(other.begin(), other.begin() + d))) <
          0.5 * reference::norm(a) * reference::norm(a));
  }
}

TEST_CASE("gaussian noise has its mean and deviation and is new every round", "[attacks]") {
  for (const auto& exec : test_backends()) {
    const int n = 4, f = 1, d = 20000;
    const std::vector<float> input(static_cast<std::size_t>(n) * d);
    Trial trial(*exec, "gaussian(mean=3, std=2)", "", n, f, d, {1});
    const auto first = trial.act(0, input.data());
    double sum = 0, square = 0;
    for (const float v : first) sum += v, square += (v - 3.0) * (v - 3.0);
    CHECK(sum / d == Approx(3).margin(0.08));
    CHECK(std::sqrt(square / d) == Approx(2).margin(0.08));
    CHECK(trial.act(1, input.data()) != first);
    CHECK(trial.act(0, input.data()) == first);
  }
}

TEST_CASE("learned mimicry finds the worker that stands apart and stays with it", "[attacks]") {
  for (const auto& exec : test_backends()) {
    const int n = 8, f = 2, d = 500;
    const auto round_rows = [&](std::uint64_t seed) {
      Matrix rows = reference::random_rows(20, n, d, 0, 0.01);
      const Matrix noise = reference::random_rows(seed, n, d, 0, 0.01);
      for (int i = 0; i < n; ++i) rows[i] = rows[i] + noise[i];
      for (double& v : rows[3]) v += 5;
      for (double& v : rows[1]) v -= 5;
      return rows;
    };
    // Of the two that carry the variance it takes the one on the random direction's side, and keeps it.
    Trial trial(*exec, "mimic(target=learned, warmup=3)", "", n, f, d, {11, 12, 13, 14});
    Trial opposite(*exec, "mimic(target=learned, warmup=3, least=true)", "", n, f, d, {11, 12, 13, 14});
    std::vector<int> kept;
    for (int round = 0; round < 6; ++round) {
      const Matrix rows = round_rows(30 + static_cast<std::uint64_t>(round));
      const auto sent = trial.act(round, stacked({rows, rows, rows, rows}).data());
      const auto against = opposite.act(round, stacked({rows, rows, rows, rows}).data());
      for (std::size_t c = 0; c < 4; ++c) {
        const auto at = sent.begin() + static_cast<std::ptrdiff_t>(c * f * d);
        const Vector message(at, at + d);
        const int target = reference::norm(message - rows[3]) < 1e-4 ? 3 : 1;
        CHECK(reference::norm(message - rows[static_cast<std::size_t>(target)]) < 1e-4);
        const Vector other(against.begin() + static_cast<std::ptrdiff_t>(c * f * d),
                           against.begin() + static_cast<std::ptrdiff_t>(c * f * d + d));
        CHECK(reference::norm(other - rows[static_cast<std::size_t>(4 - target)]) < 1e-4);
        if (round == 0) kept.push_back(target);
        CHECK(kept[c] == target);
      }
    }
  }
}

TEST_CASE("sign-inversion turns each coordinate of each own message by itself", "[attacks]") {
  for (const auto& exec : test_backends()) {
    const int n = 11, d = 20000, f = 3;
    const Matrix rows = random_rows(93, n, d);
    Trial trial(*exec, "sign-inversion(probability=0.3)", "", n, f, d, {5});
    const auto first = trial.act(0, flat(rows).data()), second = trial.act(1, flat(rows).data());
    CHECK(first != second);
    std::vector<std::vector<bool>> turned;
    for (int b = 0; b < f; ++b) {
      const Vector& own = rows[static_cast<std::size_t>(n - f + b)];
      const Vector got = message(first, d, b);
      turned.emplace_back();
      int wrong = 0;
      for (std::size_t k = 0; k < own.size(); ++k) {
        turned.back().push_back(got[k] != own[k]);
        wrong += std::abs(got[k]) != std::abs(own[k]);
      }
      CHECK(wrong == 0);
      CHECK(std::count(turned.back().begin(), turned.back().end(), true) == Approx(0.3 * d).epsilon(0.05));
    }
    int both = 0;
    for (std::size_t k = 0; k < static_cast<std::size_t>(d); ++k) both += turned[0][k] && turned[1][k];
    CHECK(both == Approx(0.09 * d).epsilon(0.1));
  }
}

TEST_CASE("delayed sends the own message of some rounds ago once there is one", "[attacks]") {
  for (const auto& exec : test_backends()) {
    const int n = 11, d = 200, f = 2, delay = 3;
    Trial trial(*exec, "delayed(rounds=3)", "", n, f, d, {0, 1});
    std::vector<std::vector<float>> own;
    for (int round = 0; round < 10; ++round) {
      std::vector<float> rows;
      own.emplace_back();
      for (std::uint64_t c = 0; c < 2; ++c) {
        const auto cell = flat(random_rows(2 * static_cast<std::uint64_t>(round) + c, n, d));
        rows.insert(rows.end(), cell.begin(), cell.end());
        own.back().insert(own.back().end(), cell.end() - f * d, cell.end());
      }
      const auto from = static_cast<std::size_t>(round < delay ? round : round - delay);
      CHECK(trial.act(round, rows.data()) == own[from]);
    }
    CHECK(trial.padding_is_zero());
  }
}

}  // namespace
}  // namespace gauntlet
