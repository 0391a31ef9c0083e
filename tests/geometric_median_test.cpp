// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <string>
#include <vector>

#include "tests/backends.hpp"
#include "tests/defense_support.hpp"
#include "tests/support.hpp"

namespace gauntlet {
namespace {

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

reference::Matrix in_double(const FloatMatrix& rows) {
  reference::Matrix x;
  for (const auto& row : rows) x.emplace_back(row.begin(), row.end());
  return x;
}

double mean_unit_vector(const reference::Matrix& x, const reference::Vector& point) {
  return reference::norm(reference::pull_at(x, point).sum) / static_cast<double>(x.size());
}

}  // namespace

TEST_CASE("the geometric median of two tight clusters that face each other is found") {
  for (const auto& exec : test_backends())
    for (float eps : {0.1f, 0.01f, 1e-3f, 1e-4f})
      for (int pairs : {2, 5})
        for (int d : {2, 3, 30})
          for (unsigned seed : {1u, 2u, 3u}) {
            INFO("eps = " << eps << ", n = " << 2 * pairs << ", d = " << d << ", seed " << seed);
            const FloatMatrix rows = facing_clusters(pairs, 0, d, eps, seed);
            const auto want = reference::geometric_median(in_double(rows));
            CHECK(mean_unit_vector(in_double(rows), want) <= 1e-13);
            const FloatMatrix got = aggregate(*exec, "geometric-median", rows, pairs - 1);
            // The sum of distances curves like eps² between the clusters, and products of messages round.
            CHECK(relative_error(got, reference::Matrix{want}) <= 3e-7 + 1e-13 / (eps * eps));
            CHECK(mean_unit_vector(in_double(rows), in_double(got)[0]) <= 3e-7);
          }
}

TEST_CASE("md-geom and box-geom find the medians of two tight clusters that face each other") {
  for (const auto& exec : test_backends())
    for (const char* rule : {"md-geom", "box-geom"})
      for (float eps : {0.1f, 0.01f, 1e-3f, 1e-4f})
        for (unsigned seed : {4u, 5u}) {
          INFO(rule << ", eps = " << eps << ", seed " << seed);
          const FloatMatrix rows = facing_clusters(4, 1, 4, eps, seed);
          CHECK(relative_error(aggregate(*exec, rule, rows, 1), expected(rule, rows, 1)) <= 3e-7);
        }
}

TEST_CASE("the geometric median passes over messages of any size and settles where it is not unique") {
  for (const auto& exec : test_backends()) {
    // Two huge messages apart pull in opposite directions: the rest decides.
    FloatMatrix rows = facing_clusters(4, 0, 3, 0.01f, 6);
    const auto want = reference::geometric_median(in_double(rows));
    rows.push_back({0, 0, 1e30f});
    rows.push_back({0, 0, -1e30f});
    CHECK(relative_error(aggregate(*exec, "geometric-median", rows, 2), reference::Matrix{want}) <= 1e-5);
    rows.push_back({0, NAN, 0});
    CHECK(relative_error(aggregate(*exec, "geometric-median", rows, 3), reference::Matrix{want}) <= 1e-5);
    // On a line, every point between the middle two.
    for (int n : {2, 4, 10, 256}) {
      FloatMatrix line;
      for (int i = 0; i < n; ++i) line.push_back({0.1f * static_cast<float>(i), 0.7f * static_cast<float>(i)});
      const auto point = in_double(aggregate(*exec, "geometric-median", line, 0))[0];
      const double least = reference::sum_of_distances(in_double(line), in_double(line)[n / 2]);
      CHECK(reference::sum_of_distances(in_double(line), point) <= least * (1 + 1e-6));
    }
  }
}

TEST_CASE("the geometric median of many messages is found") {
  for (const auto& exec : test_backends())
    for (int d : {2, 20}) {
      const FloatMatrix rows = random_inbox(256, 60, d, 7);
      const auto want = reference::geometric_median(in_double(rows));
      CHECK(relative_error(aggregate(*exec, "geometric-median", rows, 60), reference::Matrix{want}) <= 1e-6);
    }
}

}  // namespace gauntlet
