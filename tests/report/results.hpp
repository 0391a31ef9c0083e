// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <fstream>
#include <limits>
#include <string>

#include "src/report/results.hpp"
#include "tests/support.hpp"

/// A plan of four cells with made-up results, and folders that hold them.
namespace gauntlet {

namespace fs = std::filesystem;

inline constexpr double none = std::numeric_limits<double>::quiet_NaN();
inline constexpr double inf = std::numeric_limits<double>::infinity();
inline const std::string spec = "name = \"small\"\nrounds = 20\n";

inline std::string raw(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline void put(const fs::path& path, const std::string& bytes) { std::ofstream(path, std::ios::binary) << bytes; }

inline Cell make_cell(int index) {
  Cell cell;
  cell.index = index;
  cell.dataset = "quadratic";
  cell.workers = 7;
  cell.byzantine = index % 2;
  cell.attack = "alie(z=1.5)";
  cell.defense = "bucketing(size=2, \"x\") | krum";  // needs quotes
  cell.seed = 18446744073709551615u;
  cell.learning_rate = 0.1;
  cell.rounds = 20;
  return cell;
}

inline CellResult make_result(int index, CellStatus status = CellStatus::ok) {
  CellResult result;
  result.cell = index;
  result.status = status;
  if (status == CellStatus::skipped) {
    result.reason = "krum needs n > 2f + 2,\n\"n\" = 4";
    return result;
  }
  for (int round : {10, 20})
    result.evaluations.push_back({round,
                                  {{"train_loss", {1.0 / 3 + index}},
                                   {"test_loss", {0.5}},
                                   {"test_accuracy", {0.1 * round / 10}},
                                   {"aggregate_norm", {inf}},
                                   {"aggregate_error", {none}},
                                   {"aggregate_cosine", {0.25}},
                                   {"learning_rate", {0.1}}}});
  return result;
}

inline CellStatus status_of(int index) {
  return index == 1 ? CellStatus::skipped : index == 2 ? CellStatus::diverged : CellStatus::ok;
}

inline constexpr int cells = 4;

/// The cells of a shard that are not finished, in another order than the plan's, then finish.
inline void complete(ResultsFolder& results, int shard = 0, int shards = 1) {
  for (int i = cells - 1; i >= 0; --i)
    if (i % shards == shard && !results.finished(i)) results.append(make_cell(i), make_result(i, status_of(i)));
  results.finish();
}

/// What `gauntlet run` does.
inline void run(const fs::path& folder, int shard = 0, int shards = 1) {
  ResultsFolder results(folder, spec, false);
  Manifest manifest;
  manifest.cells = cells;
  manifest.start = "2025-01-31T12:00:00Z";
  manifest.host = "shard " + std::to_string(shard);
  results.write(manifest);
  complete(results, shard, shards);
  manifest.end = manifest.start;
  results.write(manifest);
}

inline std::string both_files(const fs::path& folder) {
  return raw(folder / "summary.csv") + "====\n" + raw(folder / "convergence.csv");
}

}  // namespace gauntlet
