// SPDX-License-Identifier: Apache-2.0
#include "src/report/merge.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "kernels/exec/error.hpp"
#include "src/report/timing.hpp"

namespace gauntlet {
namespace fs = std::filesystem;
namespace {

bool failed(const StoredCell& cell) { return cell.status == to_string(CellStatus::failed); }

/// The cells of several folders and the folder that each came from.
struct Union {
  StoredCells cells;
  std::map<int, fs::path> origin;

  void add(const fs::path& folder) {
    for (auto& [index, cell] : read_cells(folder)) {
      const auto [known, added] = cells.try_emplace(index, cell);
      if (!added && !failed(cell) && !failed(known->second) && !(known->second == cell))
        throw UserError("cell " + std::to_string(index) + " has other numbers in '" + origin[index].string() +
                        "' than in '" + folder.string() + "'");
      if (!added && (failed(cell) || !failed(known->second))) continue;
      known->second = cell;
      origin[index] = folder;
    }
  }
};

std::string read_spec(const fs::path& folder) {
  const fs::path spec = folder / "spec.toml";
  if (!fs::exists(spec)) throw UserError("'" + folder.string() + "' is not a results folder: it has no spec.toml");
  return read_file(spec);
}

/// The size of the plan, which is the same in all manifests.
int planned_cells(const std::vector<std::pair<fs::path, Manifest>>& manifests) {
  if (manifests.empty()) throw UserError("no folder has a manifest.json, which says how many cells there must be");
  const auto& [first_folder, first] = manifests.front();
  for (const auto& [folder, manifest] : manifests)
    if (manifest.cells != first.cells)
      throw UserError("'" + first_folder.string() + "' is of a plan of " + std::to_string(first.cells) + " cells, '" +
                      folder.string() + "' of one of " + std::to_string(manifest.cells));
  return first.cells;
}

}  // namespace

MergeReport merge_results(const std::vector<fs::path>& folders, const fs::path& out, Manifest session) {
  if (folders.empty()) throw UserError("no folders to merge");
  const std::string spec = read_spec(folders.front());
  const Headers headers = read_headers(folders.front());
  Union merged;
  std::vector<std::pair<fs::path, Manifest>> manifests;
  std::vector<TimingRow> timing;
  std::vector<fs::path> seen;
  MergeReport report;
  for (const fs::path& folder : folders) {
    if (read_spec(folder) != spec)
      throw UserError("'" + folder.string() + "' and '" + folders.front().string() + "' are of different specs");
    const fs::path real = fs::canonical(folder);
    if (std::find(seen.begin(), seen.end(), real) != seen.end()) continue;
    seen.push_back(real);
    if (!(read_headers(folder) == headers))
      throw UserError("'" + folder.string() + "' and '" + folders.front().string() + "' have different columns");
    merged.add(folder);
    if (auto manifest = read_manifest(folder)) {
      for (const auto& [before, other] : manifests)
        for (const Manifest& part : sessions(other))
          if (const std::string data = other_data(sessions(*manifest), part.data); !data.empty())
            throw UserError("'" + folder.string() + "' and '" + before.string() +
                            "' were computed from other data: " + data);
      manifests.emplace_back(folder, std::move(*manifest));
    }
    StoredTiming stored = read_timing(folder);
    if (!stored.dropped.empty()) report.dropped.push_back(std::move(stored.dropped));
    for (TimingRow& row : stored.rows) timing.push_back(std::move(row));
  }
  session.cells = planned_cells(manifests);
  for (const auto& [folder, manifest] : manifests)
    for (Manifest& part : sessions(manifest)) session.parts.push_back(std::move(part));
  if (fs::exists(out / "spec.toml") && read_spec(out) == spec) {
    const std::size_t before = merged.cells.size();
    merged.add(out);
    if (merged.cells.size() != before)
      throw UserError("'" + out.string() + "' already holds cells that no folder has; name it among the folders too");
  }

  ResultsFolder folder(out, spec, false, {}, headers);
  report.cells = session.cells;
  for (const auto& [index, cell] : merged.cells) {
    if (!folder.finished(index)) folder.adopt(index, cell);
    report.failed += failed(cell);
  }
  for (int index = 0; index < report.cells; ++index)
    if (merged.cells.count(index) == 0) report.missing.push_back(index);
  folder.finish();
  if (!timing.empty()) write_timing(out, timing);
  session.status = !report.missing.empty() ? "incomplete" : report.failed > 0 ? "failed" : "complete";
  session.end = utc_now();
  write_manifest(out, session);
  return report;
}

std::string ranges_text(const std::vector<int>& numbers, std::size_t limit) {
  std::string text;
  std::size_t ranges = 0;
  for (std::size_t i = 0; i < numbers.size();) {
    std::size_t end = i + 1;
    while (end < numbers.size() && numbers[end] == numbers[end - 1] + 1) ++end;
    if (ranges++ == limit) return text + " and " + std::to_string(numbers.size() - i) + " more";
    text += (text.empty() ? "" : ", ") + std::to_string(numbers[i]);
    if (end > i + 1) text += "-" + std::to_string(numbers[end - 1]);
    i = end;
  }
  return text;
}

}  // namespace gauntlet
