// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <vector>

#include "src/report/results.hpp"

namespace gauntlet {

/// What a merged folder holds.
struct MergeReport {
  int cells = 0;                     ///< of the plan
  int failed = 0;                    ///< among those that are there
  std::vector<int> missing;          ///< cells that no folder has
  std::vector<std::string> dropped;  ///< what was not read of the folders' times
};

/// Joins the cells of `folders`, shards of one resolved spec, into the results folder `out`, which is created or
/// already holds cells of the same spec. A cell that failed in one folder and finished in another is taken finished.
/// `session` describes the merge in the manifest. \throws UserError, before anything is written, for a folder without
/// results, different specs, and a cell that two folders give different numbers.
MergeReport merge_results(const std::vector<std::filesystem::path>& folders, const std::filesystem::path& out,
                          Manifest session);

/// Cell numbers as ranges: `0, 3-5, 9`; at most `limit` ranges, then how many cells more.
std::string ranges_text(const std::vector<int>& numbers, std::size_t limit = 20);

}  // namespace gauntlet
