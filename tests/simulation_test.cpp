// SPDX-License-Identifier: Apache-2.0
#include "src/simulation.hpp"

#include <stdlib.h>  // setenv is POSIX

#include <cmath>

#include "kernels/attacks/attack.cuh"
#include "kernels/estimators/estimator.cuh"
#include "kernels/models/model.cuh"
#include "kernels/optimizers/optimizer.cuh"
#include "src/cohort.hpp"
#include "src/data/load.hpp"
#include "tests/backends.hpp"
#include "tests/support.hpp"

/// Whole runs on every back end: recorded as a graph or launched round by round, they end the same.
namespace gauntlet {
namespace {

/// A run of a few rounds more than are launched one by one.
Cell small_cell() {
  Cell cell;
  cell.dataset = "gaussian-mixture(classes=3, features=6, train=200, test=40)", cell.model = "mlp(hidden=[5])";
  cell.partition = "iid", cell.batch = 4;
  cell.workers = 9, cell.byzantine = cell.declared = 2;
  cell.estimator = "momentum", cell.optimizer = "sgd", cell.schedule = "cosine", cell.protocol = "server";
  cell.learning_rate = 0.02, cell.weight_decay = 1e-3;
  cell.attack = "alie", cell.defense = "nnm | trimmed-mean";
  cell.rounds = 10, cell.evaluate_every = 5;
  return cell;
}

/// Sets GAUNTLET_GRAPH=off while it lives.
struct NoGraph {
  explicit NoGraph(bool off) {
    if (off) ::setenv("GAUNTLET_GRAPH", "off", 1);
  }
  ~NoGraph() { ::unsetenv("GAUNTLET_GRAPH"); }
};

std::vector<double> end_of(Exec& exec, const Cell& cell) {
  const auto data =
      std::make_shared<DeviceData>(exec, load_dataset(cell.dataset, "", cell.seed, cell.workers - cell.byzantine));
  std::string said;
  SimulationHooks hooks;
  hooks.message = [&](const std::string& text) { said = text; };
  Cell twin = cell;  // a cohort of two
  twin.seed = cell.seed + 1;
  std::vector<double> values;
  for (const CellResult& result : Simulation(exec, {cell, twin}, data).run(hooks)) {
    CHECK(result.status == CellStatus::ok);
    for (const Evaluation& evaluation : result.evaluations)
      values.insert(values.end(), {evaluation.train_loss, evaluation.test_loss, evaluation.aggregate_norm});
  }
  CHECK(said.empty());
  return values;
}

bool same(double a, double b, double tolerance) {
  return a == b || (std::isnan(a) && std::isnan(b)) || std::abs(a - b) <= tolerance * (std::abs(a) + std::abs(b));
}

/// The first back end's run is the measure for the others'; on CUDA recorded rounds give the bytes of launched ones.
void compare(const Cell& cell) {
  INFO(cell.model << ", " << cell.estimator << ", " << cell.optimizer << ", " << cell.attack << ", " << cell.defense);
  std::vector<double> first;
  for (const auto& exec : test_backends()) {
    const std::vector<double> values = end_of(*exec, cell);
    if (first.empty()) first = values;
    REQUIRE(values.size() == first.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
      INFO("number " << i << " on " << backend_name(*exec) << ": " << values[i] << " and " << first[i]);
      CHECK(same(values[i], first[i], 0.02));
    }
    if (!exec->cuda()) continue;
    const NoGraph off(true);
    const std::vector<double> launched = end_of(*exec, cell);
    for (std::size_t i = 0; i < values.size(); ++i) CHECK(same(launched[i], values[i], 0));
  }
}

TEST_CASE("every model trains to the same numbers on every back end, recorded or not", "[simulation]") {
  for (const auto& entry : Registry<ModelFamily>::all()) {
    Cell cell = small_cell();
    cell.model = entry.name;
    if (entry.name == "linear") cell.dataset = "linear-regression";
    if (entry.name == "cnn" || entry.name == "stack") cell.dataset = "synthetic-digits(train=60, test=10)";
    if (entry.name == "stack") cell.model = "stack(layers=conv(2, 5) pool(4) dense(4))";
    if (entry.name == "cnn" && emulated) continue;  // the stack has its layers, and fewer numbers
    compare(cell);
  }
}

TEST_CASE("every estimator trains to the same numbers on every back end, recorded or not", "[simulation]") {
  for (const auto& entry : Registry<Estimator>::all()) {
    Cell cell = small_cell();
    cell.estimator = entry.name;
    compare(cell);
  }
}

TEST_CASE("every optimizer trains to the same numbers on every back end, recorded or not", "[simulation]") {
  for (const auto& entry : Registry<Optimizer>::all()) {
    Cell cell = small_cell();
    cell.optimizer = entry.name;
    compare(cell);
    cell.optimizer = entry.name + "(radius=2)";
    compare(cell);
  }
}

TEST_CASE("every attack trains to the same numbers on every back end, recorded or not", "[simulation]") {
  for (const auto& entry : Registry<Attack>::all()) {
    Cell cell = small_cell();
    cell.attack = entry.name;
    cell.defense = entry.name == "nan" || entry.name == "inf" ? "median" : "nnm | rfa";
    compare(cell);
  }
}

TEST_CASE("rules that remember train to the same numbers on every back end, recorded or not", "[simulation]") {
  for (const char* defense : {"centered-clipping", "signsgd-fd", "safeguard", "byzantine-sgd", "fltrust",
                              "median | ctma", "dnc", "clipped-clustering", "bucketing | median"}) {
    Cell cell = small_cell();
    cell.defense = defense;
    if (cell.defense == "signsgd-fd") cell.estimator = "sign";
    compare(cell);
  }
}

}  // namespace
}  // namespace gauntlet
