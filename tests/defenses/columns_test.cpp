// SPDX-License-Identifier: Apache-2.0
#include <limits>

#include "tests/reference/defenses.hpp"
#include "tests/trial.hpp"

/// Rules that look at each coordinate by itself.
namespace gauntlet {
namespace {

TEST_CASE("parameters of column rules change them as their definitions say") {
  unsigned seed = 100;
  for (const char* text :
       {"median(even=lower)", "median(even=upper)", "meamed(even=lower)", "trimmed-mean(trim=1)", "phocas(trim=0)"})
    for (const auto& [n, f] : std::vector<std::pair<int, int>>{{11, 2}, {12, 3}})
      check_against_reference(text, random_inbox(n, f, 60, ++seed), f);
}

TEST_CASE("column rules stay in the honest range, coordinate by coordinate") {
  const int n = 14, f = 4, d = 64;
  const float inf = std::numeric_limits<float>::infinity();
  for (const auto& exec : test_backends())
    for (const auto& entry : Registry<Stage>::all())
      for (float harm : {1e30f, -1e30f, inf, -inf, std::numeric_limits<float>::quiet_NaN()}) {
        const std::string& rule = entry.name;
        if (entry.role != "rule" || entry.space != "column") continue;
        if (!entry.traits.within_box || !accepts(rule, n, f)) continue;
        auto rows = random_inbox(n, 0, d, 46);
        for (int i = n - f; i < n; ++i) rows[i].assign(d, harm);
        const auto out = aggregate(*exec, rule, rows, f)[0];
        for (int k = 0; k < d; ++k) {
          float low = inf, high = -inf;
          for (int i = 0; i < n - f; ++i) low = std::min(low, rows[i][k]), high = std::max(high, rows[i][k]);
          INFO(rule << ", " << harm << ", coordinate " << k);
          CHECK((out[k] >= low && out[k] <= high));
        }
      }
}

TEST_CASE("messages of signs, where most values are equally near, are drawn to no side") {
  for (const auto& [n, f] : std::vector<std::pair<int, int>>{{11, 2}, {15, 3}}) {
    FloatMatrix rows = random_inbox(n, f, 300, 77);
    for (auto& row : rows)
      for (float& x : row) x = x > 0 ? 1.0f : -1.0f;
    for (const char* rule : {"meamed", "phocas"}) check_against_reference(rule, rows, f);
    for (const auto& exec : test_backends())
      for (const auto& rule : names_of("rule"))
        for (const std::string& pipeline : {rule, "nnm | " + rule}) {
          if (!accepts(pipeline, n, f)) continue;
          INFO(pipeline << ", n = " << n << " on " << backend_name(*exec));
          CHECK(relative_error(aggregate(*exec, pipeline, grown(rows, -1), f),
                               grown(aggregate(*exec, pipeline, rows, f), -1)) <= 1e-6);
        }
  }
}

}  // namespace
}  // namespace gauntlet
