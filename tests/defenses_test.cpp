// SPDX-License-Identifier: Apache-2.0
#include <toml++/toml.h>
#include <set>

#include "src/npy.hpp"
#include "tests/backends.hpp"
#include "tests/defense_support.hpp"
#include "tests/support.hpp"

namespace gauntlet {
namespace {

bool accepts(const std::string& pipeline, int n, int f) { return unmet_need(parse_pipeline(pipeline), n, f).empty(); }

/// Random by design: they have tests of their own, and no definition to agree with.
const std::set<std::string> random_stages = {"bucketing", "resampling"};

std::vector<std::string> names_of(const std::string& role) {
  std::vector<std::string> result;
  for (const auto& entry : Registry<Stage>::all())
    if (entry.role == role) result.push_back(entry.name);
  return result;
}

void check_against_reference(const std::string& pipeline, const FloatMatrix& rows, int f, double tolerance = 1e-5) {
  for (const auto& exec : test_backends()) {
    INFO(pipeline << ", n = " << rows.size() << ", f = " << f << ", d = " << rows[0].size() << " on "
                  << backend_name(*exec));
    CHECK(relative_error(aggregate(*exec, pipeline, rows, f), expected(pipeline, rows, f)) <= tolerance);
  }
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

/// Rounds of one defense over several inboxes at once: `inboxes` holds the messages of every inbox.
std::vector<FloatMatrix> rounds(Exec& exec, const std::string& pipeline, const std::vector<FloatMatrix>& inboxes, int f,
                                int count) {
  const int n = static_cast<int>(inboxes[0].size()), d = static_cast<int>(inboxes[0][0].size());
  const int cells = static_cast<int>(inboxes.size());
  RowStore messages(exec, cells * n, d), trusted(exec, cells, d), outputs(exec, cells, d);
  for (int c = 0; c < cells; ++c)
    copy_to(exec, trusted.row(c), trusted_message(inboxes[c], f).data(), sizeof(float) * d);
  for (int c = 0; c < cells; ++c)
    for (int i = 0; i < n; ++i) copy_to(exec, messages.row(c * n + i), inboxes[c][i].data(), sizeof(float) * d);
  const auto pointers = messages.pointers();
  const Array<const float*> table(exec, std::vector<const float*>(pointers.begin(), pointers.end()));
  const Array<float*> out(exec, outputs.pointers()), trusted_rows(exec, trusted.pointers());
  const Array<std::uint64_t> seeds(exec, static_cast<std::size_t>(cells));
  Array<int> round(exec, 1);
  Defense::Job job;
  job.inboxes = {{cells, n, d, table.data()}, n, nullptr};
  job.seeds = seeds.data();
  job.round = round.data();
  job.out = out.data();
  job.trusted = trusted_rows.data();
  Defense defense(exec, std::make_shared<const Pipeline>(parse_pipeline(pipeline), n, f), job);
  std::vector<FloatMatrix> result;
  for (int t = 0; t < count; ++t) {
    round.upload({t});
    defense.run();
    FloatMatrix now(static_cast<std::size_t>(cells), std::vector<float>(static_cast<std::size_t>(d)));
    for (int c = 0; c < cells; ++c) copy_from(exec, now[c].data(), outputs.row(c), sizeof(float) * d);
    exec.synchronize();
    result.push_back(now);
  }
  return result;
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
