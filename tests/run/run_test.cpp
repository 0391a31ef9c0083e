// SPDX-License-Identifier: Apache-2.0
#include <csignal>
#include <nlohmann/json.hpp>

#include "tests/run/bench.hpp"

/// `gauntlet run` from end to end, on the CPU: the same bytes however the run came about.
namespace gauntlet {
namespace {

namespace fs = std::filesystem;

constexpr int cells = 20;

/// Enough to come across every kind of rule and to be killed in the middle, little enough to be run many times.
const char* const spec = R"toml(name = "small"
rounds = 60
evaluate_every = 15
seeds = [0, 1]

[task]
dataset = "synthetic-digits(train=500, test=200)"
model = "softmax"
batch = 10
partition = "dirichlet(alpha=1.0)"

[workers]
honest = 5
byzantine = 2

[training]
estimator = "momentum(beta=0.9)"

[matrix]
attacks = ["sign-flip", "nan"]
defenses = ["mean", "median", "rfa", "bucketing(size=1) | nnm | krum(neighbors=2)", "median | ctma"]
)toml";

/// The tables of a run that nothing disturbed, computed once.
const std::string& undisturbed() {
  static const std::string tables = undisturbed_tables(spec);
  return tables;
}

TEST_CASE("a run has one row per cell and one per evaluation") {
  const std::string& tables = undisturbed();
  const std::size_t border = tables.find("====\n");
  CHECK(lines(tables.substr(0, border)) == 1 + cells);
  // The border and the header, then rounds 0, 15, …, 60; the mean of NaN ends two cells at their second evaluation.
  CHECK(lines(tables.substr(border)) == 1 + 1 + cells * 5 - 2 * 3);
  CHECK(contains(tables, ",ok,"));
  CHECK(contains(tables, ",diverged,"));
}

TEST_CASE("the same command gives the same bytes, with one thread or two") {
  const RunBench bench(spec);
  REQUIRE(bench.run("one", {"--threads", "1"}).exit_code == 0);
  REQUIRE(bench.run("two", {"--threads", "2"}).exit_code == 0);
  CHECK(bench.tables("one") == undisturbed());
  CHECK(bench.tables("two") == undisturbed());
  CHECK(file_text(bench / "one/spec.toml") == file_text(bench / "two/spec.toml"));
}

TEST_CASE("shards that are merged give the same bytes as the whole") {
  const RunBench bench(spec);
  REQUIRE(bench.run("half1", {"--shard", "1/2"}).exit_code == 0);
  const CommandResult early = run_command({"merge", "half1", "--out", "part"}, bench.options());
  CHECK(early.exit_code == 3);
  CHECK(contains(early.err, "missing cells: 0, 2, 4"));

  REQUIRE(bench.run("half0", {"--shard", "0/2"}).exit_code == 0);
  const CommandResult merged = run_command({"merge", "half1", "half0", "--out", "whole"}, bench.options());
  INFO(merged.err);
  CHECK(merged.exit_code == 0);
  CHECK(merged.err.empty());
  CHECK(bench.tables("whole") == undisturbed());
  // What was merged is complete: nothing is left to run.
  CHECK(bench.run("whole").exit_code == 0);
  CHECK(bench.tables("whole") == undisturbed());
}

TEST_CASE("a run that is killed again and again and then resumed gives the same bytes") {
  const RunBench bench(spec);
  const fs::path out = bench / "out";
  const std::vector<std::pair<std::string, std::function<bool()>>> moments = {
      {"at once", [] { return true; }},
      {"with the folder", [&] { return fs::exists(out); }},
      {"with the spec", [&] { return fs::exists(out / "spec.toml"); }},
      {"with the manifest", [&] { return fs::exists(out / "manifest.json"); }},
      {"after a first cell", [&] { return has_rows(out, 1); }},
      {"after some cells", [&] { return has_rows(out, 5); }},
      {"after more cells", [&] { return has_rows(out, 9); }},
      {"between two cells", [&] { return has_rows(out, 13); }},
  };
  int killed = 0;
  for (const auto& [name, moment] : moments) {
    INFO(name);
    Process process(RunBench::arguments("out", {"--threads", "2"}), bench.options());
    wait_until(process, moment);
    process.signal(SIGKILL);
    const int code = process.wait().exit_code;
    CHECK((code == -SIGKILL || code == 0));
    killed += code == -SIGKILL;
  }
  CHECK(killed >= 5);
  CHECK_FALSE(bench.tables("out") == undisturbed());
  const CommandResult last = bench.run("out");
  INFO(last.err);
  CHECK(last.exit_code == 0);
  CHECK(bench.tables("out") == undisturbed());
}

TEST_CASE("a damaged timing.csv stops neither a resume nor a merge") {
  const RunBench bench(spec);
  REQUIRE(bench.run("out").exit_code == 0);
  const fs::path file = bench / "out/timing.csv";
  const std::string whole = file_text(file);
  std::vector<std::string> damaged = {"", "garbage", "a,b\n1,2\n", whole + "cpu,\"", whole + "x,y\n"};
  for (std::size_t size = 1; size < whole.size(); size += whole.size() / 12)
    damaged.push_back(whole.substr(0, whole[size - 1] == '\n' ? size - 1 : size));
  const auto resume = [&] {
    return run_command({"run", "spec.toml", "--device", "cpu", "--out", "out"}, bench.options());
  };
  for (const std::string& text : damaged) {
    INFO(text);
    write_text(file, text);
    const CommandResult merged = run_command({"merge", "out", "--out", "merged"}, bench.options());
    CHECK(merged.exit_code == 0);
    CHECK(contains(merged.err, "timing.csv: "));
    const CommandResult resumed = resume();
    CHECK(resumed.exit_code == 0);
    CHECK(contains(resumed.err, "timing.csv: "));
    CHECK_FALSE(contains(resume().err, "timing.csv"));
    CHECK(bench.tables("out") == undisturbed());
  }
}

TEST_CASE("rows that a power cut tore off are computed again") {
  const RunBench bench(spec);
  REQUIRE(bench.run("out").exit_code == 0);
  for (const char* name : {"summary.csv", "convergence.csv"}) {
    INFO(name);
    const fs::path file = bench / (std::string("out/") + name);
    fs::resize_file(file, fs::file_size(file) * 2 / 3);
    CHECK_FALSE(bench.tables("out") == undisturbed());
    REQUIRE(bench.run("out").exit_code == 0);
    CHECK(bench.tables("out") == undisturbed());
  }
}

TEST_CASE("a run that is interrupted says so and goes on when it is given again") {
  const RunBench bench(spec);
  for (const int number : {SIGINT, SIGTERM}) {
    const std::string out = "out" + std::to_string(number);
    Process process(RunBench::arguments(out, {"--threads", "1"}), bench.options());
    REQUIRE(wait_until(process, [&] { return has_rows(bench / out, 2); }));
    process.signal(number);
    const CommandResult stopped = process.wait();
    CHECK(stopped.exit_code == 130);
    CHECK(stopped.err == "gauntlet: interrupted; the same command goes on where it stopped\n");
    const auto manifest = nlohmann::json::parse(file_text(bench / (out + "/manifest.json")));
    CHECK(manifest.at("status") == "interrupted");
    CHECK_FALSE(bench.tables(out) == undisturbed());
    CHECK(bench.run(out).exit_code == 0);
    CHECK(bench.tables(out) == undisturbed());
  }
}

TEST_CASE("a full disk ends the run and leaves what a rerun completes") {
  const RunBench bench(spec);
  auto full = bench.options();
  for (const int bytes : {100, 1500, 3000, 6000}) {  // from the spec to the middle of the tables
    INFO(bytes);
    full.file_size_bytes = bytes;
    const CommandResult result = run_command(RunBench::arguments("out"), full);
    CHECK(result.exit_code == 2);
    CHECK(contains(result.err, "gauntlet: cannot write 'out/"));
    CHECK(contains(result.err, "File too large"));
    CHECK(lines(result.err) == 1);
  }
  CHECK(bench.run("out").exit_code == 0);
  CHECK(bench.tables("out") == undisturbed());
}

TEST_CASE("a dry run prints the plan and writes nothing") {
  const RunBench bench(spec);
  const auto before = contents(bench / "");
  const CommandResult result = run_command({"run", "spec.toml", "--dry-run", "--set", "workers.byzantine=[2, 3]",
                                            "--set", "matrix.defenses=[\"mean\", \"krum\"]"},
                                           bench.options());
  CHECK(result.exit_code == 0);
  CHECK(result.err.empty());
  CHECK(contains(result.out, "16 cells, 12 to run, 4 skipped\n"));
  CHECK(contains(result.out, "axis defense (2): mean, krum\n"));
  CHECK(contains(result.out, "krum needs n > 2f + 2 (n = 8, f = 3)\n"));
  CHECK(contents(bench / "") == before);
}

TEST_CASE("cells that n and f do not allow are rows that say why, and the others run") {
  const RunBench bench(spec);
  const CommandResult result =
      bench.run("out", {"--set", "workers.byzantine=3", "--set", "matrix.defenses=[\"median\", \"krum\"]", "--set",
                        "rounds=5", "--set", "evaluate_every=5"});
  INFO(result.err);
  CHECK(result.exit_code == 0);
  const std::string summary = file_text(bench / "out/summary.csv");
  CHECK(lines(summary) == 9);
  CHECK(contains(summary, ",skipped,\"krum needs n > 2f + 2 (n = 8, f = 3)\","));
}

TEST_CASE("the table comes on standard output and progress on standard error") {
  const RunBench bench(spec);
  const std::vector<std::string> arguments = {"run",  "spec.toml", "--device", "cpu",   "--out",
                                              "loud", "--set",     "rounds=5", "--set", "evaluate_every=5"};
  const CommandResult loud = run_command(arguments, bench.options());
  CHECK(loud.exit_code == 0);
  CHECK(contains(loud.out, "final_accuracy, mean"));
  CHECK(contains(loud.out, "median | ctma"));
  CHECK(contains(loud.err, "20/20 cells"));
  CHECK(run_command({"table", "loud"}, bench.options()).out == loud.out);

  const CommandResult quiet = bench.run("quiet", {"--set", "rounds=5", "--set", "evaluate_every=5"});
  CHECK(quiet.exit_code == 0);
  CHECK(quiet.out + quiet.err == "");
  CHECK(bench.tables("quiet") == bench.tables("loud"));
}

TEST_CASE("overwrite discards the results of another spec") {
  const RunBench bench(spec);
  REQUIRE(bench.run("out", {"--set", "rounds=5", "--set", "evaluate_every=5"}).exit_code == 0);
  CHECK(bench.run("out").exit_code == 2);
  CHECK(bench.run("out", {"--overwrite"}).exit_code == 0);
  CHECK(bench.tables("out") == undisturbed());
}

TEST_CASE("help is no error and no command is one") {
  const CommandResult help = run_command({"run", "--help"});
  CHECK(help.exit_code == 0);
  CHECK(contains(help.out, "--shard"));
  const CommandResult nothing = run_command({});
  CHECK(nothing.exit_code == 2);
  CHECK(contains(nothing.err, "aggregate"));
}

}  // namespace
}  // namespace gauntlet
