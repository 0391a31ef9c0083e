// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "kernels/registry/observer.hpp"

namespace gauntlet {

struct Components;

/// One run: everything that decides its numbers. Components are kept in their canonical spelling.
struct Cell {
  int index = 0;  ///< position in the whole plan; the same in every shard
  // task
  std::string dataset, model, partition;
  std::string data_dir;
  double train_fraction = 1;    ///< a random part of the training set
  int batch = 0;                ///< samples per worker and round; 0: all of the worker's samples
  bool byzantine_data = false;  ///< the data is split among all workers, not among the honest ones only
  // workers
  int workers = 0;    ///< n
  int byzantine = 0;  ///< real f; they are the last f workers
  int declared = 0;   ///< f as the defense is told
  // training
  std::string estimator, optimizer, schedule, protocol;
  double learning_rate = 0;
  double weight_decay = 0;
  // matrix
  std::string attack, defense;
  std::uint64_t seed = 0;
  int rounds = 0;
  int evaluate_every = 0;

  std::string skipped;                      ///< why the cell cannot run (`krum needs n > 2f + 2`), or empty
  std::shared_ptr<const Components> parts;  ///< its components, made; null where it cannot run
};

/// One line of convergence.csv: what was observed of a cell, by column.
struct Evaluation {
  int round = 0;        ///< rounds done
  Observations values;  ///< one number each, n of a column per worker

  /// The number of a column; NaN, which is written as an empty field, where it does not apply.
  double operator[](const std::string& column) const;
};

enum class CellStatus { ok, diverged, failed, skipped };

struct CellResult {
  int cell = 0;  ///< Cell::index
  CellStatus status = CellStatus::ok;
  std::string reason;  ///< of a failed or skipped cell; the round at which a diverged one left the floats
  std::vector<Evaluation> evaluations;
  std::vector<ProtocolEvent> events;  ///< up to the last evaluation
};

}  // namespace gauntlet
