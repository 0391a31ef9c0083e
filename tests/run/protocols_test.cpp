// SPDX-License-Identifier: Apache-2.0
#include <map>
#include <tuple>

#include "src/report/csv.hpp"
#include "tests/run/bench.hpp"

/// Runs without a server: the same bytes however they came about, and rows that say what makes no sense there.
namespace gauntlet {
namespace {

const char* const spec = R"toml(name = "peers"
rounds = 40
evaluate_every = 10
seeds = [0, 1]

[task]
dataset = "synthetic-digits(train=500, test=200)"
model = "softmax"
batch = 10

[workers]
honest = 6
byzantine = 2

[training]
estimator = "momentum(beta=0.9)"
protocol = ["gossip(graph=ring)", "gossip(graph=epidemic(peers=3), placement=spread, mixing=2)", "agreement"]

[matrix]
attacks = ["sign-flip", "alie(start=10)"]
defenses = ["median", "nnm | rfa", "centered-clipping"]
)toml";

constexpr int cells = 3 * 2 * 3 * 2;

const std::string& undisturbed() {
  static const std::string tables = undisturbed_tables(spec);
  return tables;
}

TEST_CASE("peers train to the same bytes again, with one thread or two") {
  REQUIRE(lines(undisturbed()) == (1 + cells) + 1 + (1 + cells * 5));
  CHECK_FALSE(contains(undisturbed(), ",skipped,"));
  const RunBench bench(spec);
  REQUIRE(bench.run("two", {"--threads", "2"}).exit_code == 0);
  CHECK(bench.tables("two") == undisturbed());
}

TEST_CASE("shards of peers' cells that are merged give the same bytes as the whole") {
  check_merged_shards(spec, undisturbed());
}

TEST_CASE("a run of peers that is killed and then resumed gives the same bytes") {
  check_killed_and_resumed(spec, cells, undisturbed());
}

/// protocol, attack, defense
using Combination = std::tuple<std::string, std::string, std::string>;

/// Why cells are skipped; of all that ran, nothing.
std::map<Combination, std::string> skipped(const std::filesystem::path& summary) {
  const CsvTable table = read_csv(summary);
  std::map<Combination, std::string> reasons;
  for (const auto& row : table.rows) {
    const auto field = [&](const char* name) { return row[table.column(name)]; };
    CHECK((field("status") == "skipped" || field("status") == "ok"));
    if (field("status") == "skipped") reasons[{field("protocol"), field("attack"), field("defense")}] = field("reason");
  }
  return reasons;
}

const std::vector<std::string> short_run = {"--set", "rounds=2", "--set", "evaluate_every=2", "--set", "seeds=[0]"};

/// KEY=["A", "B"]
std::string setting(const std::string& key, const std::vector<std::string>& values) {
  std::string text;
  for (const std::string& value : values) text += (text.empty() ? "\"" : ", \"") + value + "\"";
  return key + "=[" + text + "]";
}

CommandResult run_with(const RunBench& bench, const std::vector<std::string>& settings) {
  std::vector<std::string> arguments = short_run;
  for (const auto& each : settings) arguments.insert(arguments.end(), {"--set", each});
  return bench.run("out", arguments);
}

TEST_CASE("what makes no sense under a protocol is a row with the reason") {
  const RunBench bench(spec);
  const std::string epidemic = "gossip(graph=epidemic(peers=3))";
  const std::vector<std::string> attacks = {"sign-flip", "dissensus", "ipm(equivocation=spread)", "optimal"};
  const CommandResult result = run_with(
      bench,
      {setting("training.protocol", {"server", "gossip", epidemic, "agreement"}), setting("matrix.attacks", attacks),
       setting("matrix.defenses", {"median", "gossip-average", "nnm | gossip-average", "fltrust", "krum"})});
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
  const std::string graph_defense = "the defense weighs the messages of neighbors on a graph: protocol gossip",
                    graph_attack = "the attack is on receivers with neighbors on a graph: protocol gossip",
                    conduct =
                        "state, equivocation and silence are for attacks on clients that agree: protocol agreement",
                    trusted = "the defense trusts a message that a server computes: protocol server",
                    mixed = "the defense weighs the neighbors' own messages, not what a pre-aggregator makes of them",
                    stay = "the attack is on receivers whose neighbors stay; under epidemic they are drawn anew",
                    tries = "the attack tries out a defense on an inbox; under epidemic it is drawn anew";
  std::map<Combination, std::string> want;
  for (const std::string& attack : attacks) {
    for (const std::string protocol : {"server", "agreement"})
      for (const std::string defense : {"gossip-average", "nnm | gossip-average"})
        want[{protocol, attack, defense}] = graph_defense;
    for (const std::string& protocol : {std::string("gossip"), epidemic, std::string("agreement")})
      want[{protocol, attack, "fltrust"}] = trusted;
    for (const std::string& protocol : {std::string("gossip"), epidemic}) {
      want[{protocol, attack, "nnm | gossip-average"}] = mixed;
      // A Byzantine node's good neighbor on a ring has three messages, of which one is Byzantine.
      want[{protocol, attack, "krum"}] =
          "krum needs n > 2f + 2 (n = " + std::string(protocol == "gossip" ? "3" : "4") + ", f = 1)";
    }
  }
  for (const std::string defense : {"median", "fltrust", "krum"}) {
    want[{"server", "dissensus", defense}] = graph_attack;
    want[{"server", "ipm(equivocation=spread)", defense}] = conduct;
    if (defense != "fltrust") want[{"agreement", "dissensus", defense}] = graph_attack;
  }
  for (const std::string defense : {"median", "gossip-average"}) {
    want[{"gossip", "ipm(equivocation=spread)", defense}] = conduct;
    want[{epidemic, "ipm(equivocation=spread)", defense}] = conduct;
    want[{epidemic, "dissensus", defense}] = stay;
    want[{epidemic, "optimal", defense}] = tries;
  }
  const auto got = skipped(bench / "out/summary.csv");
  for (const auto& [where, reason] : got) {
    INFO(std::get<0>(where) << ", " << std::get<1>(where) << ", " << std::get<2>(where));
    CHECK(want.count(where) == 1);
    CHECK(reason == want[where]);
  }
  for (const auto& [where, reason] : want) {
    INFO(std::get<0>(where) << ", " << std::get<1>(where) << ", " << std::get<2>(where) << ": " << reason);
    CHECK(got.count(where) == 1);
  }
}

TEST_CASE("attacks on peers that check each other are rows with the reason where nobody does") {
  const RunBench bench(spec);
  const std::vector<std::string> protocols = {"server", "agreement", "gossip", "gossip(graph=epidemic(peers=3))"};
  const std::string all = "sign-flip(scale=1000) + wrong-aggregation(size=0.5, start=5) + cover-up";
  const auto reason = [](const std::string& name) {
    return "'" + name + "' is an attack on peers that check each other: protocol btard";
  };
  std::map<Combination, std::string> want;
  for (const std::string& protocol : protocols) {
    want[{protocol, all, "median"}] = reason("wrong-aggregation");
    want[{protocol, "lazy-validator(lazy=false)", "median"}] = reason("lazy-validator");
    want[{protocol, "ipm(silence=0.5) + equivocation", "median"}] = reason("equivocation");
  }
  const std::vector<std::string> settings = {
      setting("training.protocol", protocols),
      setting("matrix.attacks", {"sign-flip", "wrong-aggregation(size=0.5, start=5)+ sign-flip(scale=1000) + cover-up",
                                 "lazy-validator( lazy = false )", "ipm(silence=0.5) + equivocation"}),
      setting("matrix.defenses", {"median"})};
  const CommandResult result = run_with(bench, settings);
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
  CHECK(skipped(bench / "out/summary.csv") == want);
  CHECK(contains(file_text(bench / "out/summary.csv"), ",\"" + all + "\",median,"));
  CHECK(contains(file_text(bench / "out/spec.toml"),
                 "attacks = [\"sign-flip\", \"" + all +
                     "\", \"lazy-validator(lazy=false)\", \"ipm(silence=0.5) + equivocation\"]\n"));
  const std::string tables = bench.tables("out");
  CHECK(run_with(bench, settings).exit_code == 0);
  CHECK(bench.tables("out") == tables);
}

TEST_CASE("rules that know the workers or the one model are refused where there are none, in a mixture too") {
  const RunBench bench(spec);
  const std::string epidemic = "gossip(graph=epidemic(peers=5))";
  const std::vector<std::string> by_worker = {"foolsgold", "safeguard", "signsgd-fd",
                                              "mixture(rules=[median, foolsgold])"},
                                 by_model = {"byzantine-sgd", "mixture(rules=[median, byzantine-sgd])"};
  std::vector<std::string> defenses = {"clipped-clustering", "centered-clipping"};
  std::map<Combination, std::string> want;
  for (const std::string& defense : by_worker) {
    defenses.push_back(defense);
    want[{epidemic, "sign-flip", defense}] =
        "the defense remembers every worker by itself; under epidemic others are heard each round";
  }
  for (const std::string& defense : by_model) {
    defenses.push_back(defense);
    for (const std::string& protocol : {epidemic, std::string("gossip(graph=complete)"), std::string("agreement")})
      want[{protocol, "sign-flip", defense}] =
          "the defense looks at the one model that a server moves: protocol server";
  }
  const CommandResult result =
      run_with(bench, {setting("training.protocol", {"server", "gossip(graph=complete)", epidemic, "agreement"}),
                       setting("matrix.attacks", {"sign-flip"}), setting("matrix.defenses", defenses)});
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
  CHECK(skipped(bench / "out/summary.csv") == want);
}

TEST_CASE("a graph that is not the workers' is a row with the reason") {
  const RunBench bench(spec);
  // Spread over the star of five, three Byzantine nodes have its hub, and no other node has a neighbor.
  const CommandResult result = run_with(
      bench,
      {setting("training.protocol", {"server", "gossip(placement=spread)", "gossip(graph=star, placement=spread)",
                                     "gossip(graph=torus(rows=3, columns=4))", "gossip(graph=epidemic(peers=8))",
                                     "gossip(graph=dumbbell(size=2))", "gossip(graph=dumbbell(size=2, byzantine=2))"}),
       "workers.honest=2", "workers.byzantine=3", setting("matrix.attacks", {"none"}),
       setting("matrix.defenses", {"mean"})});
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
  const std::map<Combination, std::string> want = {
      {{"gossip(placement=spread)", "none", "mean"},
       "ring: without the Byzantine nodes the good ones fall apart, node 3 from node 1"},
      {{"gossip(graph=star, placement=spread)", "none", "mean"},
       "star: without the Byzantine nodes the good ones fall apart, node 3 from node 1"},
      {{"gossip(graph=torus(rows=3, columns=4))", "none", "mean"}, "torus(rows=3, columns=4) has 12 nodes, not 5"},
      {{"gossip(graph=epidemic(peers=8))", "none", "mean"},
       "epidemic(peers=8): a node has 4 others, of which it cannot draw 8"},
      {{"gossip(graph=dumbbell(size=2))", "none", "mean"}, "dumbbell(size=2) has 6 nodes, not 5"},
      {{"gossip(graph=dumbbell(size=2, byzantine=2))", "none", "mean"},
       "dumbbell(size=2, byzantine=2) has 8 nodes, not 5"}};
  CHECK(skipped(bench / "out/summary.csv") == want);
}

TEST_CASE("a protocol that nothing understands is refused with its place and the nearest name") {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"gosip", "unknown protocol 'gosip'; did you mean 'gossip'?"},
      {"gossip(mxing=2)", "gossip: unknown parameter 'mxing'; did you mean 'mixing'?"},
      {"gossip(mixing=0)", "gossip: mixing = 0 is out of range 1..1000"},
      {"gossip(weights=uniformm)",
       "gossip: weights = uniformm is not one of 'metropolis', 'uniform'; did you mean 'uniform'?"},
      {"gossip(local=maybe)", "gossip: local = maybe is neither a whole number nor 'true'"},
      {"gossip(graph=rign)", "unknown graph 'rign'; did you mean 'ring'?"},
      {"gossip(graph=torus(row=3))", "torus: unknown parameter 'row'; did you mean 'rows'?"},
      {"gossip(graph=ring(nodes=0))", "ring: nodes = 0 must be at least 1"},
      {"agreement(rounds=0)", "agreement: rounds = 0 is out of range 1..1000"},
      {"gossip(graph=star(nodes=7))",
       "the matrix is empty: all its cells are skipped, the first as star(nodes=7) has 7 nodes, not 8"},
  };
  for (const auto& [protocol, message] : cases) {
    INFO(protocol);
    std::string text = spec;
    const std::size_t from = text.find("protocol = ");
    text.replace(from, text.find('\n', from) - from, "protocol = \"" + protocol + "\"");
    const RunBench bench(text);
    const CommandResult result = bench.run("out");
    CHECK(result.exit_code == 2);
    CHECK(result.err == "gauntlet: spec.toml:17:12: " + message + "\n");
    CHECK_FALSE(std::filesystem::exists(bench / "out"));
  }
}

}  // namespace
}  // namespace gauntlet
