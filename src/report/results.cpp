// SPDX-License-Identifier: Apache-2.0
#include "src/report/results.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <sstream>
#include <stdexcept>
#include <utility>

#include "kernels/exec/error.hpp"

namespace gauntlet {
namespace fs = std::filesystem;
namespace {

/// Where two texts part, for the message: `line 3: 'rounds = 20', not 'rounds = 30'`.
std::string first_difference(const std::string& there, const std::string& here) {
  std::istringstream a(there), b(here);
  for (int line = 1;; ++line) {
    std::string left, right;
    const bool more = static_cast<bool>(std::getline(a, left)) | static_cast<bool>(std::getline(b, right));
    if (left != right) return "line " + std::to_string(line) + ": '" + left + "', not '" + right + "'";
    if (!more) return "line ends";
  }
}

bool needs_rerun(const std::string& status) { return status == to_string(CellStatus::failed); }

/// Holds the folder against other processes. The system drops the lock with the process, so none is ever stale.
int lock_folder(const fs::path& folder) {
  const fs::path path = folder / ".lock";
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor < 0) throw UserError("cannot write '" + path.string() + "': " + std::strerror(errno));
  if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    ::close(descriptor);
    throw UserError("'" + folder.string() + "' is being written by another gauntlet process; choose another --out");
  }
  return descriptor;  // a file system without locks is used without one
}

}  // namespace

ResultsFolder::ResultsFolder(fs::path folder, const std::string& resolved_spec, bool overwrite,
                             const std::map<std::string, std::string>& data, Headers headers)
    : path_(std::move(folder)), headers_(std::move(headers)) {
  make_folder(path_);
  lock_ = lock_folder(path_);
  try {
    const fs::path spec = path_ / "spec.toml";
    if (overwrite) {
      discard();
    } else if (fs::exists(spec)) {
      const std::string there = read_file(spec);
      if (there != resolved_spec)
        throw UserError("'" + path_.string() + "' holds the results of another spec (spec.toml " +
                        first_difference(there, resolved_spec) +
                        "); choose another --out or discard them with --overwrite");
    } else if (fs::exists(path_ / "summary.csv")) {
      throw UserError("'" + path_.string() +
                      "' holds results without their spec.toml; choose another --out or discard them with --overwrite");
    }
    if (overwrite || !fs::exists(spec)) write_file(spec, resolved_spec);
    resume(data);
  } catch (...) {
    ::close(lock_);
    throw;
  }
}

ResultsFolder::~ResultsFolder() { ::close(lock_); }

void ResultsFolder::discard() const {
  // Summary rows are what makes cells count, so they go first.
  for (const char* name :
       {"summary.csv", "convergence.csv", "events.csv", "timing.csv", "manifest.json", "spec.toml"}) {
    std::error_code error;
    fs::remove(path_ / name, error);
    if (error) throw UserError("cannot remove '" + (path_ / name).string() + "': " + error.message());
  }
}

void ResultsFolder::resume(const std::map<std::string, std::string>& data) {
  StoredCells cells = read_cells(path_);
  if (!cells.empty() && !(read_headers(path_) == headers_))
    throw UserError("'" + path_.string() + "' holds results with other columns; choose another --out or discard them " +
                    "with --overwrite");
  for (auto cell = cells.begin(); cell != cells.end();)
    cell = needs_rerun(cell->second.status) ? cells.erase(cell) : std::next(cell);
  for (const auto& [index, cell] : cells) status_[index] = cell.status;
  // Sessions that left nothing have no say.
  if (const auto manifest = read_manifest(path_); manifest && !cells.empty()) earlier_ = sessions(*manifest);
  if (const std::string other = other_data(earlier_, data); !other.empty())
    throw UserError("'" + path_.string() + "' holds the results of other data: " + other +
                    "; choose another --out or discard them with --overwrite");
  for (const fs::directory_entry& entry : fs::directory_iterator(path_))
    if (std::error_code ignored; entry.path().extension() == ".tmp") fs::remove(entry.path(), ignored);
  write_cells(path_, cells, headers_);
  if (!headers_.events.empty()) events_ = std::make_unique<AppendFile>(path_ / "events.csv");
  convergence_ = std::make_unique<AppendFile>(path_ / "convergence.csv");
  summary_ = std::make_unique<AppendFile>(path_ / "summary.csv");
}

bool ResultsFolder::finished(int cell) const { return status_.count(cell) != 0; }

std::size_t ResultsFolder::finished_count() const { return status_.size(); }

void ResultsFolder::append(const Cell& cell, const CellResult& result, const ObservedColumns& columns) {
  if (cell.index != result.cell)
    throw std::logic_error("results of cell " + std::to_string(result.cell) + " given for cell " +
                           std::to_string(cell.index));
  adopt(cell.index, {to_string(result.status), summary_row(cell, result, columns),
                     convergence_rows(cell, result, columns), event_rows(cell, result)});
  ++appended_;
}

void ResultsFolder::adopt(int cell, const StoredCell& rows) {
  if (finished(cell)) throw std::logic_error("results of cell " + std::to_string(cell) + " given twice");
  if (!rows.events.empty() && !events_)
    throw std::logic_error("cell " + std::to_string(cell) + " has events, but none of the folder's protocols does");
  if (events_) events_->append(rows.events);
  convergence_->append(rows.convergence);
  summary_->append(rows.summary);
  status_[cell] = rows.status;
}

void ResultsFolder::finish() {
  summary_.reset();
  convergence_.reset();
  events_.reset();
  write_cells(path_, read_cells(path_), headers_);
}

void ResultsFolder::write(Manifest manifest) const {
  manifest.parts = earlier_;
  manifest.cells_done = appended_;
  write_manifest(path_, manifest);
}

}  // namespace gauntlet
