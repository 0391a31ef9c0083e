// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "kernels/attacks/attack.cuh"
#include "tests/reference/defenses.hpp"
#include "tests/trial.hpp"

/// Rules and attacks in sizes that the emulated device bears: what the tests of all back ends ask with larger ones.
namespace gauntlet {
namespace {

TEST_CASE("every stage agrees with its naive definition on the emulated device", "[emulated]") {
  unsigned seed = 1;
  for (const auto& [name, definition] : reference::definitions()) {
    const std::string pipeline =
        Registry<Stage>::find(name, "defense").role == "meta-aggregator" ? "median | " + name : name;
    for (const auto& [n, f, d] : std::vector<std::array<int, 3>>{{4, 1, 7}, {10, 2, 33}, {13, 3, 140}})
      if (accepts(pipeline, n, f)) check_against_reference(pipeline, random_inbox(n, f, d, ++seed), f);
  }
}

TEST_CASE("rules agree with their definitions for more messages than a warp has lanes", "[emulated]") {
  const int n = 34, f = 8;
  const auto rows = random_inbox(n, f, 6, 90);
  for (const char* pipeline : {"krum", "multi-krum", "monna", "cge", "faba", "trimmed-mean", "meamed", "rfa",
                               "centered-clipping", "nnm | median", "median | ctma"})
    check_against_reference(pipeline, rows, f, 2e-5);
}

TEST_CASE("the order of the workers does not matter on the emulated device", "[emulated]") {
  const int n = 13, f = 2;
  const auto rows = random_inbox(n, f, 20, 41);
  const FloatMatrix reversed(rows.rbegin(), rows.rend());
  const auto trusted = trusted_message(rows, f);
  Exec exec(Backend::cuda);
  for (const auto& entry : Registry<Stage>::all()) {
    const std::string& rule = entry.name;
    if (entry.role != "rule" || !entry.traits.permutation_invariant || !accepts(rule, n, f)) continue;
    INFO(rule);
    CHECK(relative_error(aggregate(exec, rule, reversed, f, trusted), aggregate(exec, rule, rows, f, trusted)) <= 1e-6);
  }
}

TEST_CASE("robust rules stay near the honest messages whatever the others hold", "[emulated]") {
  const int n = 8, f = 1, d = 20;
  const auto honest = random_inbox(n, 0, d, 45, 0.5f);
  const auto center = trusted_message(honest, f);
  Exec exec(Backend::cuda);
  for (const auto& entry : Registry<Stage>::all()) {
    if (entry.role != "rule" || !entry.traits.robust || !accepts(entry.name, n, f)) continue;
    if (entry.name == "caf") continue;  // thousands of barriers where messages are this far apart
    for (const float harm : {NAN, -1e30f}) {
      INFO(entry.name << ", " << harm);
      auto rows = honest;
      for (int i = n - f; i < n; ++i) rows[i].assign(d, harm);
      const auto out = aggregate(exec, entry.name, rows, f, center)[0];
      double square = 0;
      for (int k = 0; k < d; ++k) square += std::pow(static_cast<double>(out[k]) - center[k], 2);
      CHECK(std::sqrt(square) <= 20);  // NaN fails the comparison
    }
  }
}

TEST_CASE("attacks that know the defense search against rules of every kind", "[emulated]") {
  const int n = 9, f = 2, d = 20;
  std::vector<float> rows;
  for (const auto& row : random_inbox(n, 0, d, 50)) rows.insert(rows.end(), row.begin(), row.end());
  const std::vector<float> trusted(d, 0.5f);
  Exec exec(Backend::cuda);
  for (const auto& entry : Registry<Attack>::all()) {
    if (!entry.create({entry.name, {}}, n, f)->knows_defense()) continue;
    for (const char* defense : {"krum", "trimmed-mean", "median | ctma", "signsgd-fd", "fltrust"}) {
      INFO(entry.name << " against " << defense);
      Trial trial(exec, entry.name, defense, n, f, d, {3});
      for (const float value : trial.act(0, rows.data(), trusted.data())) CHECK(std::isfinite(value));
      CHECK(trial.padding_is_zero());
      for (const float value : trial.aggregates()) CHECK(std::isfinite(value));
    }
  }
}

}  // namespace
}  // namespace gauntlet
