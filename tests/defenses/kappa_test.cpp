// SPDX-License-Identifier: Apache-2.0
#include "src/bench/kappa.hpp"

#include "kernels/attacks/attack.cuh"
#include "kernels/defenses/engine/pipeline.cuh"
#include "tests/command.hpp"

/// The robustness coefficients that defenses declare, against what attacks find.
namespace gauntlet {
namespace {

std::optional<double> bound(const std::string& defense, int n, int f) {
  return kappa_of(parse_pipeline(defense), n, f);
}

/// One inbox of one-dimensional messages.
std::vector<InboxSample> inbox(const std::vector<float>& values) {
  return {{static_cast<int>(values.size()), 1, {"given"}, values}};
}

/// The attacks, with one coarse search in the place of the many fine ones, which take most of the time.
std::vector<std::string> quick_attacks(int n, int f) {
  std::vector<std::string> quick = {"optimal(candidates=4)"};
  for (const std::string& text : kappa_attacks(n, f)) {
    const ComponentText attack = parse_component(text);
    if (!Registry<Attack>::find(attack.name, "attack").create(attack, n, f)->knows_defense()) quick.push_back(text);
  }
  return quick;
}

/// The worst that they do on random inboxes.
MeasuredKappa worst(Exec& exec, const std::string& defense, int n, int f) {
  const std::vector<InboxSample> samples = {random_inboxes(n, f, 1, 1), random_inboxes(n, f, 3, 1)};
  MeasuredKappa most;
  for (const std::string& attack : quick_attacks(n, f)) {
    const MeasuredKappa found = measure_kappa(exec, defense, attack, f, samples);
    if (found.value > most.value) most = found;
  }
  return most;
}

TEST_CASE("a pipeline's robustness coefficient is composed of those of its stages") {
  CHECK(*bound("trimmed-mean", 4, 1) == Approx(4.5));                // 6/2 (1 + 1/2)
  CHECK(*bound("nnm | trimmed-mean", 4, 1) == Approx(8 * 5.5 / 3));  // 8/3 (1 + 4.5)
  CHECK(*bound("median", 5, 1) == Approx(64.0 / 9));                 // 4 (4/3)^2
  CHECK(*bound("median | ctma", 5, 1) == Approx(73.0 / 9));          // 4/4 (1 + 64/9)
  CHECK(*bound("krum", 5, 1) == Approx(12));                         // 6 * 4/2
  CHECK(*bound("arc | nnm | krum | ctma", 5, 1) == Approx(1 + 26 + 2.0 / 3));
  CHECK(*bound("mean", 5, 0) == 0);
  CHECK(*bound("nnm | median", 5, 0) == 0);
}

TEST_CASE("a pipeline has no robustness coefficient where a stage has none") {
  CHECK_FALSE(bound("mean", 5, 1));
  CHECK_FALSE(bound("nnm | mean", 5, 1));
  CHECK_FALSE(bound("nnm", 5, 1));
  CHECK_FALSE(bound("bucketing | median", 9, 1));
  CHECK_FALSE(bound("krum", 4, 1));  // needs n > 2f + 2
  CHECK_FALSE(bound("krum(neighbors=3)", 7, 1));
  CHECK(*bound("krum(neighbors=n-f-2)", 7, 1) == *bound("krum", 7, 1));
  CHECK_FALSE(bound("krum(neighbors=n-f-2)", 6, 2));
  CHECK_FALSE(bound("multi-krum(neighbors=n-f-2)", 6, 2));
}

TEST_CASE("a declared robustness coefficient is finite wherever its rule works, and no less than the least possible") {
  for (const auto& entry : Registry<Stage>::all()) {
    CHECK(entry.kappa.formula.empty() == !entry.kappa.value);
    if (!entry.kappa.value || entry.role != "rule" || !entry.traits.robust) continue;
    for (int n = 3; n <= 40; ++n)
      for (int f = 0; 2 * f < n; ++f) {
        if (!unmet_need({{entry.name, {}}}, n, f).empty()) continue;
        INFO(entry.name << ", n = " << n << ", f = " << f);
        REQUIRE(bound(entry.name, n, f));
        CHECK(*bound(entry.name, n, f) >= f / (n - 2.0 * f));  // Allouah et al. 2023: no rule does better
      }
  }
}

TEST_CASE("the measured coefficient is the squared error in honest variances") {
  Exec exec(Backend::cpu);
  // Honest 1 and 3, the attacker sends 0: the mean is 4/3 where 2 were right, and the variance is 1.
  const MeasuredKappa found = measure_kappa(exec, "mean", "zero", 1, inbox({1, 3, 9}));
  CHECK(found.value == Approx(4.0 / 9));
  CHECK(found.attack == "zero");
  CHECK(found.inbox == "given");
  CHECK(measure_kappa(exec, "mean", "nan", 1, inbox({1, 3, 9})).value == INFINITY);
  CHECK(measure_kappa(exec, "median", "nan", 1, inbox({1, 3, 9})).value == Approx(1));
}

TEST_CASE("no attack takes a rule beyond the robustness coefficient that it declares") {
  Exec exec(Backend::cpu);
  for (const auto& [n, f] : {std::pair{7, 1}, {7, 3}, {11, 2}})
    for (const auto& entry : Registry<Stage>::all()) {
      if (!entry.kappa.value) continue;
      const std::string defense = entry.role == "rule"             ? entry.name
                                  : entry.role == "pre-aggregator" ? entry.name + " | median"
                                                                   : "median | " + entry.name;
      const auto declared = bound(defense, n, f);
      if (!declared) continue;
      const MeasuredKappa found = worst(exec, defense, n, f);
      INFO(defense << ", n = " << n << ", f = " << f << ": " << found.value << " by " << found.attack << " on "
                   << found.inbox << ", bound " << *declared);
      CHECK_FALSE(breaks_bound(found.value, *declared));
      CHECK(found.value > 0);
    }
}

TEST_CASE("a robustness coefficient that does not hold is found out") {
  Exec exec(Backend::cpu);
  CHECK(breaks_bound(worst(exec, "mean", 7, 1).value, *bound("median", 7, 1)));
  // What holds for f attackers does not for one more.
  CHECK(breaks_bound(
      measure_kappa(exec, "trimmed-mean(trim=1)", "ipm(epsilon=1000)", 2, {random_inboxes(7, 2, 3, 1)}).value,
      *bound("trimmed-mean", 7, 1)));
  // No rule does better than f/(n-2f), and f messages apart show it: the median is not ten times as good.
  CHECK(breaks_bound(worst(exec, "median", 7, 1).value, 0.1 / 5));
}

TEST_CASE("bench kappa prints every defense beside its bound and writes the same as Markdown") {
  const TemporaryFolder folder;
  const auto run = [&](const std::string& threads) {
    CommandOptions options;
    options.folder = folder.path();
    const CommandResult result = run_command({"bench",       "kappa",
                                              "--device",    "cpu",
                                              "--workers",   "7",
                                              "--byzantine", "2",
                                              "--dimension", "2",
                                              "--seeds",     "1",
                                              "--dataset",   "synthetic-digits(train=500, test=100)",
                                              "--defense",   "median",
                                              "--defense",   "nnm | krum",
                                              "--defense",   "monna",
                                              "--threads",   threads,
                                              "--out",       "kappa.md"},
                                             options);
    INFO(result.err);
    REQUIRE(result.exit_code == 0);
    return result.out;
  };
  const std::string out = run("1");
  CHECK(contains(out, "\nmedian "));
  CHECK(contains(out, " 11.1 "));  // 4 (1 + 2/3)^2
  CHECK(contains(out, "0 of 2 bounds broken\n"));
  CHECK(run("2") == out);
  const std::string markdown = file_text(folder / "kappa.md");
  CHECK(contains(markdown, "\n| nnm \\| krum | "));
  CHECK(contains(markdown, "# Robustness coefficients, n = 7, f = 2\n\n`gauntlet bench kappa "));
}

TEST_CASE("bench kappa refuses what it cannot measure in one line") {
  const auto refused = [](std::vector<std::string> more) {
    std::vector<std::string> words = {"bench", "kappa", "--workers", "7"};
    words.insert(words.end(), more.begin(), more.end());
    const CommandResult result = run_command(words);
    CHECK(result.exit_code == 2);
    return result.err;
  };
  CHECK(contains(refused({"--byzantine", "0"}), "--byzantine 0: out of range 1..3"));
  CHECK(contains(refused({"--byzantine", "4"}), "--byzantine 4: out of range 1..3"));
  CHECK(contains(refused({"--byzantine", "1", "--defense", "nnm"}), "has no rule"));
  CHECK(contains(refused({"--byzantine", "1", "--defense", "krmu"}), "did you mean 'krum'?"));
}

TEST_CASE("bench round and bench rules refuse what they cannot time in one line") {
  const auto refused = [](const std::string& what, const std::string& option, const std::string& value) {
    const CommandResult result = run_command({"bench", what, "--rounds", "1", option, value});
    CHECK(result.exit_code == 2);
    CHECK(contains(result.err, "gauntlet: "));
    return result.err;
  };
  CHECK(contains(refused("round", "--defense", "krmu"), "did you mean 'krum'?"));
  CHECK(contains(refused("round", "--attack", "alei"), "did you mean 'alie'?"));
  CHECK(contains(refused("round", "--defense", "nnm"), "defense 'nnm' has no rule"));
  CHECK(contains(refused("rules", "--defense", "nnm"), "defense 'nnm' has no rule"));
  CHECK(contains(refused("round", "--byzantine", "7"), "needs n > 2f"));
  CHECK(contains(refused("round", "--byzantine", "20"), "--byzantine 20: out of range 0..12"));
  CHECK(contains(refused("kappa", "--out", "absent/kappa.md"), "there is no folder 'absent'"));
}

TEST_CASE("the listings show the formula of the robustness coefficient") {
  CHECK(contains(run_command({"list", "median"}).out, "kappa      4 (1 + f/(n-2f))^2\n"));
  CHECK(contains(run_command({"list", "rfa"}).out, "kappa      -\n"));
  CHECK_FALSE(contains(run_command({"list", "ipm"}).out, "kappa"));
  CHECK(contains(run_command({"list", "ctma", "--json"}).out, "\"kappa\": \"4f/(n-f) (1 + kappa)"));
}

}  // namespace
}  // namespace gauntlet
