// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "tests/reference/geometric.hpp"

#include "tests/reference/defenses.hpp"
#include "tests/trial.hpp"

/// The geometric median, and rules made of it or of boxes.
namespace gauntlet {
namespace {

TEST_CASE("parameters of smoothed geometric medians change them as their definitions say") {
  unsigned seed = 122;
  for (const char* text : {"rfa(iterations=20, nu=1)", "rfa(nu=3)"})
    for (const auto& [n, f] : std::vector<std::pair<int, int>>{{11, 2}, {12, 3}})
      check_against_reference(text, random_inbox(n, f, 60, ++seed), f);
}

/// `pairs` messages within about eps of the origin, as many around the first unit vector, then `far` far away.
FloatMatrix facing_clusters(int pairs, int far, int d, float eps, unsigned seed) {
  FloatMatrix rows = random_inbox(2 * pairs + far, 0, d, seed, 0);
  for (int i = 0; i < 2 * pairs + far; ++i) {
    for (float& value : rows[i]) value *= eps;
    if (i >= pairs) rows[i][0] += 1;
    if (i >= 2 * pairs) rows[i][1] += 5;
  }
  return rows;
}

double mean_unit_vector(const reference::Matrix& x, const reference::Vector& point) {
  return reference::norm(reference::pull_at(x, point).sum) / static_cast<double>(x.size());
}

TEST_CASE("the geometric median of two tight clusters that face each other is found") {
  for (const auto& exec : test_backends())
    for (float eps : {0.1f, 0.01f, 1e-3f, 1e-4f})
      for (int pairs : {2, 5})
        for (int d : {2, 3, 30})
          for (unsigned seed : {1u, 2u, 3u}) {
            INFO("eps = " << eps << ", n = " << 2 * pairs << ", d = " << d << ", seed " << seed);
            const FloatMatrix rows = facing_clusters(pairs, 0, d, eps, seed);
            const auto want = reference::geometric_median(reference::wide(rows));
            CHECK(mean_unit_vector(reference::wide(rows), want) <= 1e-13);
            const FloatMatrix got = aggregate(*exec, "geometric-median", rows, pairs - 1);
            // The sum of distances curves like eps² between the clusters, and products of messages round.
            CHECK(relative_error(got, reference::Matrix{want}) <= 3e-7 + 1e-13 / (eps * eps));
            CHECK(mean_unit_vector(reference::wide(rows), reference::wide(got)[0]) <= 3e-7);
          }
}

TEST_CASE("md-geom and box-geom find the medians of two tight clusters that face each other") {
  for (const auto& exec : test_backends())
    for (const char* rule : {"md-geom", "box-geom"})
      for (float eps : {0.1f, 0.01f, 1e-3f, 1e-4f})
        for (unsigned seed : {4u, 5u}) {
          INFO(rule << ", eps = " << eps << ", seed " << seed);
          const FloatMatrix rows = facing_clusters(4, 1, 4, eps, seed);
          CHECK(relative_error(aggregate(*exec, rule, rows, 1), reference::expected(rule, rows, 1)) <= 3e-7);
        }
}

TEST_CASE("the geometric median passes over messages of any size and settles where it is not unique") {
  for (const auto& exec : test_backends()) {
    // Two huge messages apart pull in opposite directions: the rest decides.
    FloatMatrix rows = facing_clusters(4, 0, 3, 0.01f, 6);
    const auto want = reference::geometric_median(reference::wide(rows));
    rows.push_back({0, 0, 1e30f});
    rows.push_back({0, 0, -1e30f});
    CHECK(relative_error(aggregate(*exec, "geometric-median", rows, 2), reference::Matrix{want}) <= 1e-5);
    rows.push_back({0, NAN, 0});
    CHECK(relative_error(aggregate(*exec, "geometric-median", rows, 3), reference::Matrix{want}) <= 1e-5);
    // On a line, every point between the middle two.
    for (int n : {2, 4, 10, 256}) {
      FloatMatrix line;
      for (int i = 0; i < n; ++i) line.push_back({0.1f * static_cast<float>(i), 0.7f * static_cast<float>(i)});
      const auto point = reference::wide(aggregate(*exec, "geometric-median", line, 0))[0];
      const double least = reference::sum_of_distances(reference::wide(line), reference::wide(line)[n / 2]);
      CHECK(reference::sum_of_distances(reference::wide(line), point) <= least * (1 + 1e-6));
    }
  }
}

TEST_CASE("the geometric median of many messages is found") {
  for (const auto& exec : test_backends())
    for (int d : {2, 20}) {
      const FloatMatrix rows = random_inbox(256, 60, d, 7);
      const auto want = reference::geometric_median(reference::wide(rows));
      CHECK(relative_error(aggregate(*exec, "geometric-median", rows, 60), reference::Matrix{want}) <= 1e-6);
    }
}

TEST_CASE("the geometric median is found when it is a message, near one, or far from the mean") {
  for (const auto& exec : test_backends()) {
    const FloatMatrix star = {{1, 0}, {-1, 0}, {0, 1}, {0, -1}, {0, 0}};
    CHECK(relative_error(aggregate(*exec, "geometric-median", star, 1), FloatMatrix{{0, 0}}) <= 1e-6);
    const FloatMatrix doubled = {{0, 0}, {0, 0}, {3, 1}, {-1, 4}};
    CHECK(relative_error(aggregate(*exec, "geometric-median", doubled, 1), FloatMatrix{{0, 0}}) <= 1e-6);
    const FloatMatrix line = {{0}, {1}, {2}, {3}, {1e9f}};
    CHECK(relative_error(aggregate(*exec, "geometric-median", line, 2), FloatMatrix{{2}}) <= 1e-6);
  }
  for (unsigned seed = 50; seed < 60; ++seed) {
    check_against_reference("geometric-median", random_inbox(9, 3, 2, seed), 3);
    check_against_reference("geometric-median", random_inbox(12, 5, 500, seed, 1, 1e4f), 5);
  }
}

TEST_CASE("the boxes count a message that is not finite as never sent") {
  const float nan = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity();
  for (const auto& exec : test_backends()) {
    // One subset is left. Its geometric median sees the sides of the triangle at 120 degrees.
    const FloatMatrix rows = {{0, 1}, {1, 0}, {2, 3}, {nan, nan}};
    CHECK(relative_error(aggregate(*exec, "box-geom", rows, 1), FloatMatrix{{0.559073f, 0.950066f}}) <= 1e-5);
    CHECK(relative_error(aggregate(*exec, "box-mean", rows, 1), FloatMatrix{{1, 4 / 3.0f}}) <= 1e-6);
  }
  const std::vector<std::pair<std::string, std::function<reference::Vector(const reference::Matrix&)>>> centers = {
      {"box-mean", reference::mean}, {"box-geom", reference::geometric_median}};
  for (const auto& [name, center] : centers)
    for (const auto& [n, f, absent] : std::vector<std::array<int, 3>>{{5, 1, 1}, {9, 3, 1}, {9, 3, 2}, {9, 3, 3}})
      for (const float harm : {nan, inf, -inf}) {
        auto rows = random_inbox(n, f - absent, 12, 150 + static_cast<unsigned>(n + absent));
        // Of n - absent messages received, up to f - absent are Byzantine: the definition for those.
        reference::Matrix sent;
        for (auto row = rows.begin() + absent; row != rows.end(); ++row) sent.emplace_back(row->begin(), row->end());
        for (int i = 0; i < absent; ++i) rows[i].assign(12, i % 2 == 0 ? harm : nan);
        for (const auto& exec : test_backends()) {
          INFO(name << ", n = " << n << ", " << absent << " of " << harm << " on " << backend_name(*exec));
          CHECK(relative_error(aggregate(*exec, name, rows, f),
                               reference::Matrix{reference::box(sent, f - absent, center)}) <= 1e-5);
        }
      }
}

TEST_CASE("no coordinate of a box rule's output leaves the trusted values, not even by rounding") {
  const int n = 11, f = 2, d = 400;
  for (const auto& exec : test_backends())
    for (const float far : {0.f, 1e-3f, 1e3f, 1e20f, 1e30f}) {
      FloatMatrix rows = random_inbox(n, f, d, 160, 1000, far);
      // In every other coordinate the honest agree, some of them to the last bit.
      for (int k = 0; k < d; k += 2)
        for (int i = 1; i < n - f; ++i) rows[i][k] = k % 4 == 0 || i % 2 == 0 ? rows[0][k] : rows[0][k] * 1.0000001f;
      for (const char* rule : {"box-geom", "box-mean"}) {
        const auto out = aggregate(*exec, rule, rows, f)[0];
        for (int k = 0; k < d; ++k) {
          std::vector<float> values;
          for (const auto& row : rows) values.push_back(row[k]);
          std::sort(values.begin(), values.end());
          INFO(rule << ", the Byzantine " << far << " away on " << backend_name(*exec) << ", coordinate " << k << ": "
                    << out[k] << " of " << values[f] << " .. " << values[n - f - 1]);
          CHECK((out[k] >= values[f] && out[k] <= values[n - f - 1]));
        }
      }
    }
}

TEST_CASE("box-geom gives the same bits however many subsets are solved at once") {
  // One inbox of these has room for all its subsets, two do not.
  const int n = 22, f = 4, d = 60;
  const std::vector<FloatMatrix> inboxes = {random_inbox(n, f, d, 161), random_inbox(n, f, d, 162)};
  for (const auto& exec : test_backends()) {
    const auto together = Game(*exec, "box-geom", n, f, d, {0, 0}).play(0, inboxes);
    for (std::size_t c = 0; c < 2; ++c) CHECK(together[c] == aggregate(*exec, "box-geom", inboxes[c], f)[0]);
  }
}

}  // namespace
}  // namespace gauntlet
