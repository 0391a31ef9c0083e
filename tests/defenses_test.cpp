// SPDX-License-Identifier: Apache-2.0
#include <toml++/toml.h>
#include <set>

#include "src/data/npy.hpp"
#include "tests/backends.hpp"
#include "tests/defense_support.hpp"
#include "tests/support.hpp"

namespace gauntlet {
namespace {

/// Random by design: they have tests of their own, and no definition to agree with.
const std::set<std::string> random_stages = {"bucketing", "resampling"};

std::vector<std::string> names_of(const std::string& role) {
  std::vector<std::string> result;
  for (const auto& entry : Registry<Stage>::all())
    if (entry.role == role) result.push_back(entry.name);
  return result;
}

TEST_CASE("every defense gives its known answers") {
  for (const auto& exec : test_backends())
    for (const auto& entry : Registry<Stage>::all()) {
      if (entry.role != "meta-aggregator") CHECK_FALSE(entry.known_answers.empty());
      for (const auto& answer : entry.known_answers) {
        const std::string text = entry.name + (answer.arguments.empty() ? "" : "(" + answer.arguments + ")");
        INFO(text << " on " << backend_name(*exec));
        CHECK(relative_error(aggregate(*exec, text, answer.input, answer.f, answer.trusted), answer.output) <= 1e-6);
      }
    }
}

TEST_CASE("every defense that is not random has a naive definition to agree with") {
  for (const auto& entry : Registry<Stage>::all()) {
    INFO(entry.name);
    CHECK(reference::stages().count(entry.name) + random_stages.count(entry.name) == 1);
  }
}

TEST_CASE("every rule and pre-aggregator agrees with its naive definition on random inboxes") {
  unsigned seed = 1;
  for (const auto& [name, stage] : reference::stages()) {
    if (Registry<Stage>::find(name, "defense").role == "meta-aggregator") continue;
    for (const auto& [n, f, d] : std::vector<std::array<int, 3>>{
             {3, 0, 1}, {4, 1, 7}, {7, 1, 130}, {10, 0, 33}, {10, 2, 257}, {11, 2, 40}, {13, 3, 300}, {14, 3, 16}})
      if (accepts(name, n, f)) check_against_reference(name, random_inbox(n, f, d, ++seed), f);
  }
}

TEST_CASE("messages of signs, where most values are equally near, are drawn to no side") {
  for (const char* rule : {"meamed", "phocas", "bulyan", "nnm | meamed"})
    for (const auto& [n, f] : std::vector<std::pair<int, int>>{{11, 2}, {15, 3}}) {
      FloatMatrix rows = random_inbox(n, f, 300, 77), negated;
      for (auto& row : rows)
        for (float& x : row) x = x > 0 ? 1.0f : -1.0f;
      negated = rows;
      for (auto& row : negated)
        for (float& x : row) x = -x;
      if (std::string(rule) != "bulyan" && std::string(rule) != "nnm | meamed") check_against_reference(rule, rows, f);
      for (const auto& exec : test_backends()) {
        INFO(rule << ", n = " << n << " on " << backend_name(*exec));
        reference::Matrix turned;
        for (const auto& row : aggregate(*exec, rule, negated, f)) {
          turned.emplace_back(row.begin(), row.end());
          for (double& x : turned.back()) x = -x;
        }
        CHECK(relative_error(aggregate(*exec, rule, rows, f), turned) <= 1e-6);
      }
    }
}

TEST_CASE("pipelines of any length agree with their stages' definitions") {
  unsigned seed = 200;
  const int n = 13, f = 3;
  for (const auto& rule : names_of("rule"))
    for (const std::string& pipeline :
         {"nnm | " + rule, "arc | nnm | " + rule, "clipping(threshold=6) | nnm | nnm | " + rule, rule + " | ctma",
          "nnm | " + rule + " | ctma", rule + " | ctma | ctma"})
      // Where nnm has left every message an equal one, rounding decides whom foolsgold trusts.
      if (accepts(pipeline, n, f) && pipeline != "clipping(threshold=6) | nnm | nnm | foolsgold")
        check_against_reference(pipeline, random_inbox(n, f, 90, ++seed), f);
}

TEST_CASE("rules take large inboxes") {
  const std::set<std::string> slow_definitions = {"bulyan", "box-mean"};
  const auto wide = random_inbox(column_limit, 60, 20, 7);
  const auto large = random_inbox(320, 70, 24, 8);
  for (const auto& name : names_of("rule")) {
    INFO(name);
    if (!accepts(name, column_limit, 60)) {  // tries subsets
      CHECK(contains(unmet_need(parse_pipeline(name), column_limit, 60), name + " needs "));
      continue;
    }
    if (slow_definitions.count(name) != 0) continue;
    check_against_reference(name, wide, 60, 2e-5);
    if (accepts(name, 320, 70)) check_against_reference(name, large, 70, 2e-5);
  }
  check_against_reference("nnm", large, 70, 2e-5);
  check_against_reference("mean | ctma", large, 70, 2e-5);
  CHECK(contains(unmet_need(parse_pipeline("median"), column_limit + 1, 1), "n <= 256"));
}

TEST_CASE("equal Byzantine messages are ranked one by one") {
  // f copies of one message at the lower end tie with each other; a rule may drop some of them and keep others.
  for (const auto& rule : names_of("rule"))
    for (float offset : {-0.7f, -1.5f, 0.4f, 3.0f}) {
      auto rows = random_inbox(11, 0, 200, 31);
      for (int i = 7; i < 11; ++i)
        for (std::size_t k = 0; k < rows[i].size(); ++k) rows[i][k] = rows[0][k] + offset;
      if (accepts(rule, 11, 4)) check_against_reference(rule, rows, 4);
    }
}

TEST_CASE("the order of the workers does not matter") {
  const int n = 13, f = 3;
  const auto rows = random_inbox(n, f, 50, 41);
  const FloatMatrix reversed(rows.rbegin(), rows.rend());
  for (const auto& exec : test_backends())
    for (const auto& rule : names_of("rule")) {
      if (rule == "monna" || !accepts(rule, n, f)) continue;  // monna trusts one index
      INFO(rule);
      const auto trusted = trusted_message(rows, f);
      CHECK(relative_error(aggregate(*exec, rule, reversed, f, trusted), aggregate(*exec, rule, rows, f, trusted)) <=
            1e-6);
    }
}

TEST_CASE("rules move and grow with the messages where their definition does") {
  const int n = 13, f = 3;
  const auto rows = random_inbox(n, f, 50, 42);
  const std::set<std::string> bound_to_zero = {"rfa",     "signsgd-mv", "signsgd-fd", "centered-clipping",
                                               "cge",     "foolsgold",  "signguard",  "clipped-clustering",
                                               "fltrust", "zeno"};
  const std::set<std::string> bound_to_a_length = {"rfa", "signsgd-mv", "signsgd-fd", "centered-clipping"};
  for (const auto& exec : test_backends())
    for (const auto& rule : names_of("rule")) {
      if (!accepts(rule, n, f)) continue;
      INFO(rule);
      auto moved = rows, grown = rows;
      for (int i = 0; i < n; ++i)
        for (std::size_t k = 0; k < rows[i].size(); ++k) {
          moved[i][k] += 0.25f * static_cast<float>(k);
          grown[i][k] *= 8;
        }
      const auto plain = aggregate(*exec, rule, rows, f);
      if (bound_to_zero.count(rule) == 0) {
        auto want = plain;
        for (std::size_t k = 0; k < want[0].size(); ++k) want[0][k] += 0.25f * static_cast<float>(k);
        CHECK(relative_error(aggregate(*exec, rule, moved, f), want) <= 1e-5);
      }
      if (bound_to_a_length.count(rule) == 0) {
        auto want = plain;
        for (float& value : want[0]) value *= 8;
        CHECK(relative_error(aggregate(*exec, rule, grown, f), want) <= 1e-5);
      }
    }
}

TEST_CASE("equal messages come back as they are") {
  const FloatMatrix equal(11, random_inbox(1, 0, 70, 43, 0.5f)[0]);
  for (const auto& exec : test_backends())
    for (const auto& rule : names_of("rule")) {
      if (rule == "signsgd-mv" || rule == "signsgd-fd") continue;  // gives signs
      for (const std::string& pipeline : {rule, "nnm | " + rule, rule + " | ctma", "bucketing | " + rule}) {
        if (!accepts(pipeline, 11, 2)) continue;
        INFO(pipeline);
        // Centered clipping comes the whole way only from within tau.
        const std::string text = rule == "centered-clipping" ? "centered-clipping(tau=1e6)" : pipeline;
        CHECK(relative_error(aggregate(*exec, text, equal, 2), FloatMatrix{equal[0]}) <= 1e-6);
      }
    }
}

TEST_CASE("without Byzantine workers the selecting rules give the mean") {
  const auto rows = random_inbox(9, 0, 40, 44);
  for (const auto& exec : test_backends())
    for (const char* rule : {"trimmed-mean", "phocas", "meamed", "multi-krum", "mda", "monna", "nnm | mean",
                             "median | ctma", "arc | mean", "bucketing(size=3) | mean"}) {
      INFO(rule);
      CHECK(relative_error(aggregate(*exec, rule, rows, 0), aggregate(*exec, "mean", rows, 0)) <= 1e-6);
    }
}

TEST_CASE("f rows of NaN, infinity or norm 1e30 leave every robust defense near the honest messages") {
  const int n = 15, f = 3, d = 20;
  const auto honest = random_inbox(n, 0, d, 45, 0.5f);
  reference::Matrix trusted;
  for (int i = 0; i < n - f; ++i) trusted.emplace_back(honest[i].begin(), honest[i].end());
  const auto center = reference::mean(trusted);
  double radius = 0;
  for (const auto& row : trusted) radius = std::max(radius, reference::distance(row, center));

  const float nan = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity();
  const float most = std::numeric_limits<float>::max();
  const std::vector<std::function<float(int i, int k)>> harms = {
      [=](int, int) { return nan; },
      [=](int, int) { return inf; },
      [=](int, int) { return -inf; },
      [=](int i, int k) { return (i + k) % 2 == 0 ? inf : -inf; },
      [=](int i, int k) { return i == n - 1   ? nan
                                 : i == n - 2 ? (k == 3 ? -inf : 0.0f)
                                              : 1e30f; },
      [](int, int k) { return k % 2 == 0 ? 1e30f : -1e30f; },
      [](int i, int k) { return (i * 7 + k) % 3 == 0 ? 1e30f : -2e29f; },
      [=](int i, int) { return i % 2 == 0 ? most : -most; },
  };
  std::vector<std::string> pipelines;
  for (const auto& entry : Registry<Stage>::all()) {
    if (entry.role != "rule" || !entry.robust) continue;
    for (const std::string before :
         {"", "nnm | ", "arc | ", "clipping(threshold=100) | ", "bucketing | ", "arc | nnm | "})
      for (const std::string after : {"", " | ctma"})
        if (accepts(before + entry.name + after, n, f)) pipelines.push_back(before + entry.name + after);
  }
  pipelines.push_back("centered-clipping(stateless=true, tau=1, iterations=5)");
  CHECK(pipelines.size() > 60);
  for (const auto& exec : test_backends())
    for (const auto& pipeline : pipelines)
      for (std::size_t h = 0; h < harms.size(); ++h) {
        INFO(pipeline << ", harm " << h << " on " << backend_name(*exec));
        auto rows = honest;
        for (int i = n - f; i < n; ++i)
          for (int k = 0; k < d; ++k) rows[i][k] = harms[h](i, k);
        const auto out = aggregate(*exec, pipeline, rows, f)[0];
        // NaN fails the comparison.
        CHECK(reference::distance(reference::Vector(out.begin(), out.end()), center) <= 3 * radius);
      }
}

TEST_CASE("column rules stay in the honest range, coordinate by coordinate") {
  const int n = 14, f = 4, d = 64;
  const float inf = std::numeric_limits<float>::infinity();
  for (const auto& exec : test_backends())
    for (const char* rule : {"median", "trimmed-mean", "phocas", "meamed"})
      for (float harm : {1e30f, -1e30f, inf, -inf, std::numeric_limits<float>::quiet_NaN()}) {
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

TEST_CASE("messages that agree to one part in a million keep their distances") {
  const int n = 11, f = 2, d = 400;
  auto rows = random_inbox(n, f, d, 47, 0, 5);
  std::vector<float> common = random_inbox(1, 0, d, 48)[0];
  for (auto& row : rows)
    for (int k = 0; k < d; ++k) row[k] = 1000 * common[k] + 1e-3f * row[k];
  for (const char* rule : {"krum", "multi-krum", "mda", "monna", "nnm | median", "median | ctma"})
    check_against_reference(rule, rows, f, 1e-7);
}

TEST_CASE("an inbox in a batch gives the same bits as alone") {
  std::vector<FloatMatrix> inboxes;
  for (unsigned c = 0; c < 3; ++c) inboxes.push_back(random_inbox(11, 2, 150, 70 + c));
  for (const auto& exec : test_backends())
    for (const auto& rule : names_of("rule"))
      for (const std::string& pipeline : {rule, "nnm | " + rule, rule + " | ctma"}) {
        if (!accepts(pipeline, 11, 2)) continue;
        INFO(pipeline);
        const auto together = rounds(*exec, pipeline, inboxes, 2, 1)[0];
        for (std::size_t c = 0; c < 3; ++c) CHECK(together[c] == aggregate(*exec, pipeline, inboxes[c], 2)[0]);
      }
}

TEST_CASE("golden vectors of other implementations are met") {
  const auto folder = shared_folder() / "golden";
  if (!std::filesystem::exists(folder / "cases.toml")) SKIP_TEST("no golden vectors: set GAUNTLET_SHARED");
  const auto cases = toml::parse_file((folder / "cases.toml").string());
  std::set<std::string> unknown;
  int checked = 0;
  for (const auto& node : *cases["case"].as_array()) {
    const auto& test = *node.as_table();
    const std::string kind = *test["kind"].value<std::string>(), spec = *test["spec"].value<std::string>();
    if (kind == "attack") continue;
    bool known = true;
    for (const auto& text : parse_pipeline(spec))
      if (Registry<Stage>::lookup(text.name) == nullptr) known = false, unknown.insert(text.name);
    if (!known) continue;
    const auto read = [&](const char* key) {
      const auto matrix = read_npy(folder / *test[key].value<std::string>());
      FloatMatrix rows;
      for (std::size_t i = 0; i < matrix.rows; ++i)
        rows.emplace_back(matrix.values.begin() + static_cast<std::ptrdiff_t>(i * matrix.columns),
                          matrix.values.begin() + static_cast<std::ptrdiff_t>((i + 1) * matrix.columns));
      return rows;
    };
    const int f = static_cast<int>(*test["f"].value<std::int64_t>());
    for (const auto& exec : test_backends()) {
      INFO(spec << " of " << *test["input"].value<std::string>() << ", f = " << f << " on " << backend_name(*exec));
      CHECK(relative_error(aggregate(*exec, spec, read("input"), f), read("output")) <= *test["rtol"].value<double>());
    }
    ++checked;
  }
  for (const auto& name : unknown) WARN("not yet known: " << name);
  CHECK(checked > 0);
}

}  // namespace
}  // namespace gauntlet
