// SPDX-License-Identifier: Apache-2.0
#include <map>

#include "src/run/runner.hpp"
#include "tests/cells.hpp"
#include "tests/emulator/emulator.hpp"
#include "tests/environment.hpp"

/// What a run makes of a device that runs out of memory, is lost, or records no graphs.
namespace gauntlet {
namespace {

constexpr std::size_t blas_bytes = std::size_t{32} << 20;  ///< that an Exec takes for its products

struct Run {
  std::map<int, CellResult> results;
  std::vector<std::string> messages;
};

/// Every model is a cohort.
std::vector<Cell> cells_of(int seeds, const std::vector<std::string>& models = {"softmax"}) {
  std::vector<Cell> cells;
  for (const std::string& model : models)
    for (int seed = 0; seed < seeds; ++seed) {
      cells.push_back(small_cell("ipm", "median"));
      cells.back().model = model;
      cells.back().seed = static_cast<std::uint64_t>(seed);
      cells.back().index = static_cast<int>(cells.size()) - 1;
      cells.back() = with_parts(cells.back());
    }
  return cells;
}

void run(const std::vector<Cell>& cells, Run& into) {
  RunnerHooks hooks;
  hooks.finished = [&](const Cell& cell, const CellResult& result) { into.results[cell.index] = result; };
  hooks.message = [&](const std::string& text) { into.messages.push_back(text); };
  run_cells({Backend::cuda, 0}, 1, cells, hooks);
}

std::vector<CellResult> in_order(const Run& run) {
  std::vector<CellResult> results;
  for (const auto& [index, result] : run.results) results.push_back(result);
  return results;
}

TEST_CASE("a cohort that does not fit into the device's memory is halved until it does", "[faults]") {
  const std::vector<Cell> cells = cells_of(8);
  const std::size_t used = emulator::used_bytes();
  const long refused = emulator::counts().refused_allocations;
  Run whole, halved;
  run(cells, whole);
  // Less and less, until it is too little for all at once.
  for (std::size_t bytes = 200'000; emulator::counts().refused_allocations == refused; bytes = bytes / 4 * 3) {
    emulator::Faults faults;
    faults.allocatable_bytes = used + blas_bytes + bytes;
    const emulator::FaultScope scope(faults);
    halved = {};
    run(cells, halved);
    CHECK(emulator::used_bytes() == used);
  }
  CHECK(halved.messages == std::vector<std::string>{});
  CHECK(bytes_of(in_order(halved)) == bytes_of(in_order(whole)));
}

TEST_CASE("a cell that does not fit into the device's memory fails alone", "[faults]") {
  std::vector<Cell> cells = cells_of(2);
  cells[1].model = "mlp(hidden=[3000])";
  cells[1] = with_parts(cells[1]);
  Run got;
  emulator::Faults faults;
  faults.allocatable_bytes = emulator::used_bytes() + blas_bytes + 1'000'000;
  const emulator::FaultScope scope(faults);
  run(cells, got);
  REQUIRE(got.results.size() == 2);
  CHECK(got.results[0].status == CellStatus::ok);
  CHECK(got.results[1].status == CellStatus::failed);
  CHECK(contains(got.results[1].reason, "out of memory"));
}

TEST_CASE("a lost device ends the run, and what was finished is kept", "[faults]") {
  const std::vector<Cell> cells = cells_of(2, {"softmax", "mlp(hidden=[4])"});
  const long before = emulator::counts().launches;
  Run first, got;
  run(cells_of(2), first);
  emulator::Faults faults;
  faults.lost_at_launch = static_cast<int>(emulator::counts().launches - before) + 20;  // within the second cohort
  const emulator::FaultScope scope(faults);
  bool lost = false;
  try {
    run(cells, got);
  } catch (const DeviceLost& error) {
    lost = true;
    CHECK(contains(error.what(), " answers no more after: "));
  }
  CHECK(lost);
  CHECK(bytes_of(in_order(got)) == bytes_of(in_order(first)));
}

TEST_CASE("where no graph can be recorded a run says so and goes on without", "[faults]") {
  const std::vector<Cell> cells = cells_of(2);
  Run whole, off;
  run(cells, whole);
  for (const bool at_once : {true, false}) {
    emulator::Faults faults;
    (at_once ? faults.refuses_capture : faults.refuses_instantiation) = true;
    const emulator::FaultScope scope(faults);
    const long replays = emulator::counts().replays;
    Run got;
    run(cells, got);
    REQUIRE(got.messages.size() == 1);
    CHECK(contains(got.messages[0], "rounds cannot be recorded as a CUDA graph and are slower: "));
    CHECK(emulator::counts().replays == replays);
    CHECK(bytes_of(in_order(got)) == bytes_of(in_order(whole)));
  }
  const Environment environment("GAUNTLET_GRAPH", "off");
  const long replays = emulator::counts().replays;
  run(cells, off);
  CHECK(off.messages == std::vector<std::string>{});
  CHECK(emulator::counts().replays == replays);
  CHECK(bytes_of(in_order(off)) == bytes_of(in_order(whole)));
}

TEST_CASE("where no kernel can be chosen for products the library's own choice does", "[faults]") {
  const std::vector<Cell> cells = cells_of(2, {"mlp(hidden=[4])"});
  Run whole, got;
  run(cells, whole);
  emulator::Faults faults;
  faults.without_pointer_tables = true;
  const emulator::FaultScope scope(faults);
  run(cells, got);
  CHECK(bytes_of(in_order(got)) == bytes_of(in_order(whole)));
}

}  // namespace
}  // namespace gauntlet
