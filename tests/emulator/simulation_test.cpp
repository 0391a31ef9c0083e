// SPDX-License-Identifier: Apache-2.0
#include <map>

#include "kernels/attacks/attack.cuh"
#include "kernels/defenses/pipeline.cuh"
#include "kernels/estimators/estimator.cuh"
#include "kernels/models/model.cuh"
#include "kernels/optimizers/optimizer.cuh"
#include "tests/emulator/cells.hpp"
#include "tests/emulator/emulator.hpp"
#include "tests/emulator/environment.hpp"

/// A round that is recorded once and replayed does what the same round does when it is launched step by step: nothing
/// in it is decided on the host by what a round computed, and nothing in it is refused while a graph is recorded.
namespace gauntlet {
namespace {

void check_replayed(const std::vector<Cell>& cells) {
  std::map<std::string, std::vector<Cell>> cohorts;
  for (const Cell& cell : cells) cohorts[cohort_key(cell)].push_back(cell);
  for (const auto& [key, cohort] : cohorts) {
    INFO(cohort.front().model << ", " << cohort.front().estimator << ", " << cohort.front().optimizer << ", "
                              << cohort.front().attack << ", " << cohort.front().defense);
    const long replays = emulator::counts().replays;
    std::vector<std::string> messages;
    const std::string replayed = bytes_of(simulate(cohort, &messages));
    CHECK(emulator::counts().replays > replays);
    CHECK(messages == std::vector<std::string>{});
    const Environment environment("GAUNTLET_GRAPH", "off");
    CHECK(bytes_of(simulate(cohort)) == replayed);
  }
}

TEST_CASE("every model but the networks of fixed size is replayed as it is launched", "[replay]") {
  for (const auto& entry : Registry<ModelFamily>::all()) {
    if (entry.name == "cnn") continue;  // its layers are those of a stack
    Cell cell = small_cell("alie", "nnm | trimmed-mean");
    cell.model = entry.name;
    if (entry.name == "linear") cell.dataset = "linear-regression(features=6, train=200, test=40)";
    if (entry.name == "mlp") cell.model = "mlp(hidden=[5, 4])";
    if (entry.name == "stack") {
      cell.dataset = "synthetic-digits(train=60, test=10)";
      cell.model = "stack(layers=conv(2, 5) pool(4) dense(7))";
      cell.workers = 4, cell.byzantine = cell.declared = 1, cell.batch = 2;
    }
    check_replayed({cell});
  }
}

TEST_CASE("every estimator is replayed as it is launched", "[replay]") {
  for (const auto& entry : Registry<Estimator>::all()) {
    Cell cell = small_cell("ipm", "median");
    cell.estimator = entry.name;
    check_replayed({cell});
  }
}

TEST_CASE("every optimizer is replayed as it is launched", "[replay]") {
  for (const auto& entry : Registry<Optimizer>::all()) {
    Cell cell = small_cell("ipm", "median");
    cell.optimizer = entry.name;
    check_replayed({cell});
  }
}

TEST_CASE("every attack is replayed as it is launched", "[replay]") {
  std::vector<Cell> cells;
  for (const auto& entry : Registry<Attack>::all())
    for (const char* defense : {"trimmed-mean", "nnm | krum"}) cells.push_back(small_cell(entry.name, defense));
  cells.push_back(small_cell("label-flip(start=2, stop=7)", "median"));
  cells.push_back(small_cell("delayed(rounds=2)", "median"));
  check_replayed(cells);
}

TEST_CASE("attacks that search in other ways are replayed as they are launched", "[replay]") {
  std::vector<Cell> cells = {small_cell("seesaw(pivot=workers, budget=search)", "median"),
                             small_cell("seesaw(budget=search)", "signsgd-fd")};
  for (const char* defense : {"geometric-median", "centered-clipping"}) cells.push_back(small_cell("ipm", defense));
  check_replayed(cells);
}

TEST_CASE("every defense is replayed as it is launched", "[replay]") {
  std::vector<Cell> cells;
  for (const auto& entry : Registry<Stage>::all()) {
    const std::string defense = entry.role == "rule"             ? entry.name
                                : entry.role == "pre-aggregator" ? entry.name + " | mean"
                                                                 : "median | " + entry.name;
    if (unmet_need(parse_pipeline(defense), 7, 1).empty()) cells.push_back(small_cell("sign-flip", defense, 7, 1));
  }
  check_replayed(cells);
}

}  // namespace
}  // namespace gauntlet
