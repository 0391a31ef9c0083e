// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "src/cell/cell.hpp"
#include "src/data/atomic_file.hpp"
#include "src/report/cell_rows.hpp"
#include "src/report/manifest.hpp"

namespace gauntlet {

/// The folder that a run writes, from the first cell to the last. Whatever moment the process dies at, opening the
/// folder again with the same spec goes on with the cells that are not complete, and the finished files are
/// byte-identical to those of an undisturbed run. One process at a time; not thread-safe.
class ResultsFolder {
 public:
  /// Creates the folder with its spec.toml, or resumes it if it holds the same text. `overwrite` discards what is
  /// there. \throws UserError if it holds the results of another spec or of other data (dataset → checksum) or under
  /// other headers, is in use by another process or cannot be written; then nothing in it has changed.
  ResultsFolder(std::filesystem::path folder, const std::string& resolved_spec, bool overwrite,
                const std::map<std::string, std::string>& data = {}, Headers headers = headers_of(standard_columns()));
  ~ResultsFolder();
  ResultsFolder(const ResultsFolder&) = delete;
  ResultsFolder& operator=(const ResultsFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

  /// The cells that need not run again (ok, diverged or skipped) when the folder was opened, and those appended since.
  bool finished(int cell) const;
  std::size_t finished_count() const;

  /// Writes the rows of one cell; the columns are those of the headers. \throws UserError naming the file if it cannot;
  /// then the cell does not count.
  void append(const Cell& cell, const CellResult& result, const ObservedColumns& columns = standard_columns());

  /// Takes the rows of a cell that another folder holds, as they are. Errors as append.
  void adopt(int cell, const StoredCell& rows);

  /// Puts the tables in cell order. Call it once, after the last append.
  void finish();

  /// Fills in what earlier sessions did (`parts`) and the cells this one has done, and writes manifest.json.
  void write(Manifest manifest) const;

 private:
  void discard() const;
  void resume(const std::map<std::string, std::string>& data);

  std::filesystem::path path_;
  Headers headers_;
  int lock_ = -1;
  std::map<int, std::string> status_;  // of every complete cell
  std::vector<Manifest> earlier_;
  int appended_ = 0;
  std::unique_ptr<AppendFile> summary_, convergence_, events_;
};

}  // namespace gauntlet
