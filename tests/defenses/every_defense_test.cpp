// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <functional>
#include <limits>
#include <set>

#include "tests/reference/defenses.hpp"
#include "tests/trial.hpp"

/// What holds of every defense, by its traits, and of pipelines of them.
namespace gauntlet {
namespace {

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
      CHECK(reference::definitions().count(name) == (entry->traits.draws_workers ? 0 : 1));
      in_tree.insert(name);
    }
  CHECK(in_tree.size() > 30);
  for (const auto& [name, definition] : reference::definitions()) CHECK(in_tree.count(name) == 1);
}

TEST_CASE("every rule and pre-aggregator agrees with its naive definition on random inboxes") {
  unsigned seed = 1;
  for (const auto& [name, definition] : reference::definitions()) {
    if (Registry<Stage>::find(name, "defense").role == "meta-aggregator") continue;
    for (const auto& [n, f, d] : std::vector<std::array<int, 3>>{
             {3, 0, 1}, {4, 1, 7}, {7, 1, 130}, {10, 0, 33}, {10, 2, 257}, {11, 2, 40}, {13, 3, 300}, {14, 3, 16}})
      if (accepts(name, n, f)) check_against_reference(name, random_inbox(n, f, d, ++seed), f);
  }
}

TEST_CASE("pipelines of any length agree with their stages' definitions") {
  unsigned seed = 200;
  const int n = 13, f = 3;
  for (const auto& [rule, definition] : reference::definitions()) {
    if (Registry<Stage>::find(rule, "defense").role != "rule") continue;
    for (const std::string& pipeline :
         {"nnm | " + rule, "arc | nnm | " + rule, "clipping(threshold=6) | nnm | nnm | " + rule, rule + " | ctma",
          "nnm | " + rule + " | ctma", rule + " | ctma | ctma"})
      // Byzantine messages so far off that nnm twice leaves all messages equal would let rounding decide.
      if (accepts(pipeline, n, f))
        check_against_reference(pipeline, random_inbox(n, f, 90, ++seed, 1, contains(pipeline, "nnm | nnm") ? 0.5f : 5),
                                f);
  }
}

TEST_CASE("a stage behind a pre-aggregator does what it does with the messages that this one gives") {
  const int n = 13, f = 2;
  const auto rows = random_inbox(n, f, 40, 190, 1, 1);
  const auto trusted = trusted_message(rows, f);
  for (const auto& exec : test_backends()) {
    int compared = 0, undecided = 0;
    for (const auto& before : names_of("pre-aggregator")) {
      const auto mixed = aggregate(*exec, before, rows, f);
      auto nearly = mixed;
      for (std::size_t i = 0; i < mixed.size(); ++i) nearly[i] = grown({mixed[i]}, i % 3 == 1 ? 1 + 1e-6f : 1)[0];
      for (const auto& entry : Registry<Stage>::all()) {
        // A meta-aggregator looks at the messages themselves.
        const std::string after = whole_pipeline(entry), pipeline = before + " | " + after;
        if (entry.role == "meta-aggregator" || !accepts(pipeline, n, f)) continue;
        INFO(pipeline << " on " << backend_name(*exec));
        const auto want = aggregate(*exec, after, mixed, f, trusted);
        const bool stable = relative_error(aggregate(*exec, after, nearly, f, trusted), want) <= 1e-4;
        // Among messages clipped to one length rounding decides which are the shortest.
        ++(stable ? compared : undecided);
        if (stable) CHECK(relative_error(aggregate(*exec, pipeline, rows, f, trusted), want) <= 1e-5);
      }
    }
    CHECK(undecided < compared / 10);
  }
}

TEST_CASE("n - f equal messages come back from rules that keep a majority, whatever the others are") {
  std::vector<std::string> pipelines;
  for (const auto& entry : Registry<Stage>::all()) {
    if (!entry.traits.keeps_majority) continue;
    const std::string whole = entry.role == "pre-aggregator" ? entry.name + " | krum" : whole_pipeline(entry);
    for (const std::string& text : {whole, "nnm | " + whole, "nnm | nnm | " + whole}) pipelines.push_back(text);
  }
  CHECK(pipelines.size() > 50);
  unsigned seed = 300;
  int tried = 0;
  for (const auto& exec : test_backends())
    for (const auto& [n, f] : std::vector<std::pair<int, int>>{{5, 1}, {7, 2}, {10, 2}, {11, 3}, {13, 4}})
      for (const std::string& pipeline : pipelines) {
        if (!accepts(pipeline, n, f)) continue;
        REQUIRE(Pipeline(parse_pipeline(pipeline), n, f).keeps_majority());
        for (const float far : {1e-3f, 0.3f, 1.f, 50.f, 1e6f, 1e30f})
          for (const bool alike : {false, true}) {
            FloatMatrix rows = random_inbox(n, f, 40, ++seed, 1, 0);
            for (int i = 0; i < n; ++i)
              for (std::size_t k = 0; k < rows[0].size(); ++k) {
                const float away = rows[alike && i >= n - f ? n - 1 : i][k] - rows[0][k];
                if (i > 0) rows[i][k] = i < n - f ? rows[0][k] : rows[0][k] + far * away;
              }
            INFO(pipeline << ", n = " << n << ", f = " << f << ", " << far << " away, alike: " << alike << ", on "
                          << backend_name(*exec));
            CHECK(relative_error(aggregate(*exec, pipeline, rows, f), FloatMatrix{rows[0]}) <= 2e-6);
            ++tried;
          }
      }
  CHECK(tried > 1000);
  CHECK_FALSE(Pipeline(parse_pipeline("trimmed-mean(trim=0)"), 10, 2).keeps_majority());
  CHECK_FALSE(Pipeline(parse_pipeline("arc | krum"), 10, 2).keeps_majority());
}

TEST_CASE("rules take large inboxes") {
  for (const auto& name : names_of("rule"))
    if (!accepts(name, column_limit, 60))  // tries subsets
      CHECK(contains(unmet_need(parse_pipeline(name), column_limit, 60), name + " needs "));
  const auto wide = random_inbox(column_limit, 60, 20, 7);
  const auto large = random_inbox(320, 70, 24, 8);
  for (const auto& [name, definition] : reference::definitions()) {
    const std::string pipeline = whole_pipeline(Registry<Stage>::find(name, "defense"));
    if (accepts(pipeline, column_limit, 60) && definition.most_messages >= column_limit)
      check_against_reference(pipeline, wide, 60, 2e-5);
    if (accepts(pipeline, 320, 70) && definition.most_messages >= 320)
      check_against_reference(pipeline, large, 70, 2e-5);
  }
  CHECK(contains(unmet_need(parse_pipeline("median"), column_limit + 1, 1), "n <= 256"));
}

TEST_CASE("equal Byzantine messages are ranked one by one") {
  // f copies of one message at the lower end tie with each other; a rule may drop some of them and keep others.
  for (const auto& [rule, definition] : reference::definitions())
    for (float offset : {-0.7f, -1.5f, 0.4f, 3.0f}) {
      if (Registry<Stage>::find(rule, "defense").role != "rule") continue;
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
  // These are so up to a length.
  for (const auto& exec : test_backends())
    for (const char* rule : {"centered-clipping(tau=1e6)", "clipped-clustering"})
      CHECK(relative_error(aggregate(*exec, rule, equal, 2), FloatMatrix{equal[0]}) <= 1e-6);
}

TEST_CASE("without Byzantine workers the selecting rules give the mean") {
  const auto rows = random_inbox(9, 0, 40, 44);
  for (const auto& exec : test_backends()) {
    const auto mean = aggregate(*exec, "mean", rows, 0);
    for (const auto& entry : Registry<Stage>::all()) {
      const std::string pipeline = whole_pipeline(entry);
      if (!entry.traits.mean_without_byzantine || !accepts(pipeline, 9, 0)) continue;
      INFO(pipeline);
      CHECK(relative_error(aggregate(*exec, pipeline, rows, 0), mean) <= 1e-6);
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
        const auto together = Game(*exec, pipeline, 11, 2, 150, {0, 0, 0}).play(0, inboxes);
        for (std::size_t c = 0; c < 3; ++c) CHECK(together[c] == aggregate(*exec, pipeline, inboxes[c], 2)[0]);
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
