// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <map>
#include <set>

#include "tests/backends.hpp"
#include "tests/cells.hpp"
#include "tests/environment.hpp"

/// Protocol btard in training: who is banned, by which check, and that nobody honest is.
namespace gauntlet {
namespace {

/// 9 honest and 7 Byzantine peers who train 303 numbers.
Cell peers(const std::string& attack, const std::string& protocol = "btard", int n = 16, int f = 7) {
  Cell cell = small_cell(attack, "centered-clipping(tau=1)", n, f);
  cell.dataset = "gaussian-mixture(classes=3, features=100, train=500, test=40)";
  cell.estimator = "gradient", cell.protocol = protocol;
  cell.rounds = 60, cell.evaluate_every = 30;
  return cell;
}

std::vector<CellResult> simulate_seeds(Exec& exec, const Cell& cell, int seeds) {
  std::vector<Cell> cells(static_cast<std::size_t>(seeds), cell);
  for (int seed = 0; seed < seeds; ++seed)
    cells[static_cast<std::size_t>(seed)].seed = static_cast<std::uint64_t>(seed);
  return simulate(exec, cells);
}

/// The honest peers that were banned, but for those who quarrelled over a part.
int wronged(const CellResult& result, int honest) {
  int count = 0;
  for (const ProtocolEvent& event : result.events) {
    int of_event = 0;
    for (const int peer : event.banned) of_event += peer < honest;
    if (event.check == "eliminate")
      CHECK((of_event == 1 && event.banned.size() == 2 && event.verdict == "both"));
    else
      count += of_event;
  }
  return count;
}

/// How many events there were of each check and verdict.
std::map<std::string, int> verdicts(const std::vector<CellResult>& results) {
  std::map<std::string, int> counts;
  for (const CellResult& result : results)
    for (const ProtocolEvent& event : result.events) ++counts[event.check + " " + event.verdict];
  return counts;
}

int last_number(const CellResult& result, const std::string& column) {
  return static_cast<int>(result.evaluations.back()[column]);
}

using Verdicts = std::map<std::string, int>;

/// What each protocol attack meets, alone.
struct Expected {
  std::string attack;
  std::set<std::string> verdicts;
  bool all_banned = true;
};

TEST_CASE("every protocol attack is found by the check that is there for it, and nobody honest pays", "[btard]") {
  const Expected cases[] = {
      {"none", {}, false},
      {"wrong-aggregation(size=0.5)", {"verification-2 guilty"}},
      {"wrong-aggregation(size=0.5) + cover-up", {"accuse guilty", "verification-2 guilty"}},
      {"wrong-aggregation(size=0.5) + cover-up(by=other)", {"accuse guilty", "verification-2 guilty"}, false},
      {"wrong-aggregation(size=30) + cover-up", {"verification-3 guilty"}},
      {"false-statement", {"verification-1 guilty", "verification-2 guilty"}},
      {"false-accusation", {"accuse innocent"}},
      {"equivocation", {"signature guilty"}},
      {"commit-abort", {"mprng guilty"}},
      {"eliminate(probability=1)", {"eliminate both"}},
      {"lazy-validator", {}, false},
      {"sign-flip(scale=1000)", {"accuse guilty"}},
      {"label-flip", {"accuse guilty"}},
      {"nan", {"accuse guilty"}},
      {"sign-flip + lazy-validator(lazy=false)", {"accuse guilty"}},
  };
  for (const auto& exec : test_backends())
    for (const Expected& expected : cases) {
      Cell cell = peers(expected.attack);
      cell.rounds = 150, cell.evaluate_every = 75;
      const auto results = simulate_seeds(*exec, cell, 3);
      INFO(expected.attack << ", " << backend_name(*exec));
      std::set<std::string> seen;
      for (const auto& [verdict, count] : verdicts(results)) seen.insert(verdict);
      CHECK(seen == expected.verdicts);
      for (const CellResult& result : results) {
        CHECK(result.status == CellStatus::ok);
        CHECK(wronged(result, 9) == 0);
        if (expected.all_banned) CHECK(last_number(result, "byzantine_left") == 0);
        if (expected.attack != "eliminate(probability=1)") CHECK(last_number(result, "honest_left") == 9);
      }
    }
}

TEST_CASE("ELIMINATE costs an honest peer for every Byzantine one: of 9 and 7 there remain 2", "[btard]") {
  for (const auto& exec : test_backends())
    for (const CellResult& result : simulate_seeds(*exec, peers("eliminate(probability=1)"), 3)) {
      CHECK(last_number(result, "byzantine_left") == 0);
      CHECK(last_number(result, "honest_left") == 2);
      CHECK(result.events.size() == 7);
    }
}

TEST_CASE("peers that follow the protocol are never suspected", "[btard]") {
  const auto with = [](const std::string& dataset, const std::string& model, int n, int f) {
    Cell cell = peers("none", "btard(validators=2)", n, f);
    cell.dataset = dataset, cell.model = model;
    cell.rounds = 400, cell.evaluate_every = 400;
    return cell;
  };
  const std::string digits = "synthetic-digits(train=300, test=50)";
  const Cell cells[] = {
      with("gaussian-mixture(classes=3, features=100, train=500, test=40)", "softmax", 16, 7),
      with("gaussian-mixture(classes=3, features=100, train=500, test=40)", "mlp(hidden=[8])", 16, 7),
      with(digits, "softmax", 16, 7),
      with("quadratic(dimension=300)", "linear", 8, 3),
      with("linear-regression(features=300, train=300)", "linear", 8, 3),
  };
  for (const auto& exec : test_backends())
    for (Cell cell : cells) {
      for (const double rate : {0.0001, 0.01}) {
        cell.learning_rate = rate;
        INFO(cell.dataset << ", " << cell.model << ", learning rate " << rate << ", " << backend_name(*exec));
        const auto results = simulate_seeds(*exec, cell, 2);
        CHECK(verdicts(results) == Verdicts{});
        for (const CellResult& result : results) CHECK(result.status == CellStatus::ok);
      }
    }
}

TEST_CASE("a few long gradients among short ones are no reason to check the averaging", "[btard]") {
  for (const auto& exec : test_backends())
    for (const std::string model : {"softmax", "mlp(hidden=[30])"}) {
      Cell cell = peers("none");
      cell.dataset = "synthetic-digits(train=300, test=50)", cell.model = model;
      cell.defense = "centered-clipping(tau=100)";
      cell.batch = 1, cell.rounds = cell.evaluate_every = 200;
      INFO(model << ", " << backend_name(*exec));
      CHECK(verdicts(simulate_seeds(*exec, cell, 2)) == Verdicts{});
    }
}

TEST_CASE("nobody may be left: then no part moves", "[btard]") {
  for (const auto& exec : test_backends()) {
    Cell cell = peers("eliminate(probability=1)", "btard(validators=0)", 2, 1);
    cell.declared = 0, cell.rounds = 10, cell.evaluate_every = 10;
    const auto results = simulate_seeds(*exec, cell, 1);
    CHECK(results[0].status == CellStatus::ok);
    CHECK(results[0].events.size() == 1);
    CHECK(last_number(results[0], "honest_left") == 0);
    CHECK(results[0].evaluations.back()["aggregate_norm"] == 0);
  }
}

TEST_CASE("an aggregate that is not finite is wrong", "[btard]") {
  for (const auto& exec : test_backends())
    for (const CellResult& result : simulate_seeds(*exec, peers("wrong-aggregation(size=1e39)"), 2)) {
      CHECK(result.status == CellStatus::ok);
      CHECK(wronged(result, 9) == 0);
      CHECK(last_number(result, "byzantine_left") == 0);
      CHECK(last_number(result, "last_ban_round") == 0);
    }
}

TEST_CASE("the last of 7 cheaters among 16 peers is banned when the sum over k of k (k - 1) / ((k - 9) 9 m) says",
          "[btard]") {
  for (const auto& exec : test_backends())
    for (const int m : {1, 2}) {
      double expected = 0, sum = 0, squares = 0;
      for (double k = 10; k <= 16; ++k) expected += k * (k - 1) / ((k - 9) * 9 * m);
      Cell cell = peers("sign-flip", "btard(validators=" + std::to_string(m) + ")");
      cell.rounds = cell.evaluate_every = 200;
      const int seeds = 50;
      for (const CellResult& result : simulate_seeds(*exec, cell, seeds)) {
        CHECK(last_number(result, "byzantine_left") == 0);
        // Rounds count from 0, and the ban is a step after the conviction.
        const double last = result.evaluations.back()["last_ban_round"];
        sum += last, squares += last * last;
      }
      const double mean = sum / seeds, error = std::sqrt((squares / seeds - mean * mean) / (seeds - 1));
      INFO("m = " << m << ": " << mean << " +- " << error << " of " << expected << ", " << backend_name(*exec));
      CHECK(std::abs(mean - expected) <= 3 * error);
    }
}

TEST_CASE("without the check that finds it an attack goes on", "[btard]") {
  struct Ablation {
    std::string attack, without;
    bool succeeds;
  };
  const Ablation cases[] = {
      {"wrong-aggregation", "verification-2", true},
      {"wrong-aggregation(size=30) + cover-up", "[verification-3, validators]", true},
      {"wrong-aggregation + cover-up", "validators", true},
      {"sign-flip", "validators", true},
      {"equivocation", "signature", true},
      {"commit-abort", "mprng", true},
      {"eliminate", "eliminate", true},
      {"false-accusation", "validators", true},
      {"false-statement", "verification-1", false},  // found a check later
      {"wrong-aggregation + cover-up(by=other)", "verification-1", false},
  };
  for (const auto& exec : test_backends())
    for (const Ablation& ablation : cases) {
      INFO(ablation.attack << " without " << ablation.without << ", " << backend_name(*exec));
      for (const CellResult& result :
           simulate_seeds(*exec, peers(ablation.attack, "btard(without=" + ablation.without + ")"), 2)) {
        CHECK(wronged(result, 9) == 0);
        CHECK((last_number(result, "byzantine_left") == 7) == ablation.succeeds);
      }
    }
}

TEST_CASE("verification-1 decides who pays: one liar accused by an owner, or everybody's part disclosed", "[btard]") {
  for (const auto& exec : test_backends()) {
    const auto with = simulate_seeds(*exec, peers("false-statement"), 1);
    const auto without = simulate_seeds(*exec, peers("false-statement", "btard(without=verification-1)"), 1);
    REQUIRE_FALSE(with[0].events.empty());
    REQUIRE_FALSE(without[0].events.empty());
    CHECK(with[0].events[0].check == "verification-1");
    CHECK(with[0].events[0].accuser >= 0);
    CHECK(with[0].events[0].banned.size() == 1);
    CHECK(without[0].events[0].check == "verification-2");
    CHECK(without[0].events[0].accuser == -1);
    CHECK(without[0].events[0].banned.size() == 7);  // all lie on the first part
    // An owner who saw a lie on its part and did not accuse is blamed for it only where owners are to look.
    const std::string attack = "wrong-aggregation + cover-up(by=other)";
    std::size_t together = 0, apart = 0;
    for (const CellResult& result : simulate_seeds(*exec, peers(attack), 4))
      for (const ProtocolEvent& event : result.events)
        if (event.check == "accuse") together = std::max(together, event.banned.size());
    for (const CellResult& result : simulate_seeds(*exec, peers(attack, "btard(without=verification-1)"), 4))
      for (const ProtocolEvent& event : result.events)
        if (event.check == "accuse") apart = std::max(apart, event.banned.size());
    CHECK(together == 2);
    CHECK(apart == 1);
  }
}

TEST_CASE("gradients are clipped before anybody sees them", "[btard]") {
  for (const auto& exec : test_backends()) {
    Cell cell = peers("sign-flip", "btard(clip=0.01, without=validators)");
    cell.rounds = cell.evaluate_every = 5;
    const auto results = simulate_seeds(*exec, cell, 1);
    CHECK(results[0].evaluations.back()["aggregate_norm"] <= 0.01 * (1 + 1e-5));
    CHECK(results[0].evaluations.back()["aggregate_norm"] > 0.0001);
  }
}

TEST_CASE("validators who compute again find what the comparison of rows finds", "[btard]") {
  for (const auto& exec : test_backends())
    for (const std::string attack : {"none", "sign-flip", "label-flip", "alie", "nan", "wrong-aggregation + cover-up"})
      for (const std::string clip : {"", ", clip=0.5"}) {
        Cell cell = peers(attack, "btard(validators=2" + clip + ")");
        // Wide enough for a small batch to be summed in another order than a large one.
        cell.dataset = "synthetic-digits(train=500, test=40)", cell.batch = 10;
        const auto told = simulate_seeds(*exec, cell, 2);
        cell.protocol = "btard(validators=2, recompute=true" + clip + ")";
        const auto again = simulate_seeds(*exec, cell, 2);
        INFO(attack << clip << ", " << backend_name(*exec));
        for (const CellResult& result : again) CHECK(wronged(result, 9) == 0);
        CHECK(bytes_of(told) == bytes_of(again));
        CHECK(verdicts(told) == verdicts(again));
        CHECK(verdicts(told).empty() == (attack == "none"));
      }
}

TEST_CASE("validators who compute again find nothing in what was computed together with other batches", "[btard]") {
  for (const auto& exec : test_backends())
    for (const int batch : {4, 8, 25}) {
      Cell cell = peers("none", "btard(validators=3, recompute=true)");
      cell.dataset = "synthetic-digits(train=300, test=50)", cell.batch = batch;
      INFO("batch " << batch << ", " << backend_name(*exec));
      CHECK(verdicts(simulate_seeds(*exec, cell, 1)) == Verdicts{});
    }
}

/// The same numbers and the same events.
void check_same(const CellResult& one, const CellResult& other) {
  CHECK(bytes_of({one}) == bytes_of({other}));
  REQUIRE(one.events.size() == other.events.size());
  for (std::size_t e = 0; e < one.events.size(); ++e) {
    const ProtocolEvent &a = one.events[e], &b = other.events[e];
    CHECK((a.round == b.round && a.check == b.check && a.banned == b.banned && a.accuser == b.accuser &&
           a.accused == b.accused && a.part == b.part && a.verdict == b.verdict && a.active == b.active &&
           a.byzantine_active == b.byzantine_active));
  }
}

TEST_CASE("a cell of btard gives the same numbers and events alone as in a batch and replayed as launched",
          "[btard][bans]") {
  const std::string attacks[] = {"none", "sign-flip + wrong-aggregation + cover-up", "alie + false-statement(start=5)",
                                 "eliminate + commit-abort + equivocation", "label-flip + false-accusation"};
  for (const auto& exec : test_backends()) {
    std::vector<Cell> batch;
    for (const std::string& attack : attacks)
      for (const std::uint64_t seed : {1, 2}) {
        if (emulated && seed == 2) continue;
        const int n = emulated ? 6 : 16, f = emulated ? 2 : 7;  // threads are slow there
        batch.push_back(peers(attack, "btard(validators=2, clip=10, recompute=true)", n, f));
        batch.back().seed = seed;
        if (emulated) batch.back().rounds = 9, batch.back().evaluate_every = 9;
      }
    batch.back().defense = "centered-clipping(tau=0.3)";
    const auto together = simulate(*exec, batch);
    for (std::size_t c = emulated ? batch.size() - 1 : 0; c < batch.size(); ++c) {
      INFO(batch[c].attack << ", seed " << batch[c].seed << ", " << backend_name(*exec));
      check_same(simulate(*exec, {batch[c]})[0], together[c]);
    }
    const Environment environment("GAUNTLET_GRAPH", "off");
    const auto launched = simulate(*exec, batch);
    for (std::size_t c = 0; c < batch.size(); ++c) check_same(launched[c], together[c]);
  }
}

}  // namespace
}  // namespace gauntlet
