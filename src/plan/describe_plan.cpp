// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <functional>
#include <map>

#include "src/cell/axes.hpp"

namespace gauntlet {
namespace {

/// The values of an axis with their counts, in the order of first appearance.
std::vector<std::pair<std::string, int>> tally(const std::vector<Cell>& cells,
                                               const std::function<std::string(const Cell&)>& value) {
  std::vector<std::pair<std::string, int>> result;
  std::map<std::string, std::size_t> position;
  for (const Cell& cell : cells) {
    std::string text = value(cell);
    const auto [found, is_new] = position.try_emplace(text, result.size());
    if (is_new) result.emplace_back(std::move(text), 0);
    ++result[found->second].second;
  }
  return result;
}

std::string counted(std::size_t count, const std::string& noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

}  // namespace

std::string describe_plan(const std::vector<Cell>& cells) {
  constexpr std::size_t most_shown = 40;
  const auto skipped = static_cast<std::size_t>(
      std::count_if(cells.begin(), cells.end(), [](const Cell& cell) { return !cell.skipped.empty(); }));
  std::string text = counted(cells.size(), "cell") + ", " + std::to_string(cells.size() - skipped) + " to run, " +
                     std::to_string(skipped) + " skipped\n";
  std::string shared;
  for (const Axis& axis : axes()) {
    if (!axis.identity) continue;
    const std::string name = axis.label != nullptr         ? axis.label
                             : axis.column.name != nullptr ? axis.column.name
                                                           : axis.key;
    const auto values = tally(cells, [&](const Cell& cell) { return text_of(axis.of(cell)); });
    if (values.empty()) continue;
    if (values.size() == 1) {
      shared += "  " + name + ": " + values[0].first + "\n";
      continue;
    }
    text += "axis " + name + " (" + std::to_string(values.size()) + "): ";
    for (std::size_t i = 0; i < std::min(values.size(), most_shown); ++i)
      text += (i == 0 ? "" : ", ") + values[i].first;
    text += values.size() > most_shown ? ", ...\n" : "\n";
  }
  if (!shared.empty()) text += "all cells share\n" + shared;
  if (skipped != 0) text += "skipped\n";
  for (const auto& [reason, count] : tally(cells, [](const Cell& cell) { return cell.skipped; }))
    if (!reason.empty()) text += "  " + counted(static_cast<std::size_t>(count), "cell") + ": " + reason + "\n";
  return text;
}

}  // namespace gauntlet
