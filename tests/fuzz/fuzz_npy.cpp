// SPDX-License-Identifier: Apache-2.0
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "kernels/exec/error.hpp"
#include "src/data/npy.hpp"

/// Any bytes are either an array of the size that it says, or a UserError; a matrix is one of two dimensions.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  for (const int dimensions : {0, 2, 4}) try {
      const auto array = gauntlet::parse_npy_array(bytes, "input", dimensions);
      std::size_t values = 1;
      for (const std::size_t length : array.shape) values *= length;
      if (values == 0 || array.values.size() != values || array.shape.size() > 4) std::abort();
      if (dimensions != 0 && array.shape.size() != static_cast<std::size_t>(dimensions)) std::abort();
    } catch (const gauntlet::UserError& error) {
      if (std::string_view(error.what()).find('\n') != std::string_view::npos) std::abort();
    }
  return 0;
}
