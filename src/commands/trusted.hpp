// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

/// `--trusted FILE` of the commands that work on given messages.
namespace gauntlet {

inline constexpr const char* trusted_help = "1 x d .npy: the server's own message, for a defense that takes one";

/// The d = `columns` numbers of the file, or none where `path` is empty. \throws UserError for a file of another shape,
/// or one that is given although the defense (for n messages of which f are Byzantine) takes no trusted message.
std::vector<float> read_trusted(const std::string& path, std::size_t columns, const std::string& defense, int n, int f);

}  // namespace gauntlet
