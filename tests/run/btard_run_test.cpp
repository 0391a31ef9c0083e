// SPDX-License-Identifier: Apache-2.0
#include <map>

#include "src/report/csv.hpp"
#include "tests/run/bench.hpp"

/// Runs with bans: the same bytes however they came about, and rows that say what makes no sense under btard.
namespace gauntlet {
namespace {

const char* const spec = R"toml(name = "bans"
rounds = 60
evaluate_every = 20
seeds = [0, 1, 2]

[task]
dataset = "synthetic-digits(train=500, test=100)"
model = "softmax"
batch = 10

[workers]
total = 16
byzantine = 7

[training]
protocol = ["btard", "btard(validators=2, recompute=true)"]

[matrix]
attacks = [
  "none", "sign-flip(scale=1000, start=5)", "alie + wrong-aggregation + cover-up(by=other)",
  "eliminate + commit-abort(start=10, every=5) + false-accusation",
]
defenses = ["centered-clipping(tau=1)", "centered-clipping(tau=0.1)"]
)toml";

constexpr int cells = 2 * 4 * 2 * 3;

const std::string& undisturbed() {
  static const std::string tables = undisturbed_tables(spec);
  return tables;
}

TEST_CASE("bans come to the same bytes again, with one thread or two", "[btard]") {
  CHECK_FALSE(contains(undisturbed(), ",skipped,"));
  CHECK(contains(undisturbed(), "cell,seed,round,check,accuser,accused,part,verdict,banned,active,byzantine_active"));
  CHECK(contains(undisturbed(), ",accuse,"));
  CHECK(contains(undisturbed(), ",both,"));
  const RunBench bench(spec);
  REQUIRE(bench.run("two", {"--threads", "2"}).exit_code == 0);
  CHECK(bench.tables("two") == undisturbed());
}

TEST_CASE("shards of runs with bans that are merged give the same bytes as the whole", "[btard]") {
  check_merged_shards(spec, undisturbed());
}

TEST_CASE("a run with bans that is killed and then resumed gives the same bytes", "[btard]") {
  check_killed_and_resumed(spec, cells, undisturbed());
}

/// The one reason why cells of the spec are skipped after these settings; fails unless there is one.
std::string reason_with(const RunBench& bench, const std::string& out, const std::vector<std::string>& settings) {
  std::vector<std::string> arguments = {"--set", "rounds=2",  "--set", "evaluate_every=2",
                                        "--set", "seeds=[0]", "--set", "matrix.attacks=[\"none\"]"};
  for (const auto& each : settings) arguments.insert(arguments.end(), {"--set", each});
  const CommandResult result = bench.run(out, arguments);
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
  const CsvTable table = read_csv(bench / out / "summary.csv");
  std::string reason;
  for (const auto& row : table.rows)
    if (row[table.column("status")] == "skipped") {
      CHECK((reason.empty() || reason == row[table.column("reason")]));
      reason = row[table.column("reason")];
    }
  return reason;
}

TEST_CASE("what makes no sense under btard is a row with the reason", "[btard]") {
  const RunBench bench(spec);
  const std::string one = "training.protocol=[\"btard\"]";
  const std::string clipping =
      "the owners of btard's parts aggregate by centered-clipping(tau=...), and nothing else can be checked";
  int number = 0;
  const auto reason = [&](const std::vector<std::string>& settings) {
    return reason_with(bench, "out" + std::to_string(++number), settings);
  };
  const std::string defenses = "matrix.defenses=[\"centered-clipping\", \"";
  const std::string attacks = "matrix.attacks=[\"none\", \"";
  CHECK(reason({one, defenses + "median\"]"}) == clipping);
  CHECK(reason({one, defenses + "nnm | centered-clipping(tau=1)\"]"}) == clipping);
  CHECK(reason({one, defenses + "centered-clipping(iterations=3)\"]"}) ==
        "btard takes centered-clipping(tau=...) to its fixed point: 'iterations' says nothing there");
  CHECK(reason({one, defenses + "centered-clipping(tau=0)\"]"}) == "btard needs centered-clipping with tau > 0");
  CHECK(reason({one, attacks + "optimal-ipm\"]"}) ==
        "the attack tries a defense out on whole messages; under btard each part is aggregated by itself");
  CHECK(reason({one, attacks + "dissensus\"]"}) ==
        "the attack is on receivers with neighbors on a graph: protocol gossip");
  CHECK(reason({one, attacks + "ipm(silence=0.5)\"]"}) ==
        "state, equivocation and silence are for attacks on clients that agree: protocol agreement");
  CHECK(reason({one, "workers.total=[16, 129]", "workers.byzantine=7", "task.train_fraction=1"}) ==
        "btard takes at most 128 peers (n = 129)");
  CHECK(reason({"training.protocol=[\"btard\", \"btard(validators=8)\"]"}) ==
        "btard(validators=8) needs n > 2 validators (n = 16)");
  CHECK(reason({one, "task.dataset=[\"gaussian-mixture(classes=3, features=20)\", \"synthetic-digits\"]"}) ==
        "btard cuts the vector into n parts and needs d >= n^2 (n = 16, d = 63)");
  CHECK(reason({"training.protocol=[\"btard(recompute=true)\"]", "training.estimator=[\"gradient\", \"momentum\"]"}) ==
        "recompute=true computes messages again, from samples alone: estimator gradient without noise");
}

TEST_CASE("what is wrong in the text of btard is one line", "[btard]") {
  const RunBench bench(spec);
  const std::pair<const char*, const char*> mistakes[] = {
      {"btard(without=verification-4)", "without='verification-4' is no check; did you mean 'verification-1'?"},
      {"btard(without=[mprng, validator])",
       "without='validator' is no check; did you mean 'validators'?; accepted are"},
      {"btard(tolerance=0)", "tolerance must be greater than 0"},
      {"btard(validator=2)", "did you mean 'validators'?"},
      {"btard(clip=0)", "clip must be greater than 0"},
      {"btard(delta_max=-1)", "delta_max"},
  };
  for (const auto& [text, message] : mistakes) {
    const CommandResult result = bench.run("out", {"--set", "training.protocol=\"" + std::string(text) + "\""});
    INFO(text << ": " << result.err);
    CHECK(result.exit_code != 0);
    CHECK(contains(result.err, message));
    CHECK(lines(result.err) == 1);
  }
}

}  // namespace
}  // namespace gauntlet
