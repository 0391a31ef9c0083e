// SPDX-License-Identifier: Apache-2.0
#include "src/run/simulation.hpp"

#include <cmath>
#include <map>

#include "kernels/attacks/attack.cuh"
#include "kernels/defenses/engine/pipeline.cuh"
#include "kernels/estimators/estimator.cuh"
#include "kernels/models/model.cuh"
#include "kernels/optimizers/optimizer.cuh"
#include "tests/backends.hpp"
#include "tests/cells.hpp"
#include "tests/environment.hpp"
#include "tests/trial.hpp"

/// Whole runs on every back end. On CUDA a round that is recorded once and replayed does what the same round does when
/// it is launched step by step: nothing in it is decided on the host by what a round computed, and nothing in it is
/// refused while a graph is recorded.
namespace gauntlet {
namespace {

/// What back ends must have in common: training, up to rounding; where a rule selects, rounding may select otherwise.
enum class Compared { bytes_of_replay, numbers_too };

void check_numbers(const std::vector<CellResult>& results, const std::vector<CellResult>& first) {
  REQUIRE(results.size() == first.size());
  for (std::size_t c = 0; c < results.size(); ++c) {
    REQUIRE(results[c].evaluations.size() == first[c].evaluations.size());
    for (std::size_t i = 0; i < first[c].evaluations.size(); ++i) {
      const Evaluation &a = results[c].evaluations[i], &b = first[c].evaluations[i];
      for (const char* column : {"train_loss", "test_loss", "aggregate_norm"}) {
        if (std::isnan(b[column]) && std::isnan(a[column])) continue;
        INFO("cell " << c << ", round " << b.round << ", " << column);
        CHECK(a[column] == Approx(b[column]).epsilon(0.02));
      }
    }
  }
}

void check(const std::vector<Cell>& cells, Compared compared) {
  std::map<CohortKey, std::vector<Cell>> cohorts;
  for (const Cell& cell : cells) cohorts[cohort_key(with_parts(cell))].push_back(cell);
  for (const auto& [key, cohort] : cohorts) {
    INFO(cohort.front().model << ", " << cohort.front().estimator << ", " << cohort.front().optimizer << ", "
                              << cohort.front().attack << ", " << cohort.front().defense);
    std::vector<CellResult> first;
    for (const auto& exec : test_backends()) {
      INFO(backend_name(*exec));
      std::vector<std::string> messages;
      const std::vector<CellResult> results = simulate(*exec, cohort, &messages);
      CHECK(messages == std::vector<std::string>{});
      if (first.empty()) first = results;
      if (compared == Compared::numbers_too) check_numbers(results, first);
      if (!exec->cuda()) continue;
      const Environment environment("GAUNTLET_GRAPH", "off");
      CHECK(bytes_of(simulate(*exec, cohort)) == bytes_of(results));
    }
  }
}

TEST_CASE("every model trains alike on every back end and is replayed as it is launched", "[simulation]") {
  for (const auto& entry : Registry<ModelFamily>::all()) {
    if (entry.name == "cnn" && emulated) continue;  // its layers are those of a stack, and there are many numbers
    Cell cell = small_cell("alie", "nnm | trimmed-mean");
    cell.model = entry.name;
    if (entry.name == "linear") cell.dataset = "linear-regression(features=6, train=200, test=40)";
    if (entry.name == "mlp") cell.model = "mlp(hidden=[5, 4])";
    if (entry.name == "stack" || entry.name == "cnn") {
      cell.dataset = "synthetic-digits(train=60, test=10)";
      cell.workers = 4, cell.byzantine = cell.declared = 1, cell.batch = 2;
    }
    if (entry.name == "stack") cell.model = "stack(layers=conv(2, 5) pool(4) dense(7))";
    check({cell}, Compared::numbers_too);
  }
}

TEST_CASE("every estimator trains alike on every back end and is replayed as it is launched", "[simulation]") {
  for (const auto& entry : Registry<Estimator>::all()) {
    Cell cell = small_cell("ipm", "median");
    cell.estimator = entry.name;
    check({cell}, Compared::numbers_too);
  }
}

TEST_CASE("every optimizer trains alike on every back end and is replayed as it is launched", "[simulation]") {
  for (const auto& entry : Registry<Optimizer>::all())
    for (const char* domain : {"", "(radius=2)"}) {
      Cell cell = small_cell("ipm", "median");
      cell.optimizer = entry.name + domain;
      check({cell}, Compared::numbers_too);
    }
}

TEST_CASE("every attack trains alike on every back end and is replayed as it is launched", "[simulation]") {
  std::vector<Cell> smooth, selecting;
  for (const auto& entry : Registry<Attack>::all()) {
    smooth.push_back(small_cell(entry.name, "nnm | rfa"));
    for (const char* defense : {"trimmed-mean", "nnm | krum"}) selecting.push_back(small_cell(entry.name, defense));
  }
  check(smooth, Compared::numbers_too);
  selecting.push_back(small_cell("label-flip(start=2, stop=7)", "median"));
  selecting.push_back(small_cell("delayed(rounds=2)", "median"));
  check(selecting, Compared::bytes_of_replay);
}

TEST_CASE("attacks that search in other ways are replayed as they are launched", "[simulation]") {
  check(
      {small_cell("seesaw(pivot=workers, budget=search)", "median"), small_cell("seesaw(budget=search)", "signsgd-fd"),
       small_cell("ipm", "geometric-median"), small_cell("ipm", "centered-clipping")},
      Compared::bytes_of_replay);
}

TEST_CASE("every defense is replayed as it is launched", "[simulation]") {
  std::vector<Cell> cells;
  for (const auto& entry : Registry<Stage>::all()) {
    const std::string defense = whole_pipeline(entry);
    if (unmet_need(parse_pipeline(defense), 7, 1).empty()) cells.push_back(small_cell("sign-flip", defense, 7, 1));
  }
  check(cells, Compared::bytes_of_replay);
}

}  // namespace
}  // namespace gauntlet
