// SPDX-License-Identifier: Apache-2.0
#include "src/report/timing.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <tuple>

#include "kernels/exec/error.hpp"
#include "src/data/atomic_file.hpp"
#include "src/report/csv.hpp"

namespace gauntlet {
namespace {

const std::vector<std::string> columns = {"device", "step",  "rule",  "calls",      "total_s",
                                          "mean_s", "min_s", "bytes", "bytes_per_s"};

/// What a line of the file says, if it is whole and could have been written.
std::optional<TimingRow> read_row(const std::string& line) {
  try {
    CsvReader reader(line, {}, TornLine::error);
    CsvRecord record;
    reader.next(record);
    const auto& fields = record.fields;
    if (fields.size() != columns.size()) return std::nullopt;
    const auto number = [&](std::size_t i) { return parse_number(fields[i], {}); };
    const double calls = number(3), total_s = number(4), min_s = number(6), bytes = fields[7].empty() ? 0 : number(7);
    for (const double value : {calls, total_s, min_s, bytes})
      if (!(value >= 0 && value <= 1e18)) return std::nullopt;
    return TimingRow{fields[0], fields[1], fields[2], static_cast<std::int64_t>(calls), total_s, min_s, bytes};
  } catch (const UserError&) {
    return std::nullopt;
  }
}

}  // namespace

void write_timing(const std::filesystem::path& folder, std::vector<TimingRow> rows) {
  std::map<std::tuple<std::string, std::string, std::string>, TimingRow> sums;
  for (const TimingRow& row : rows) {
    const auto [sum, added] = sums.try_emplace({row.device, row.step, row.rule}, row);
    if (added) continue;
    sum->second.calls += row.calls;
    sum->second.total_s += row.total_s;
    sum->second.min_s = std::min(sum->second.min_s, row.min_s);
    sum->second.bytes += row.bytes;
  }
  CsvWriter csv;
  csv.row(columns);
  constexpr double none = std::numeric_limits<double>::quiet_NaN();
  for (const auto& [key, row] : sums) {
    csv.field(row.device).field(row.step).field(row.rule).field(row.calls).field(row.total_s);
    csv.field(row.calls > 0 ? row.total_s / static_cast<double>(row.calls) : none).field(row.min_s);
    csv.field(row.bytes > 0 ? row.bytes : none);
    csv.field(row.bytes > 0 && row.total_s > 0 ? row.bytes / row.total_s : none).end_row();
  }
  write_file(folder / "timing.csv", csv.text());
}

StoredTiming read_timing(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / "timing.csv";
  if (!std::filesystem::exists(path)) return {};
  const std::string text = read_file(path), header = CsvWriter().row(columns).text();
  if (text.compare(0, header.size(), header) != 0)
    return {{}, path.string() + ": the columns are not those of times; its rows are dropped"};
  StoredTiming stored;
  int damaged = 0;
  for (std::size_t begin = header.size(), end; begin < text.size(); begin = end) {
    end = std::min(text.find('\n', begin), text.size() - 1) + 1;
    if (const auto row = read_row(text.substr(begin, end - begin)))
      stored.rows.push_back(*row);
    else
      ++damaged;
  }
  if (damaged > 0)
    stored.dropped = path.string() + ": " + std::to_string(damaged) +
                     (damaged == 1 ? " damaged row is" : " damaged rows are") + " dropped";
  return stored;
}

}  // namespace gauntlet
