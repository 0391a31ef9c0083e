// SPDX-License-Identifier: Apache-2.0
#include "tests/reference/spectral.hpp"

#include <limits>
#include <set>

#include "tests/reference/defenses.hpp"
#include "tests/trial.hpp"

/// Rules that look for the direction in which the messages spread most.
namespace gauntlet {
namespace {

TEST_CASE("parameters of spectral rules change them as their definitions say") {
  unsigned seed = 300;
  for (const char* text : {"dnc(filter=1.5)", "dnc(filter=0)"})
    for (const auto& [n, f, d] : std::vector<std::array<int, 3>>{{11, 2, 60}, {12, 3, 33}, {40, 9, 5}})
      check_against_reference(text, random_inbox(n, f, d, ++seed), f);
}

TEST_CASE("caf is the exact rule as long as that takes no more than its single passes, and near it beyond") {
  const int never = std::numeric_limits<int>::max();
  int tight = 0, long_ones = 0, beyond = 0;
  unsigned seed = 310;
  for (const auto& [n, f, d] : std::vector<std::array<int, 3>>{{5, 1, 20}, {9, 2, 40}, {13, 3, 10}, {14, 6, 8}})
    for (const float far : {3.0f, 20.0f, 56.0f, 75.0f, 100.0f, 300.0f}) {
      const auto rows = random_inbox(n, f, d, ++seed, 1, far);
      reference::Matrix x = reference::wide(rows);
      int passes = 0;
      const reference::Matrix exact{reference::covariance_filter(x, f, never, &passes)};
      // Where the two largest eigenvalues take turns, the exact rule itself makes anything of the last digits.
      for (std::size_t i = 0; i < x.size(); ++i)
        for (double& value : x[i]) value *= 1 + 1e-11 * std::cos(static_cast<double>(i) + value);
      const auto moved = reference::covariance_filter(x, f, never);
      const bool stable = reference::distance(moved, exact[0]) <= 1e-6;
      tight += stable && passes <= 2000;
      long_ones += stable && passes > 1000 && passes <= 2000;
      beyond += passes > 2000;
      for (const auto& exec : test_backends()) {
        INFO("n = " << n << ", f = " << f << ", far = " << far << ": " << passes << " passes on "
                    << backend_name(*exec));
        CHECK(relative_error(aggregate(*exec, "caf", rows, f), exact) <= (stable && passes <= 2000 ? 1e-6 : 0.05));
      }
    }
  CHECK(tight >= 15);
  CHECK(long_ones > 0);
  CHECK(beyond > 0);
}

TEST_CASE("caf bounds its passes however far a message is") {
  const int n = 11, f = 2, d = 200;
  for (const auto& exec : test_backends())
    for (const float far : {1e3f, 1e6f, 1e15f, 1e30f}) {
      const auto rows = random_inbox(n, f, d, 320, 1, far);
      // Filtering goes on among the others, so the output is a convex mean of them.
      const auto out = reference::wide(aggregate(*exec, "caf", rows, f))[0];
      auto honest = reference::wide(rows);
      honest.resize(n - f);
      const auto center = reference::mean(honest);
      double radius = 0;
      for (const auto& row : honest) radius = std::max(radius, reference::distance(row, center));
      CHECK(reference::distance(out, center) <= radius);
    }
}

TEST_CASE("dnc draws other coordinates in every round and for every seed, and the same ones again") {
  const int n = 10, d = 600;
  auto rows = random_inbox(n, 0, d, 340);
  for (int i = 0; i < n; ++i) rows[i][60 * i] += static_cast<float>(100 * (i + 1));  // found only by a draw of that one
  for (const auto& exec : test_backends()) {
    Game game(*exec, "dnc(draws=1, coordinates=300)", n, 1, d, {1, 2, 3});
    std::set<std::vector<float>> outputs;
    std::set<int> removed;
    for (int t = 0; t < 8; ++t)
      for (const auto& out : game.play(t, rows)) {
        outputs.insert(out);
        // The output is the mean of all but one, the one with the largest spike in the draw.
        int found = -1;
        for (int i = 0; i < n; ++i) {
          auto rest = reference::wide(rows);
          rest.erase(rest.begin() + i);
          if (relative_error({out}, reference::Matrix{reference::mean(rest)}) <= 1e-5) found = i;
        }
        CHECK(found >= 0);
        removed.insert(found);
      }
    CHECK(outputs.size() > 2);
    CHECK(removed.count(9) == 1);
    CHECK(removed.size() > 2);
    CHECK(game.play(3, rows) == game.play(3, rows));
    Game alone(*exec, "dnc(draws=1, coordinates=300)", n, 1, d, {2});
    CHECK(alone.play(5, rows)[0] == game.play(5, rows)[1]);
  }
}

TEST_CASE("dnc averages the messages that every draw keeps") {
  const int n = 12, f = 3, d = 900;
  const auto rows = random_inbox(n, f, d, 350);
  for (const auto& exec : test_backends()) {
    // The far ones are found by every draw, and no other.
    auto honest = reference::wide(rows);
    honest.resize(n - f);
    CHECK(relative_error(aggregate(*exec, "dnc(coordinates=200)", rows, f),
                         reference::Matrix{reference::mean(honest)}) <= 1e-5);
    // Removing two of three by each of many draws leaves nobody.
    const auto none = aggregate(*exec, "dnc(coordinates=200, draws=200, filter=2.7)", random_inbox(n, 0, d, 351), f);
    CHECK(none == FloatMatrix{std::vector<float>(d, 0.0f)});
    // Not a number outside the draw.
    auto broken = rows;
    broken[n - 1] = rows[0];
    broken[n - 1][17] = std::numeric_limits<float>::quiet_NaN();
    const auto out = aggregate(*exec, "dnc(coordinates=2, draws=1)", broken, f)[0];
    for (float value : out) CHECK(std::isfinite(value));
  }
}

TEST_CASE("dnc removes equal messages however far they are") {
  const int n = 15, f = 3, d = 30;
  for (const float far : {1e2f, 1e4f, 1e5f, 5e5f, 1e6f, 3e6f})
    for (unsigned seed = 352; seed < 372; ++seed) {
      auto rows = random_inbox(n, 0, d, seed, 0.5f);
      auto honest = reference::wide(rows);
      honest.resize(n - f);
      const auto center = reference::mean(honest);
      for (int i = n - f; i < n; ++i) {
        rows[i].assign(center.begin(), center.end());
        rows[i][seed % d] += far;
      }
      for (const auto& exec : test_backends()) {
        INFO("far = " << far << ", seed " << seed << " on " << backend_name(*exec));
        CHECK(relative_error(aggregate(*exec, "dnc", rows, f), reference::Matrix{center}) <= 1e-6);
      }
    }
}

TEST_CASE("dnc misses a second direction behind a symmetric first one, as its definition does") {
  auto rows = random_inbox(12, 0, 40, 355, 0);
  rows[9][0] = 1e4f;
  rows[10][0] = -1e4f;
  rows[11][0] = 0;
  rows[11][1] = 1e3f;
  check_against_reference("dnc", rows, 3);
  for (const auto& exec : test_backends()) CHECK(aggregate(*exec, "dnc", rows, 3)[0][1] > 50);
}

}  // namespace
}  // namespace gauntlet
