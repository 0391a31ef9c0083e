// SPDX-License-Identifier: Apache-2.0
#include "src/commands/messages_file.hpp"

#include <algorithm>
#include <cmath>
#include <iostream>
#include <utility>

#include "kernels/defenses/engine/pipeline.cuh"

namespace gauntlet {
NpyArray read_array(const std::filesystem::path& path, int dimensions) {
  NpyArray array = read_npy_array(path, dimensions);
  for (const std::string& lost : array.lost) std::cerr << "gauntlet: warning: " << lost << '\n';
  return array;
}

NpyMatrix read_messages(const std::string& path, int byzantine) {
  NpyMatrix matrix = as_matrix(read_array(path, 2));
  if (static_cast<std::size_t>(byzantine) >= matrix.rows)
    throw UserError("--byzantine " + std::to_string(byzantine) + ": '" + path + "' has only " +
                    std::to_string(matrix.rows) + " rows, of which at least one must be honest");
  return matrix;
}

std::vector<float> read_trusted(const std::string& path, std::size_t columns, const std::string& defense, int n,
                                int f) {
  if (path.empty()) return {};
  if (defense.empty() || Pipeline(parse_pipeline(defense), n, f).trusted_batch() == 0)
    throw UserError("--trusted '" + path +
                    "': " + (defense.empty() ? "there is no --defense" : "defense '" + defense + "' is none") +
                    " that takes a trusted message");
  NpyMatrix matrix = as_matrix(read_array(path, 2));
  if (matrix.rows != 1 || matrix.columns != columns)
    throw UserError("--trusted '" + path + "': found " + std::to_string(matrix.rows) + " x " +
                    std::to_string(matrix.columns) + "; accepted is 1 x " + std::to_string(columns) +
                    ", as long as the messages");
  const auto bad =
      std::find_if_not(matrix.values.begin(), matrix.values.end(), [](float x) { return std::isfinite(x); });
  if (bad != matrix.values.end())
    throw UserError("--trusted '" + path + "': found " + std::to_string(*bad) + " at [0, " +
                    std::to_string(bad - matrix.values.begin()) + "]; accepted are finite numbers");
  return std::move(matrix.values);
}

}  // namespace gauntlet
