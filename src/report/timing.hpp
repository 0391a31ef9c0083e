// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace gauntlet {

/// One line of timing.csv: how long a step of the round took on a device.
struct TimingRow {
  std::string device, step;
  std::string rule;  ///< the attack or defense whose step it is, or empty
  std::int64_t calls = 0;
  double total_s = 0, min_s = 0;
  double bytes = 0;  ///< that the calls must move, all together; 0: not declared
};

/// Writes timing.csv sorted by device, step and rule; mean_s and bytes_per_s are derived. Rows of equal key are
/// added up. \throws UserError naming the file.
void write_timing(const std::filesystem::path& folder, std::vector<TimingRow> rows);

/// What timing.csv holds. Times are worth less than results, so a damaged file stops nothing.
struct StoredTiming {
  std::vector<TimingRow> rows;
  std::string dropped;  ///< what could not be read, a line: `out/timing.csv: 2 damaged rows are dropped`; or empty
};

/// The rows of timing.csv that are whole; none if there is no such file.
StoredTiming read_timing(const std::filesystem::path& folder);

}  // namespace gauntlet
