// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <set>

#include "kernels/exec/permutation.cuh"
#include "src/spec/spec.hpp"
#include "tests/reference/history.hpp"
#include "tests/trial.hpp"

/// What is drawn at random: permutations, buckets, and the pipelines of a mixture.
namespace gauntlet {
namespace {

TEST_CASE("a permutation goes to every place once") {
  std::set<std::vector<std::int64_t>> seen;
  for (const std::int64_t d : {1, 2, 5, 64, 1000, 4097})
    for (std::uint32_t slot = 0; slot < 3; ++slot) {
      const Permutation place(d, Random(1, Purpose::defense, 2, 0, slot));
      std::vector<std::int64_t> places;
      for (std::int64_t k = 0; k < d; ++k) places.push_back(place(k));
      if (d > 5) CHECK(seen.insert(places).second);
      std::sort(places.begin(), places.end());
      for (std::int64_t k = 0; k < d; ++k) REQUIRE(places[k] == k);
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

// --- mixture ------------------------------------------------------------------------------------------------------

TEST_CASE("a mixture of one pipeline is that pipeline, bit by bit") {
  const int n = 11, f = 2, d = 140;
  for (const auto& exec : test_backends())
    for (const std::string inner : {"krum", "median", "nnm | trimmed-mean(trim=1)", "arc | median | ctma", "foolsgold",
                                    "centered-clipping", "bucketing | rfa", "clipped-clustering", "signsgd-fd"})
      for (const std::string before : {"", "nnm | "}) {
        Game plain(*exec, before + inner, n, f, d), mixed(*exec, before + "mixture(rules=[" + inner + "])", n, f, d);
        for (int t = 0; t < 3; ++t) {
          const auto rows = random_inbox(n, f, d, 970 + static_cast<unsigned>(t));
          INFO(before << inner << ", round " << t << " on " << backend_name(*exec));
          // Behind a pre-aggregator `nnm | nnm` is composed once and mixed twice: equal but for rounding.
          if (before.empty() || inner.find('|') == std::string::npos) CHECK(mixed.play(t, rows) == plain.play(t, rows));
        }
      }
}

TEST_CASE("a mixture draws its pipelines as often as their weights say, by the seed alone") {
  const FloatMatrix rows = {{0, 0}, {1, 5}, {7, 1}};
  for (const auto& exec : test_backends()) {
    Game game(*exec, "mixture(rules=[mean, median, trimmed-mean(trim=0) | ctma], weights=[2, 5, 3])", 3, 1, 2,
              {1, 2, 1});
    const FloatMatrix outputs = {aggregate(*exec, "mean", rows, 1)[0], aggregate(*exec, "median", rows, 1)[0],
                                 aggregate(*exec, "mean | ctma", rows, 1)[0]};
    const int draws = 2000;
    std::vector<std::array<int, 3>> counts(2, {0, 0, 0});
    int together = 0;
    for (int t = 0; t < draws; ++t) {
      const FloatMatrix got = game.play(t, rows);
      REQUIRE(got[0] == got[2]);
      together += got[0] == got[1];
      for (std::size_t c = 0; c < 2; ++c) {
        const auto place = static_cast<std::size_t>(
            std::find_if(outputs.begin(), outputs.end(),
                         [&](const auto& out) { return relative_error({got[c]}, FloatMatrix{out}) <= 1e-6; }) -
            outputs.begin());
        REQUIRE(place < 3);
        ++counts[c][place];
        CHECK(place == reference::drawn(c + 1, static_cast<std::uint32_t>(t), {2, 5, 3}, 3));
      }
    }
    const std::array<double, 3> shares = {0.2, 0.5, 0.3};
    for (const auto& count : counts)
      for (std::size_t k = 0; k < 3; ++k)
        CHECK(std::abs(count[k] - shares[k] * draws) <= 4 * std::sqrt(draws * shares[k] * (1 - shares[k])));
    // Two seeds draw the same with probability 0.04 + 0.25 + 0.09.
    CHECK(std::abs(together - 0.38 * draws) <= 4 * std::sqrt(draws * 0.38 * 0.62));
  }
}

TEST_CASE("a mixture's pipelines see every round, drawn or not, and an attacker sees the one that is drawn") {
  const int n = 9, f = 2, d = 40;
  const std::vector<std::string> inner = {"centered-clipping(tau=2)", "median", "foolsgold"};
  for (const auto& exec : test_backends()) {
    Game mixed(*exec, "mixture(rules=[" + inner[0] + ", " + inner[1] + ", " + inner[2] + "])", n, f, d, {5, 6});
    std::vector<std::unique_ptr<Game>> alone;
    for (const auto& text : inner)
      alone.push_back(std::make_unique<Game>(*exec, text, n, f, d, std::vector<std::uint64_t>{5, 6}));
    for (int t = 0; t < 12; ++t) {
      INFO("round " << t << " on " << backend_name(*exec));
      const auto rows = random_inbox(n, f, d, 980 + static_cast<unsigned>(t));
      const auto tried = mixed.rehearse(t, rows);
      const FloatMatrix got = mixed.play(t, rows);
      for (std::size_t k = 0; k < inner.size(); ++k) {
        const auto tried_alone = alone[k]->rehearse(t, rows);
        const FloatMatrix want = alone[k]->play(t, rows);
        for (std::size_t c = 0; c < 2; ++c) {
          if (reference::drawn(5 + c, static_cast<std::uint32_t>(t), {}, 3) != k) continue;
          CHECK(got[c] == want[c]);
          for (std::size_t v = 2 * c; v < 2 * c + 2; ++v) CHECK(tried[v] == Approx(tried_alone[v]).epsilon(1e-6));
        }
      }
    }
  }
}

TEST_CASE("a mixture needs what its pipelines need") {
  const auto unmet = [](const std::string& text, int n, int f) { return unmet_need(parse_pipeline(text), n, f); };
  CHECK(unmet("mixture", 7, 2).empty());
  CHECK(unmet("mixture", 6, 2) == "mixture: krum needs n > 2f + 2 (n = 6, f = 2)");
  CHECK(unmet("mixture(rules=[mean, median])", 6, 2).empty());
  CHECK(unmet("mixture(rules=[mean, median])", 6, 3) == "mixture: median needs n > 2f (n = 6, f = 3)");
  CHECK(unmet("bucketing(size=3) | mixture", 13, 2) == "mixture: krum needs n > 2f + 2 (n = 5, f = 2)");
  CHECK(unmet("mixture(rules=[bucketing(size=3) | krum])", 13, 2) == "mixture: krum needs n > 2f + 2 (n = 5, f = 2)");
}

TEST_CASE("a mixture is spelt in one way, in a spec and out of it") {
  const std::string text = "mixture(rules=[krum(neighbors=n-f-1, power=1), nnm | median | ctma], weights=[2, 1])";
  const std::string loose =
      "mixture( rules = [ krum( neighbors = n - f - 1,power=1 ),nnm|median |ctma ],weights=[2,1])";
  CHECK(to_string(parse_pipeline(loose)) == text);
  CHECK(to_string(parse_pipeline("nnm | " + text + " | ctma")) == "nnm | " + text + " | ctma");
  const std::string head = "name = \"x\"\n[matrix]\ndefenses = ";
  for (const std::string& written :
       {"\"" + loose + "\"", std::string("[{ name = \"mixture\", rules = [\"krum(neighbors=n-f-1, power=1)\", "
                                         "\"nnm | median | ctma\"], weights = [2, 1] }]")}) {
    const std::string complete = resolved(parse_spec(head + written, "spec.toml"));
    CHECK(contains(complete, "defenses = [\"" + text + "\"]"));
    CHECK(resolved(parse_spec(complete, "spec.toml")) == complete);
  }
}

TEST_CASE("what is wrong with a mixture is said in one line") {
  Exec exec(Backend::cpu);
  const auto rows = random_inbox(7, 1, 3, 990);
  for (const auto& [text, part] : std::vector<std::pair<std::string, std::string>>{
           {"mixture(rules=[krmu])", "mixture: unknown defense 'krmu'; did you mean 'krum'?"},
           {"mixture(rules=[krum(neighbours=3)])", "krum: unknown parameter 'neighbours'; did you mean 'neighbors'?"},
           {"mixture(rules=[krum(neighbors=9)])", "krum: neighbors = 9 is out of range 1..6"},
           {"mixture(rules=[nnm])", "mixture: 'nnm' ends without a rule"},
           {"mixture(rules=[krum | nnm])", "pre-aggregator 'nnm' must come before the rule"},
           {"mixture(rules=[mean, mixture])", "mixture: a mixture may not hold another one"},
           {"mixture(rules=[])", "rules = [] is not a list of pipelines"},
           {"mixture(rules=krum)", "rules = krum is not a list of pipelines such as [krum, nnm | median]"},
           {"mixture(rules=[krum, | mean])", "expected a name, found '|'"},
           {"mixture(rules=[krum) | mean", "unmatched ')'"},
           {"mixture(rule=[krum])", "mixture: unknown parameter 'rule'; did you mean 'rules'?"},
           {"mixture(rules=[krum, mean], weights=[1])", "mixture: there are 2 rules, but 1 weights"},
           {"mixture(weights=[1, 0, 2])", "mixture: weights = [1, 0, 2] is out of range"},
           {"safeguard(long_window=3, short_window=4)", "short_window = 4 must be at most long_window = 3"},
           {"safeguard(long_threshold=outo)", "did you mean 'auto'?"},
           {"byzantine-sgd(threshold_v=-1)", "threshold_v = -1 must be at least 0"}}) {
    INFO(text);
    const std::string error = user_error([&, &text = text] { aggregate(exec, text, rows, 1); });
    INFO(error);
    CHECK(contains(error, part));
    CHECK(error.find('\n') == std::string::npos);
  }
}

}  // namespace
}  // namespace gauntlet
