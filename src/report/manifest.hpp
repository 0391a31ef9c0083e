// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace gauntlet {

/// manifest.json: where the numbers of a results folder come from. The command that computes them fills it.
struct Manifest {
  static constexpr int schema_version = 1;

  std::vector<std::string> argv;
  std::string revision;                          ///< git, of the binary
  std::string build;                             ///< compiler, build type, CUDA toolkit
  std::string device, driver;                    ///< the device's name; the driver's version or empty
  std::map<std::string, std::string> libraries;  ///< name → version
  std::map<std::string, std::string> data;       ///< dataset → checksum, of those that do not depend on the seed
  std::string host;
  std::string start, end;          ///< ISO 8601, UTC; no end: still running or killed
  std::string status = "running";  ///< then `complete`, `failed` (some cells), `interrupted` or `incomplete`
  std::string shard;               ///< `I/N`, or empty
  int cells = 0;                   ///< in the whole plan, all shards together
  int cells_done = 0;              ///< that this session computed
  std::vector<Manifest> parts;     ///< earlier sessions or merged shards that computed the other rows
};

/// \throws UserError naming the file if it cannot be written.
void write_manifest(const std::filesystem::path& folder, const Manifest& manifest);

/// Empty if the folder has none. \throws UserError if manifest.json is not one.
std::optional<Manifest> read_manifest(const std::filesystem::path& folder);

/// The manifest and its parts as a flat list, oldest first, without the sessions that ended and computed no cell.
std::vector<Manifest> sessions(const Manifest& manifest);

/// Where one of the sessions had other data of the same name, `mnist (checksum 0123abcd, not 4567cdef)`; else empty.
std::string other_data(const std::vector<Manifest>& sessions, const std::map<std::string, std::string>& data);

/// The present time as `2025-01-31T12:00:00Z`.
std::string utc_now();
std::string host_name();

}  // namespace gauntlet
