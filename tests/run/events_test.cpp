// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "src/run/cohort_results.hpp"
#include "tests/backends.hpp"
#include "tests/cells.hpp"

/// What a protocol's checks find reaches the results: all of it, before the protocol has to forget it.
namespace gauntlet {
namespace {

/// A server that reports an event for every round and cell, and keeps those of `kept` rounds.
class Talkative final : public Protocol {
 public:
  Talkative(std::shared_ptr<const Protocol> server, int kept, int* rounds_told)
      : server_(std::move(server)), kept_(kept), rounds_told_(rounds_told) {}

  std::unique_ptr<BoundProtocol> bind(Exec& exec, const Wiring& wiring) const override {
    return std::make_unique<Bound>(*this, exec, wiring);
  }

 private:
  struct Bound final : BoundProtocol {
    Bound(const Talkative& protocol, Exec& exec_, const Wiring& wiring)
        : told(*protocol.rounds_told_),
          exec(exec_),
          server(protocol.server_->bind(exec, wiring)),
          round(wiring.round),
          cells(wiring.cells.size()),
          kept(protocol.kept_) {}

    void exchange(int variant) override { server->exchange(variant); }
    std::vector<Observations> observe() const override { return server->observe(); }
    int rounds_between_events() const override { return kept; }
    std::vector<std::vector<ProtocolEvent>> events() override {
      int done = 0;
      copy_from(exec, &done, round, sizeof done);
      REQUIRE(done > 0);
      CHECK(done - told <= kept);
      std::vector<std::vector<ProtocolEvent>> found(cells);
      for (; told < done; ++told)
        for (std::size_t c = 0; c < cells; ++c)
          found[c].push_back({told, "accuse", static_cast<int>(c), 0, -1, "innocent", {}, 7, 2});
      return found;
    }

    int& told;
    Exec& exec;
    std::unique_ptr<BoundProtocol> server;
    const int* round;
    std::size_t cells;
    int kept;
  };

  std::shared_ptr<const Protocol> server_;
  int kept_, *rounds_told_;
};

/// A cohort of two cells under the protocol above.
Simulation talkative(Exec& exec, int kept, int& rounds_told) {
  Cell cell = with_parts(small_cell("sign-flip", "median"));
  Components parts = *cell.parts;
  parts.protocol = std::make_shared<Talkative>(parts.protocol, kept, &rounds_told);
  cell.parts = std::make_shared<Components>(parts);
  Cell other = cell;
  other.index = 1, other.seed = 1;
  const auto dataset = load_dataset(cell.dataset, "", cell.seed, cell.workers - cell.byzantine);
  return {exec, {cell, other}, std::make_shared<DeviceData>(exec, dataset)};
}

TEST_CASE("all events reach the results, in order, and every evaluation counts those so far", "[simulation]") {
  for (const auto& exec : test_backends())
    for (const int kept : {1, 3, test_rounds, 100}) {
      INFO(backend_name(*exec) << ", " << kept << " rounds kept");
      int told = 0;
      const std::vector<CellResult> results = talkative(*exec, kept, told).run({});
      REQUIRE(results.size() == 2);
      for (std::size_t c = 0; c < results.size(); ++c) {
        REQUIRE(results[c].events.size() == test_rounds);
        for (int t = 0; t < test_rounds; ++t) {
          CHECK(results[c].events[static_cast<std::size_t>(t)].round == t);
          CHECK(results[c].events[static_cast<std::size_t>(t)].accuser == static_cast<int>(c));
        }
        for (const Evaluation& evaluation : results[c].evaluations) CHECK(evaluation["events"] == evaluation.round);
      }
    }
}

TEST_CASE("rounds of a benchmark let no events pile up", "[simulation]") {
  for (const auto& exec : test_backends()) {
    INFO(backend_name(*exec));
    int told = 0;
    Simulation simulation = talkative(*exec, 3, told);
    simulation.advance(5);
    CHECK(told == 3);
    simulation.advance(2);
    CHECK(told == 6);
  }
}

Evaluation evaluation(int round, double norm) { return {round, {{"test_loss", {0.5}}, {"aggregate_norm", {norm}}}}; }

TEST_CASE("a diverged cell keeps the events up to the evaluation that found it so, the others go on") {
  CohortResults results({small_cell("none", "mean"), small_cell("none", "mean")}, true);
  const auto found = [](int round) {
    const std::vector<ProtocolEvent> one = {{round, "mprng", -1, 6, -1, "guilty", {}, 7, 2}};
    return std::vector<std::vector<ProtocolEvent>>{one, one};
  };
  results.add({evaluation(0, NAN), evaluation(0, NAN)});
  results.add(found(0));
  results.add(found(1));
  results.add({evaluation(2, 1), evaluation(2, INFINITY)});
  CHECK(results.running());
  results.add(found(2));
  results.add({evaluation(3, 1), evaluation(3, 1)});
  results.add(found(3));
  results.add({evaluation(4, NAN), evaluation(4, 1)});
  CHECK_FALSE(results.running());
  const std::vector<CellResult> all = results.take();
  for (const auto& [cell, count, evaluations] : {std::tuple(0, 4, 4), std::tuple(1, 2, 2)}) {
    const CellResult& result = all[static_cast<std::size_t>(cell)];
    INFO("cell " << cell);
    CHECK(result.status == CellStatus::diverged);
    CHECK(result.reason == "not finite at round " + std::to_string(result.evaluations.back().round));
    CHECK(static_cast<int>(result.events.size()) == count);
    CHECK(static_cast<int>(result.evaluations.size()) == evaluations);
    CHECK(result.evaluations.front()["events"] == 0);
    CHECK(result.evaluations.back()["events"] == count);
  }
}

TEST_CASE("evaluations under a protocol without events have no column of them") {
  CohortResults results({small_cell("none", "mean")}, false);
  results.add({evaluation(0, NAN)});
  CHECK(results.take().front().evaluations.front().values.count("events") == 0);
}

}  // namespace
}  // namespace gauntlet
