// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace gauntlet {

/// Numbers as NumPy saved them.
struct NpyArray {
  std::vector<std::size_t> shape;  ///< one to four numbers, none of them 0
  std::vector<float> values;       ///< in C order: the last index runs fastest
  bool was_double = false;         ///< the file held float64
  /// What floats do not tell apart, a line each: `X.npy: rows 0 and 1 …`. A row is what the last index runs over.
  std::vector<std::string> lost;
};

/// An n × d matrix, likewise.
struct NpyMatrix {
  std::size_t rows = 0, columns = 0;
  std::vector<float> values;  ///< row-major
  bool was_double = false;
  std::vector<std::string> lost;
};

/// An array of two dimensions.
NpyMatrix as_matrix(NpyArray array);

/// Reads the bytes of a .npy file: versions 1 to 3, float32 or float64, little-endian, C or Fortran order, with
/// `dimensions` dimensions, 0: one to four; at least one value, of finite ones none beyond single precision. Nothing is
/// allocated before the size of the data is known to be right. \throws UserError `source: found …; accepted is …` for
/// anything else.
NpyArray parse_npy_array(std::string_view bytes, const std::string& source, int dimensions = 0);
NpyMatrix parse_npy(std::string_view bytes, const std::string& source);

/// \throws UserError also if the file cannot be read.
NpyArray read_npy_array(const std::filesystem::path& path, int dimensions = 0);
NpyMatrix read_npy(const std::filesystem::path& path);

/// Writes float32 in C order, version 1.0, atomically. \throws UserError naming the file.
void write_npy(const std::filesystem::path& path, const float* values, const std::vector<std::size_t>& shape);
/// An n × d matrix.
void write_npy(const std::filesystem::path& path, const float* values, std::size_t rows, std::size_t columns);

}  // namespace gauntlet
