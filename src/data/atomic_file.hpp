// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace gauntlet {

/// The bytes of a file. \throws UserError naming the file if it is missing, a directory, a device or unreadable.
std::string read_file(const std::filesystem::path& path);

/// Writes a file so that it is either the old one or the complete new one: a temporary `<name>.<pid>.tmp` beside it,
/// synced, then renamed. Follows symbolic links; a device or pipe is written in place, because it has no old content.
/// \throws UserError naming the file (missing folder, no permission, full disk); the temporary is removed.
void write_file(const std::filesystem::path& path, std::string_view bytes);

/// write_file, unless the file already holds these bytes: what does not change need not be synced.
void update_file(const std::filesystem::path& path, std::string_view bytes);

/// Makes the folder, and those around it, unless it is there. \throws UserError naming it.
void make_folder(const std::filesystem::path& path);

/// A file that only grows, for rows that must survive the death of the process.
class AppendFile {
 public:
  /// Opens or creates the file. \throws UserError naming it.
  explicit AppendFile(std::filesystem::path path);
  AppendFile(const AppendFile&) = delete;
  AppendFile& operator=(const AppendFile&) = delete;
  ~AppendFile();

  /// Hands all bytes to the system before it returns: they survive a kill, not a power failure.
  /// \throws UserError naming the file; what was written of these bytes is cut off again.
  void append(std::string_view bytes);

 private:
  std::filesystem::path path_;
  int descriptor_;
};

}  // namespace gauntlet
