// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "src/cell/components.hpp"
#include "src/data/load.hpp"
#include "src/run/simulation.hpp"
#include "tests/support.hpp"

/// Small simulations.
namespace gauntlet {

/// Long enough for some rounds to be replayed on CUDA.
constexpr int test_rounds = 8;

inline Cell small_cell(const std::string& attack, const std::string& defense, int n = 7, int f = 2) {
  Cell cell;
  cell.dataset = "gaussian-mixture(classes=3, features=6, train=200, test=40)", cell.model = "softmax";
  cell.partition = "iid", cell.batch = 4;
  cell.workers = n, cell.byzantine = cell.declared = f;
  cell.estimator = "momentum", cell.optimizer = "sgd", cell.schedule = "cosine", cell.protocol = "server";
  cell.learning_rate = 0.1, cell.weight_decay = 1e-3;
  cell.attack = attack, cell.defense = defense;
  cell.rounds = test_rounds, cell.evaluate_every = 4;
  return cell;
}

/// All numbers of the results, byte by byte.
inline std::string bytes_of(const std::vector<CellResult>& results) {
  std::string bytes;
  const auto add = [&](const auto& value) { bytes.append(reinterpret_cast<const char*>(&value), sizeof value); };
  for (const CellResult& result : results) {
    add(result.status);
    for (const Evaluation& evaluation : result.evaluations)
      for (const auto& [column, values] : evaluation.values)
        for (const double value : values) add(value);
  }
  return bytes;
}

/// One cohort, from the start to the end; `messages` gets what a user would be told.
inline std::vector<CellResult> simulate(Exec& exec, std::vector<Cell> cells,
                                        std::vector<std::string>* messages = nullptr) {
  ComponentMaker maker;  // cells that share a component are worked on together
  for (Cell& cell : cells) cell.parts = maker.parts(cell);
  const Cell& cell = cells.front();
  const int receivers = cell.byzantine_data ? cell.workers : cell.workers - cell.byzantine;
  const auto data = std::make_shared<DeviceData>(exec, load_dataset(cell.dataset, "", cell.seed, receivers));
  SimulationHooks hooks;
  if (messages != nullptr) hooks.message = [=](const std::string& text) { messages->push_back(text); };
  return Simulation(exec, cells, data).run(hooks);
}

}  // namespace gauntlet
