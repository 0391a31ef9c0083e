// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace gauntlet {

/// An n × d matrix as NumPy saved it.
struct NpyMatrix {
  std::size_t rows = 0, columns = 0;
  std::vector<float> values;      ///< row-major
  bool was_double = false;        ///< the file held float64
  std::vector<std::string> lost;  ///< what floats do not tell apart, a line each: `X.npy: rows 0 and 1 …`
};

/// Reads the bytes of a .npy file: versions 1 to 3, float32 or float64, little-endian, C or Fortran order, two
/// dimensions, at least one value, of finite ones none beyond single precision. Nothing is allocated before the size of
/// the data is known to be right. \throws UserError `source: found …; accepted is …` for anything else.
NpyMatrix parse_npy(std::string_view bytes, const std::string& source);

/// \throws UserError also if the file cannot be read.
NpyMatrix read_npy(const std::filesystem::path& path);

/// Writes n × d row-major float32, version 1.0, atomically. \throws UserError naming the file.
void write_npy(const std::filesystem::path& path, const float* values, std::size_t rows, std::size_t columns);

}  // namespace gauntlet
