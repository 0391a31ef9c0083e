// SPDX-License-Identifier: Apache-2.0
#include "src/commands/trusted.hpp"

#include <utility>

#include "kernels/defenses/pipeline.cuh"
#include "src/npy.hpp"

namespace gauntlet {

std::vector<float> read_trusted(const std::string& path, std::size_t columns, const std::string& defense, int n,
                                int f) {
  if (path.empty()) return {};
  if (defense.empty() || Pipeline(parse_pipeline(defense), n, f).trusted_batch() == 0)
    throw UserError("--trusted '" + path +
                    "': " + (defense.empty() ? "there is no --defense" : "defense '" + defense + "' is none") +
                    " that takes a trusted message");
  NpyMatrix matrix = read_npy(path);
  if (matrix.rows != 1 || matrix.columns != columns)
    throw UserError("--trusted '" + path + "': found " + std::to_string(matrix.rows) + " x " +
                    std::to_string(matrix.columns) + "; accepted is 1 x " + std::to_string(columns) +
                    ", as long as the messages");
  return std::move(matrix.values);
}

}  // namespace gauntlet
