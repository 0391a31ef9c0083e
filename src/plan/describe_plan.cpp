// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <functional>
#include <map>

#include "kernels/registry/text.hpp"
#include "src/plan/plan.hpp"

namespace gauntlet {
namespace {

struct Column {
  const char* name;
  std::function<std::string(const Cell&)> value;
};

const std::vector<Column>& columns() {
  static const std::vector<Column> all = {
      {"dataset", [](const Cell& c) { return c.dataset; }},
      {"model", [](const Cell& c) { return c.model; }},
      {"batch", [](const Cell& c) { return std::to_string(c.batch); }},
      {"partition", [](const Cell& c) { return c.partition; }},
      {"byzantine_data", [](const Cell& c) { return std::string(c.byzantine_data ? "true" : "false"); }},
      {"train_fraction", [](const Cell& c) { return number_text(c.train_fraction); }},
      {"n", [](const Cell& c) { return std::to_string(c.workers); }},
      {"f", [](const Cell& c) { return std::to_string(c.byzantine); }},
      {"declared f", [](const Cell& c) { return std::to_string(c.declared); }},
      {"estimator", [](const Cell& c) { return c.estimator; }},
      {"optimizer", [](const Cell& c) { return c.optimizer; }},
      {"learning_rate", [](const Cell& c) { return number_text(c.learning_rate); }},
      {"schedule", [](const Cell& c) { return c.schedule; }},
      {"weight_decay", [](const Cell& c) { return number_text(c.weight_decay); }},
      {"protocol", [](const Cell& c) { return c.protocol; }},
      {"rounds", [](const Cell& c) { return std::to_string(c.rounds); }},
      {"evaluate_every", [](const Cell& c) { return std::to_string(c.evaluate_every); }},
      {"attack", [](const Cell& c) { return c.attack; }},
      {"defense", [](const Cell& c) { return c.defense; }},
      {"seed", [](const Cell& c) { return std::to_string(c.seed); }},
  };
  return all;
}

/// The values of a column with their counts, in the order of first appearance.
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
  for (const Column& column : columns()) {
    const auto values = tally(cells, column.value);
    if (values.empty()) continue;
    if (values.size() == 1) {
      shared += std::string("  ") + column.name + ": " + values[0].first + "\n";
      continue;
    }
    text += std::string("axis ") + column.name + " (" + std::to_string(values.size()) + "): ";
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
