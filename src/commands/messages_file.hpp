// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "src/data/npy.hpp"

/// The files of the commands that work on given messages: `--input FILE` and `--trusted FILE`.
namespace gauntlet {

inline constexpr const char* trusted_help =
    "1 x d .npy: the server's own message, finite, for a defense that takes one";
inline constexpr const char* precision_help =
    "Computes in single precision, to which float64 is rounded: a number beyond it is an error, rows that it makes\n"
    "equal and numbers that it makes zero are a warning.\n";

/// The numbers of a file that has so many dimensions, 0: any, and a line on stderr for what single precision loses of
/// them. \throws UserError as read_npy_array.
NpyArray read_array(const std::filesystem::path& path, int dimensions = 0);

/// The messages, and a line on stderr for what single precision loses of them. \throws UserError also where no row is
/// left beside the `byzantine` ones.
NpyMatrix read_messages(const std::string& path, int byzantine);

/// The d = `columns` numbers of the file, or none where `path` is empty. \throws UserError for a file of another shape
/// or with numbers that are not finite, or one that is given although the defense (for n messages of which f are
/// Byzantine) takes no trusted message.
std::vector<float> read_trusted(const std::string& path, std::size_t columns, const std::string& defense, int n, int f);

}  // namespace gauntlet
