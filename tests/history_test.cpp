// SPDX-License-Identifier: Apache-2.0
#include "tests/history_reference.hpp"

#include <set>

#include "src/report/csv.hpp"
#include "src/spec/spec.hpp"
#include "tests/backends.hpp"
#include "tests/catalogue_reference.hpp"
#include "tests/command.hpp"
#include "tests/game.hpp"
#include "tests/support.hpp"

namespace gauntlet {
namespace {

const float nan = std::numeric_limits<float>::quiet_NaN();

/// Messages around a common vector; the last f lean a little to one side, in every round the same one.
FloatMatrix leaning(int n, int f, int d, unsigned round, float lean) {
  return random_inbox(n, f, d, 900 + round, 0.3f, lean);
}

std::string number_of(double threshold) { return threshold < 0 ? "auto" : std::to_string(threshold); }

TEST_CASE("safeguard agrees with its definition over many rounds") {
  const int n = 11, f = 3, d = 30;
  std::set<std::size_t> seen;
  for (const auto& exec : test_backends())
    for (const bool rehearsing : {false, true})
      for (const reference::SafeguardSettings& s :
           std::vector<reference::SafeguardSettings>{{100, 20, -1, -1, 2, false},
                                                     {7, 3, -1, -1, 1.2, true},
                                                     {4, 4, 1.3, -1, 1, true},
                                                     {6, 1, -1, 0.6, 1.5, false},
                                                     {3, 2, 0.1, 0.1, 1, true}}) {
        const std::string text = "safeguard(long_window=" + std::to_string(s.long_window) +
                                 ", short_window=" + std::to_string(s.short_window) +
                                 ", long_threshold=" + number_of(s.long_threshold) +
                                 ", short_threshold=" + number_of(s.short_threshold) +
                                 ", factor=" + std::to_string(s.factor) + ", reset=" + (s.reset ? "true)" : "false)");
        Game game(*exec, text, n, f, d);
        reference::NaiveSafeguard naive(n, s);
        for (unsigned t = 0; t < 16; ++t) {
          auto rows = leaning(n, f, d, t, 0.8f);
          if (t == 5) rows[2][7] = nan;
          if (rehearsing) game.rehearse(static_cast<int>(t), rows);
          INFO(text << ", round " << t << " on " << backend_name(*exec) << (rehearsing ? " with trials" : ""));
          const auto want = naive.aggregate(wide(rows));
          CHECK(relative_error(game.play(static_cast<int>(t), rows), reference::Matrix{want}) <= 1e-5);
          seen.insert(naive.good().size());
        }
      }
  // The settings above must tell workers apart in many ways, or nothing was compared.
  CHECK(seen.size() >= 5);
}

TEST_CASE("safeguard's first message gets through, its sender's later ones only after a reset") {
  const FloatMatrix honest = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}, {1, 1, 0}, {0, 1, 1}};
  auto attacked = honest;
  attacked[4] = {500, 0, 0};
  const FloatMatrix everybody = {{0.4f, 0.6f, 0.4f}}, four = {{0.5f, 0.5f, 0.25f}};
  for (const auto& exec : test_backends()) {
    Game forever(*exec, "safeguard(long_window=3, short_window=3)", 5, 1, 3);
    Game until_reset(*exec, "safeguard(long_window=3, short_window=3, reset=true)", 5, 1, 3);
    CHECK(forever.play(0, attacked)[0][0] > 100);
    CHECK(until_reset.play(0, attacked)[0][0] > 100);
    for (int t = 1; t < 8; ++t) {
      INFO("round " << t);
      CHECK(relative_error(forever.play(t, honest), four) <= 1e-6);
      CHECK(relative_error(until_reset.play(t, honest), t < 3 ? four : everybody) <= 1e-6);
    }
  }
}

TEST_CASE("safeguard leaves out a message that is not finite and whoever sent it") {
  const FloatMatrix honest = {{1, 0}, {0, 1}, {1, 1}, {0, 0}, {1, 0}};
  auto broken = honest;
  broken[0][1] = std::numeric_limits<float>::infinity();
  for (const auto& exec : test_backends()) {
    Game game(*exec, "safeguard", 5, 1, 2);
    for (const FloatMatrix& rows : {broken, honest})
      CHECK(relative_error(game.play(rows == broken ? 0 : 1, rows), FloatMatrix{{0.5f, 0.5f}}) <= 1e-6);
  }
}

TEST_CASE("safeguard adds normal noise, other in every round and of the same deviation everywhere") {
  const int n = 5, d = 4001;
  const auto rows = random_inbox(n, 0, d, 950);
  for (const auto& exec : test_backends()) {
    const auto plain = aggregate(*exec, "safeguard", rows, 1)[0];
    Game game(*exec, "safeguard(noise=0.5)", n, 1, d, {1, 2, 1});
    const auto first = game.play(0, rows), again = game.play(0, rows), second = game.play(1, rows);
    CHECK(first[0] == first[2]);
    CHECK(first == again);
    CHECK(first[0] != first[1]);
    CHECK(first[0] != second[0]);
    double total = 0, square = 0;
    for (int k = 0; k < d; ++k) {
      const double noise = first[0][k] - plain[k];
      total += noise, square += noise * noise;
    }
    CHECK(std::abs(total / d) < 4 * 0.5 / std::sqrt(d));
    CHECK(std::sqrt(square / d) == Approx(0.5).epsilon(0.05));
  }
}

TEST_CASE("byzantine-sgd agrees with its definition over many rounds of a moving model") {
  const int n = 11, f = 3, d = 30;
  std::set<std::size_t> seen;
  for (const auto& exec : test_backends())
    for (const bool rehearsing : {false, true})
      for (const auto& [along, sum, message] : std::vector<std::array<double, 3>>{
               {-1, -1, -1}, {4, 1e6, 1e6}, {1e6, 14, 1e6}, {1e6, 1e6, 2.1}, {-1, 20, -1}}) {
        const std::string text = "byzantine-sgd(threshold_a=" + number_of(along) + ", threshold_b=" + number_of(sum) +
                                 ", threshold_v=" + number_of(message) + ")";
        Game game(*exec, text, n, f, d);
        reference::NaiveByzantineSgd naive(n, along, sum, message);
        std::vector<float> model = random_inbox(1, 0, d, 960)[0];
        for (unsigned t = 0; t < 14; ++t) {
          auto rows = leaning(n, f, d, t, 0.8f);
          if (t == 6) rows[1][3] = nan;
          game.move_to(model);
          if (rehearsing) game.rehearse(static_cast<int>(t), rows);
          INFO(text << ", round " << t << " on " << backend_name(*exec) << (rehearsing ? " with trials" : ""));
          const auto want = naive.aggregate(wide(rows), reference::Vector(model.begin(), model.end()));
          CHECK(relative_error(game.play(static_cast<int>(t), rows), reference::Matrix{want}) <= 1e-5);
          seen.insert(naive.good().size());
          for (int k = 0; k < d; ++k) model[k] -= 0.1f * static_cast<float>(want[k]);
        }
      }
  CHECK(seen.size() >= 5);
}

TEST_CASE("byzantine-sgd bans for ever who holds the model back along its way") {
  // The model goes one step a round; <x_i, way> sums up to t(t+1)/2 for the honest and to half of that for the last
  // one.
  const FloatMatrix honest(5, {-1, 0});
  auto attacked = honest;
  attacked[4][0] = -0.5f;
  for (const auto& exec : test_backends())
    for (const bool moving : {true, false}) {
      Game game(*exec, "byzantine-sgd(threshold_a=1.6, threshold_b=1e6, threshold_v=1e6)", 5, 1, 2);
      for (int t = 0; t < 6; ++t) {
        INFO("round " << t << (moving ? " of a moving model" : ""));
        game.move_to({moving ? -static_cast<float>(t) : 0.0f, 3});
        // 0, 0.5, 1.5, 3: out in round 3, and it does not help to be honest from round 5 on.
        const float want = t == 5 || (moving && t >= 3) ? -1.0f : -0.9f;
        CHECK(relative_error(game.play(t, t == 5 ? honest : attacked), FloatMatrix{{want, 0}}) <= 1e-6);
      }
    }
}

TEST_CASE("byzantine-sgd bans who leans by little in every message") {
  const int n = 11, f = 3, d = 50;
  for (const auto& exec : test_backends()) {
    Game game(*exec, "byzantine-sgd", n, f, d);
    double first = 0, last = 0;
    for (unsigned t = 0; t < 200; ++t) {
      const auto rows = leaning(n, f, d, t, 1.5f);
      auto trusted = wide(rows);
      trusted.resize(n - f);
      const auto out = game.play(static_cast<int>(t), rows)[0];
      (t == 0 ? first : last) = reference::distance({out.begin(), out.end()}, reference::mean(trusted));
    }
    CHECK(first > 1);
    CHECK(last <= 1e-5);
  }
}

TEST_CASE("a run tells byzantine-sgd where the model is") {
  const TemporaryFolder folder;
  write_text(folder / "spec.toml", R"toml(name = "moved"
rounds = 4
evaluate_every = 4
[task]
dataset = "synthetic-digits(train=200, test=50)"
model = "softmax"
batch = 5
[workers]
honest = 5
byzantine = 0
[training]
estimator = ["gradient", "mu2"]
[matrix]
attacks = ["none"]
defenses = ["byzantine-sgd(threshold_a=1e9, threshold_b=1e9, threshold_v=1e9)",
            "byzantine-sgd(threshold_a=0, threshold_b=1e9, threshold_v=1e9)"]
)toml");
  CommandOptions options;
  options.folder = folder.path();
  const auto result = run_command({"run", "spec.toml", "--device", "cpu", "--quiet", "--out", "out"}, options);
  REQUIRE(result.exit_code == 0);
  // On A everything is allowed, or the median alone: none but it goes on once the model has moved.
  const CsvTable summary = read_csv(folder / "out" / "summary.csv");
  REQUIRE(summary.rows.size() == 4);
  for (const auto& row : summary.rows) {
    const double error = std::stod(row[summary.column("mean_aggregate_error")]);
    INFO(row[summary.column("defense")] << ", " << row[summary.column("estimator")] << ": " << error);
    CHECK((error > 0.1) == contains(row[summary.column("defense")], "threshold_a=0,"));
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
