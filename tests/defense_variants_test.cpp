// SPDX-License-Identifier: Apache-2.0
#include <limits>
#include <map>
#include <set>

#include "tests/defense_support.hpp"

// What single rules do with their parameters and in the cases that make them special.
namespace gauntlet {
namespace {

TEST_CASE("parameters change a rule as its definition says") {
  unsigned seed = 100;
  for (const char* text : {"median(even=lower)",
                           "median(even=upper)",
                           "meamed(even=lower)",
                           "trimmed-mean(trim=1)",
                           "phocas(trim=0)",
                           "krum(neighbors=n-f-1)",
                           "krum(power=1)",
                           "krum(power=4)",
                           "multi-krum(m=2)",
                           "multi-krum(m=3, power=1)",
                           "rfa(iterations=20, nu=1)",
                           "centered-clipping(iterations=4, tau=3)",
                           "centered-clipping(tau=0.5)",
                           "centered-clipping(stateless=true, tau=4)",
                           "centered-clipping(stateless=true, iterations=3, tau=1)",
                           "centered-clipping(stateless=true, start=mean, iterations=10, tau=2)",
                           "centered-clipping(stateless=true, start=zero, tau=4)",
                           "centered-clipping(stateless=true, even=lower, tau=1)",
                           "monna(pivot=4)",
                           "clipping(threshold=7)"})
    for (const auto& [n, f] : std::vector<std::pair<int, int>>{{11, 2}, {12, 3}})
      check_against_reference(text, random_inbox(n, f, 60, ++seed), f);
}

TEST_CASE("bulyan has the forms of its two other implementations") {
  unsigned seed = 180;
  for (const char* text :
       {"bulyan(power=1, even=lower)", "bulyan(form=initial, power=1, even=lower)", "bulyan(form=initial, m=3)",
        "bulyan(form=initial, m=1)", "bulyan(form=subtracted, even=upper)"})
    for (const auto& [n, f] : std::vector<std::pair<int, int>>{{7, 1}, {11, 2}, {17, 3}})
      check_against_reference(text, random_inbox(n, f, 60, ++seed), f);
  const auto message = [](const std::string& text) {
    return user_error([&] { Pipeline(parse_pipeline(text), 11, 2); });
  };
  CHECK(contains(message("bulyan(m=3)"), "m is for form=initial and form=subtracted"));
  CHECK(contains(message("bulyan(form=initial, m=8)"), "m = 8 is out of range 1..7"));
  CHECK(contains(message("bulyan(form=subtracted, m=4)"), "m = 4 is out of range 5..7"));
  CHECK_FALSE(accepts("bulyan(form=initial)", 11, 0));
  CHECK(contains(message("centered-clipping(start=mean)"), "start is for stateless=true"));
}

TEST_CASE("krum with its neighbors written needs a majority only") {
  for (const std::string name : {"krum", "multi-krum"}) {
    for (const auto& [n, f] : std::vector<std::pair<int, int>>{{3, 1}, {5, 2}, {6, 2}, {11, 5}}) {
      CHECK(unmet_need(parse_pipeline(name), n, f) ==
            name + " needs n > 2f + 2 (n = " + std::to_string(n) + ", f = " + std::to_string(f) + ")");
      CHECK(accepts(name + "(neighbors=n-f-1)", n, f));
      check_against_reference(name + "(neighbors=n-f-1)", random_inbox(n, f, 20, 120 + n), f);
      check_against_reference(name + "(neighbors=1, power=1)", random_inbox(n, f, 20, 140 + n), f);
    }
    CHECK(contains(unmet_need(parse_pipeline(name + "(neighbors=n-f-1)"), 6, 3), name + " needs n > 2f (n = 6"));
    CHECK_FALSE(accepts(name + "(power=1)", 5, 2));
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

TEST_CASE("mda takes the first of equal subsets and finds the least diameter among many") {
  for (const auto& exec : test_backends()) {
    CHECK(aggregate(*exec, "mda", {{0}, {1}, {2}, {3}, {4}}, 2)[0][0] == 1);
    CHECK(aggregate(*exec, "mda", {{0}, {4}, {1}, {3}, {2}}, 2)[0][0] == Approx(1));  // {0, 1, 2} as rows 0, 2, 4
    CHECK(aggregate(*exec, "mda", {{5}, {5}, {5}}, 1)[0][0] == 5);
    // On a circle every subset is about as wide as any other: the hard case for a search that prunes by diameter.
    FloatMatrix circle;
    for (int i = 0; i < 40; ++i)
      circle.push_back({static_cast<float>(std::cos(0.157 * i)), static_cast<float>(std::sin(0.157 * i))});
    CHECK(std::isfinite(aggregate(*exec, "mda", circle, 8)[0][0]));
  }
  check_against_reference("mda", random_inbox(18, 0, 3, 49), 6);
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

TEST_CASE("bucketing puts every message into one bucket, differently in every round and seed") {
  for (const auto& exec : test_backends())
    for (const auto& [n, size] : std::vector<std::pair<int, int>>{{8, 2}, {9, 2}, {10, 3}, {5, 5}, {4, 1}, {300, 7}}) {
      FloatMatrix unit(static_cast<std::size_t>(n), std::vector<float>(static_cast<std::size_t>(n), 0.0f));
      for (int i = 0; i < n; ++i) unit[i][i] = 1;
      const auto buckets = aggregate(*exec, "bucketing(size=" + std::to_string(size) + ")", unit, 0);
      REQUIRE(static_cast<int>(buckets.size()) == (n + size - 1) / size);
      std::vector<int> members(static_cast<std::size_t>(n), 0);
      for (const auto& bucket : buckets) {
        float total = 0;
        for (int i = 0; i < n; ++i) total += bucket[i], members[i] += bucket[i] > 0;
        CHECK(total == Approx(1));
      }
      CHECK(members == std::vector<int>(static_cast<std::size_t>(n), 1));
    }
}

TEST_CASE("centered clipping goes on from its last output") {
  const std::vector<FloatMatrix> inboxes = {random_inbox(9, 2, 60, 80), random_inbox(9, 2, 60, 81)};
  for (const auto& exec : test_backends()) {
    const auto outputs = rounds(*exec, "centered-clipping(tau=2)", inboxes, 2, 4);
    for (std::size_t c = 0; c < inboxes.size(); ++c)
      for (int t = 0; t < 4; ++t) {
        const auto want = expected("centered-clipping(tau=2, iterations=" + std::to_string(t + 1) + ")", inboxes[c], 2);
        CHECK(relative_error({outputs[t][c]}, want) <= 1e-5);
      }
    const auto fresh = rounds(*exec, "centered-clipping(tau=2, stateless=true)", inboxes, 2, 3);
    CHECK(fresh[0] == fresh[2]);
  }
}

TEST_CASE("wrong parameters of a defense are the user's errors") {
  const auto rows = random_inbox(7, 1, 3, 60);
  Exec exec(Backend::cpu);
  for (const auto& [pipeline, part] :
       std::vector<std::pair<std::string, std::string>>{{"multi-krum(m=8)", "m = 8 is out of range 1..7"},
                                                        {"krum(neighbors=7)", "neighbors = 7 is out of range 1..6"},
                                                        {"trimmed-mean(trim=4)", "trim = 4 is out of range 0..3"},
                                                        {"phocas(trim=4)", "phocas: trim = 4"},
                                                        {"monna(pivot=7)", "pivot = 7 is out of range 0..6"},
                                                        {"bucketing(size=8) | mean", "size = 8 is out of range 1..7"},
                                                        {"bucketing(size=0) | mean", "size"},
                                                        {"rfa(nu=0)", "nu"},
                                                        {"medain", "did you mean 'median'"}}) {
    INFO(pipeline);
    CHECK(contains(user_error([&] { aggregate(exec, pipeline, rows, 1); }), part));
  }
  CHECK(contains(unmet_need(parse_pipeline("median"), 6, 3), "n > 2f"));
  CHECK(contains(unmet_need(parse_pipeline("mda"), 80, 30), "f <= 24"));
  CHECK(accepts("box-geom", 80, 3));
  CHECK(contains(unmet_need(parse_pipeline("smea"), 80, 3), "C(n, f) n^2 <= 2e8 (tries all subsets) (n = 80, f = 3)"));
  CHECK(accepts("smea", 60, 3));
  CHECK(accepts("smea", 20, 7));
  CHECK_FALSE(accepts("smea", 20, 8));
}

}  // namespace
}  // namespace gauntlet
