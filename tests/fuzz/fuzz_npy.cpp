// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "kernels/exec/error.hpp"
#include "src/data/npy.hpp"

/// Any bytes are either a matrix of the size that it says, or a UserError.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const auto matrix = gauntlet::parse_npy({reinterpret_cast<const char*>(data), size}, "input");
    if (matrix.rows == 0 || matrix.values.size() != matrix.rows * matrix.columns) std::abort();
  } catch (const gauntlet::UserError& error) {
    if (std::string_view(error.what()).find('\n') != std::string_view::npos) std::abort();
  }
  return 0;
}
