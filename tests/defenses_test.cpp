// SPDX-License-Identifier: Apache-2.0
#include <toml++/toml.h>

#include <algorithm>
#include <set>

#include "src/data/npy.hpp"
#include "tests/backends.hpp"
#include "tests/defense_support.hpp"
#include "tests/support.hpp"

namespace gauntlet {
namespace {

std::vector<std::string> names_of(const std::string& role) {
  std::vector<std::string> result;
  for (const auto& entry : Registry<Stage>::all())
    if (entry.role == role) result.push_back(entry.name);
  return result;
}

/// The inbox with every message moved by the same vector.
FloatMatrix moved(FloatMatrix rows, float step = 0.25f) {
  for (auto& row : rows)
    for (std::size_t k = 0; k < row.size(); ++k) row[k] += step * static_cast<float>(k);
  return rows;
}

FloatMatrix grown(FloatMatrix rows, float factor) {
  for (auto& row : rows)
    for (float& value : row) value *= factor;
  return rows;
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

TEST_CASE("every defense of the source tree that is not random has a naive definition to agree with") {
  // What is compiled in from elsewhere has its known answers and its traits to be tested by.
  const auto folder = source_folder() / "kernels" / "defenses";
  if (!std::filesystem::exists(folder)) SKIP_TEST("the sources were not carried here");
  std::set<std::string> in_tree;
  for (const char* room : {"rules", "pre_aggregators", "meta_aggregators"})
    for (const auto& file : std::filesystem::directory_iterator(folder / room)) {
      std::string name = file.path().stem().string();
      std::replace(name.begin(), name.end(), '_', '-');
      INFO(name);
      const auto* entry = Registry<Stage>::lookup(name);
      REQUIRE(entry != nullptr);
      CHECK(reference::stages().count(name) == (entry->traits.draws_workers ? 0 : 1));
      in_tree.insert(name);
    }
  CHECK(in_tree.size() > 30);
  for (const auto& [name, definition] : reference::stages()) CHECK(in_tree.count(name) == 1);
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
  const auto trusted = trusted_message(rows, f);
  for (const auto& exec : test_backends())
    for (const auto& entry : Registry<Stage>::all()) {
      const std::string pipeline = whole_pipeline(entry);
      if (!entry.traits.permutation_invariant || !accepts(pipeline, n, f)) continue;
      INFO(pipeline);
      CHECK(relative_error(aggregate(*exec, pipeline, reversed, f, trusted),
                           aggregate(*exec, pipeline, rows, f, trusted)) <= 1e-6);
    }
}

TEST_CASE("rules move with the messages, or say that they do not") {
  const int n = 13, f = 3;
  const auto rows = random_inbox(n, f, 50, 42);
  for (const auto& exec : test_backends())
    for (const auto& entry : Registry<Stage>::all()) {
      const std::string pipeline = whole_pipeline(entry);
      if (!accepts(pipeline, n, f)) continue;
      INFO(pipeline);
      const auto plain = aggregate(*exec, pipeline, rows, f);
      const auto error = [&](float step) {
        return relative_error(aggregate(*exec, pipeline, moved(rows, step), f), moved(plain, step));
      };
      // Who says so without need would not be tested: some step shows it.
      if (entry.traits.translation_equivariant)
        CHECK(error(0.25f) <= 1e-5);
      else
        CHECK(std::max({error(0.25f), error(-1), error(10)}) > 1e-4);
    }
}

TEST_CASE("rules grow with the messages, or say that they do not") {
  const int n = 13, f = 3;
  const auto rows = random_inbox(n, f, 50, 42);
  for (const auto& exec : test_backends())
    for (const auto& entry : Registry<Stage>::all()) {
      const std::string pipeline = whole_pipeline(entry);
      if (!accepts(pipeline, n, f)) continue;
      INFO(pipeline);
      const auto plain = aggregate(*exec, pipeline, rows, f);
      const auto error = [&](float factor) {
        return relative_error(grown(aggregate(*exec, pipeline, grown(rows, factor), f), 1 / factor), plain);
      };
      if (entry.traits.scale_equivariant)
        CHECK(std::max(error(8), error(0x1p-20f)) <= 1e-5);
      else
        CHECK(std::max({error(8), error(0x1p-20f), error(0x1p20f)}) > 1e-4);
    }
}

TEST_CASE("equal messages come back as they are") {
  const FloatMatrix equal(11, random_inbox(1, 0, 70, 43, 0.5f)[0]);
  for (const auto& exec : test_backends())
    for (const auto& entry : Registry<Stage>::all()) {
      const std::string whole = whole_pipeline(entry);
      if (!entry.traits.unanimous) {
        INFO(whole);
        CHECK(relative_error(aggregate(*exec, whole, grown(equal, 1e6f), 2), FloatMatrix{grown(equal, 1e6f)[0]}) >
              1e-4);
        continue;
      }
      for (const std::string& pipeline : {whole, "nnm | " + whole, whole + " | ctma", "bucketing | " + whole}) {
        if (!accepts(pipeline, 11, 2)) continue;
        INFO(pipeline);
        CHECK(relative_error(aggregate(*exec, pipeline, equal, 2), FloatMatrix{equal[0]}) <= 1e-6);
      }
    }
  // It comes the whole way only from within tau.
  for (const auto& exec : test_backends())
    CHECK(relative_error(aggregate(*exec, "centered-clipping(tau=1e6)", equal, 2), FloatMatrix{equal[0]}) <= 1e-6);
}

TEST_CASE("without Byzantine workers the selecting rules give the mean") {
  const auto rows = random_inbox(9, 0, 40, 44);
  for (const auto& exec : test_backends()) {
    const auto mean = aggregate(*exec, "mean", rows, 0);
    for (const auto& entry : Registry<Stage>::all()) {
      const std::string pipeline = whole_pipeline(entry);
      if (!accepts(pipeline, 9, 0)) continue;
      INFO(pipeline);
      CHECK((relative_error(aggregate(*exec, pipeline, rows, 0), mean) <= 1e-6) == entry.traits.mean_without_byzantine);
    }
    CHECK(relative_error(aggregate(*exec, "bucketing(size=3) | mean", rows, 0), mean) <= 1e-6);
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
    if (entry.role != "rule" || !entry.traits.robust) continue;
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
