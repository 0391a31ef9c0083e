// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "kernels/exec/exec.cuh"

/// The folders of the command `protocol`: what a protocol makes of the vectors in one.
namespace gauntlet {

struct ProtocolRun {
  std::string protocol, defense, attack;  ///< as the command line has them; empty: none
  int byzantine = 0;
  std::uint64_t seed = 0;
  std::filesystem::path input = {};  ///< a folder; empty: none is given
};

struct ProtocolFile {
  std::string name;
  std::vector<std::size_t> shape;  ///< of an .npy file; empty: it is a text
  std::vector<float> values;
  std::string text = {};
};

/// The files to be written, and a line on stderr for what single precision loses of those that are read.
/// \throws UserError for a protocol that does not run on given vectors, for files that are missing, do not fit one
/// another or are there beside an attack that takes their place, and for components that do not go together.
std::vector<ProtocolFile> run_protocol(Exec& exec, const ProtocolRun& run);

}  // namespace gauntlet
