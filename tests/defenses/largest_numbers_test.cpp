// SPDX-License-Identifier: Apache-2.0
#include <cfloat>

#include "tests/trial.hpp"

/// Messages of numbers that are finite, though sums and squares of them are not.
namespace gauntlet {
namespace {

constexpr float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();

enum class Signs { plus, minus, by_row, by_coordinate };

/// n messages of numbers that are `size` to one part in a hundred, with these signs.
FloatMatrix large_inbox(int n, int d, float size, Signs signs) {
  FloatMatrix rows = random_inbox(n, 0, d, 600, 0);
  for (int i = 0; i < n; ++i)
    for (int k = 0; k < d; ++k) {
      const bool negative = signs == Signs::minus || (signs == Signs::by_row && i % 2 == 1) ||
                            (signs == Signs::by_coordinate && k % 3 == 1);
      const float share = 1 - std::min(0.01f, 0.003f * std::fabs(rows[i][k]));
      rows[i][k] = (negative ? -size : size) * share;
    }
  return rows;
}

/// No coordinate of `out` lies beyond the finite values of the messages, up to rounding.
void check_within(const std::vector<float>& out, const FloatMatrix& rows) {
  for (std::size_t k = 0; k < out.size(); ++k) {
    double low = inf, high = -inf;
    for (const auto& row : rows)
      if (std::isfinite(row[k])) low = std::min<double>(low, row[k]), high = std::max<double>(high, row[k]);
    const double slack = 1e-6 * std::max(std::fabs(low), std::fabs(high));
    INFO("coordinate " << k << ": " << out[k] << " of " << low << " .. " << high);
    CHECK((std::isfinite(out[k]) && out[k] >= low - slack && out[k] <= high + slack));
  }
}

void check_pipeline(Exec& exec, const std::string& pipeline, const Component& rule, const FloatMatrix& rows, int f) {
  const auto out = aggregate(exec, pipeline, rows, f)[0];
  if (rule.traits.within_box) return check_within(out, rows);
  for (const float value : out) CHECK(std::isfinite(value));
}

TEST_CASE("of honest messages near the largest float every rule makes a finite one among them", "[largest]") {
  const int n = 13, d = 20;
  for (const auto& exec : test_backends())
    for (const auto& entry : Registry<Stage>::all()) {
      if (entry.role != "rule") continue;
      for (const float size : {3e38f, FLT_MAX})
        for (const Signs signs : {Signs::plus, Signs::minus, Signs::by_row, Signs::by_coordinate})
          for (const int f : {0, 2}) {
            if (!accepts(entry.name, n, f)) continue;
            INFO(entry.name << ", f = " << f << ", signs " << static_cast<int>(signs) << " of " << size << " on "
                            << backend_name(*exec));
            check_pipeline(*exec, entry.name, entry, large_inbox(n, d, size, signs), f);
          }
    }
}

TEST_CASE("the same in pipelines and beside Byzantine messages of any size", "[largest]") {
  const int n = 13, f = 2, d = 12;
  for (const auto& exec : test_backends())
    for (const auto& entry : Registry<Stage>::all()) {
      if (entry.role != "rule" || !entry.traits.robust) continue;
      for (const std::string& pipeline : {entry.name, "nnm | " + entry.name, entry.name + " | ctma"})
        for (const float harm : {nan, inf, -inf, FLT_MAX, -FLT_MAX, 0.0f}) {
          if (!accepts(pipeline, n, f)) continue;
          INFO(pipeline << " and " << harm << " on " << backend_name(*exec));
          auto rows = large_inbox(n, d, 3e38f, Signs::by_coordinate);
          for (int i = n - f; i < n; ++i) rows[i].assign(d, harm);
          check_pipeline(*exec, pipeline, entry, rows, f);
        }
    }
}

TEST_CASE("rules give of equal messages of the largest float that float", "[largest]") {
  for (const auto& exec : test_backends())
    for (const auto& entry : Registry<Stage>::all())
      for (const int n : {11, 13, 30, 100})
        for (const float value : {FLT_MAX, -FLT_MAX, 1e-45f, 0.3f}) {
          if (entry.role != "rule" || !entry.traits.unanimous || !accepts(entry.name, n, 2)) continue;
          INFO(entry.name << ", n = " << n << ", " << value << " on " << backend_name(*exec));
          CHECK(aggregate(*exec, entry.name, FloatMatrix(n, {value}), 2)[0][0] ==
                Approx(value).epsilon(1e-6).margin(FLT_MIN));
        }
}

TEST_CASE("rules give messages scaled by a power of two scaled, to the last bit", "[largest]") {
  const int n = 13, f = 2;
  const auto rows = random_inbox(n, f, 200, 601);
  for (const auto& exec : test_backends())
    for (const auto& entry : Registry<Stage>::all()) {
      if (entry.role != "rule" || !entry.traits.scale_equivariant || !accepts(entry.name, n, f)) continue;
      INFO(entry.name << " on " << backend_name(*exec));
      auto grown = rows;
      for (auto& row : grown)
        for (float& value : row) value *= 0x1p124f;
      auto want = aggregate(*exec, entry.name, rows, f);
      for (float& value : want[0]) value *= 0x1p124f;
      CHECK(aggregate(*exec, entry.name, grown, f) == want);
    }
}

}  // namespace
}  // namespace gauntlet
