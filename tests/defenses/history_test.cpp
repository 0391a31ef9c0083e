// SPDX-License-Identifier: Apache-2.0
#include "tests/reference/history.hpp"

#include <set>

#include "src/report/csv.hpp"
#include "tests/command.hpp"
#include "tests/reference/defenses.hpp"
#include "tests/trial.hpp"

/// Rules with a memory of earlier rounds.
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
          const auto want = naive.aggregate(reference::wide(rows));
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
          const auto want = naive.aggregate(reference::wide(rows), reference::Vector(model.begin(), model.end()));
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
      auto trusted = reference::wide(rows);
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

TEST_CASE("parameters of rules that clip change them as their definitions say") {
  unsigned seed = 124;
  for (const char* text :
       {"centered-clipping(iterations=4, tau=3)", "centered-clipping(tau=0.5)",
        "centered-clipping(stateless=true, tau=4)", "centered-clipping(stateless=true, iterations=3, tau=1)",
        "centered-clipping(stateless=true, start=mean, iterations=10, tau=2)",
        "centered-clipping(stateless=true, start=zero, tau=4)", "centered-clipping(stateless=true, even=lower, tau=1)",
        "clipping(threshold=7)"})
    for (const auto& [n, f] : std::vector<std::pair<int, int>>{{11, 2}, {12, 3}})
      check_against_reference(text, random_inbox(n, f, 60, ++seed), f);
}

TEST_CASE("centered clipping goes on from its last output") {
  const std::vector<FloatMatrix> inboxes = {random_inbox(9, 2, 60, 80), random_inbox(9, 2, 60, 81)};
  for (const auto& exec : test_backends()) {
    Game game(*exec, "centered-clipping(tau=2)", 9, 2, 60, {0, 1});
    for (int t = 0; t < 4; ++t) {
      const auto outputs = game.play(t, inboxes);
      for (std::size_t c = 0; c < inboxes.size(); ++c) {
        const auto want =
            reference::expected("centered-clipping(tau=2, iterations=" + std::to_string(t + 1) + ")", inboxes[c], 2);
        CHECK(relative_error({outputs[c]}, want) <= 1e-5);
      }
    }
    Game fresh(*exec, "centered-clipping(tau=2, stateless=true)", 9, 2, 60, {0, 1});
    const auto first = fresh.play(0, inboxes);
    fresh.play(1, inboxes);
    CHECK(fresh.play(2, inboxes) == first);
  }
}

}  // namespace
}  // namespace gauntlet
