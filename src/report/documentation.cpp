// SPDX-License-Identifier: Apache-2.0

#include "src/report/documentation.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "kernels/exec/error.hpp"
#include "src/report/columns.hpp"
#include "src/spec/spec.hpp"

namespace gauntlet {
namespace {

/// A row of the table of keys: what may be a list of values has a star.
std::string key_row(const std::string& key, bool list, const std::string& fallback, const std::string& help) {
  return "| `" + key + "`" + (list ? " *" : "") + " | " + (fallback.empty() ? "" : fallback + " ") + "| " +
         markdown_cell(help) + " |\n";
}

/// What an absent key means, as it is written in a spec.
std::string fallback_text(const Axis& axis) {
  if (axis.fallback_help != nullptr) return axis.fallback_help;
  std::string values;
  for (const AxisValue& value : axis.fallback) values += (values.empty() ? "" : ", ") + toml_text(axis, value);
  // A list, since a seed by itself would not show that there are many.
  return axis.field == decltype(Axis::field)(&Cell::seed) ? "`[" + values + "]`" : "`" + values + "`";
}

std::string keys_table() {
  std::string text = "| key | default | what it is |\n|---|---|---|\n";
  text += key_row("name", false, "", "the run's name and, without `--out`, its folder below `results/`");
  for (const std::string& table : axis_tables())
    for (const Axis& axis : axes()) {
      if (axis.table != table) continue;
      const std::string prefix = table.empty() ? "" : table + ".";
      text += key_row(prefix + axis.key, !axis.single, fallback_text(axis), axis.help);
      if (axis.other_key != nullptr) text += key_row(prefix + axis.other_key, !axis.single, "", axis.other_help);
    }
  return text;
}

std::string begin_marker(const GeneratedTable& table) { return "<!-- begin: " + table.name + " -->\n"; }
std::string end_marker(const GeneratedTable& table) { return "<!-- end: " + table.name + " -->"; }

}  // namespace

std::vector<GeneratedTable> documentation_tables() {
  return {{"keys", keys_table()},
          {"summary", summary_table()},
          {"convergence", convergence_table()},
          {"events", events_table()}};
}

std::string markdown_cell(const std::string& text) {
  std::string result;
  for (const char c : text) result += c == '|' ? "\\|" : c == '\n' ? " " : std::string(1, c);
  return result;
}

std::string marked(const GeneratedTable& table) { return begin_marker(table) + table.text + end_marker(table) + "\n"; }

std::string update_tables(const std::string& text, const std::string& file, const std::vector<GeneratedTable>& tables) {
  std::string result = text;
  bool any = false;
  for (const GeneratedTable& table : tables) {
    const std::size_t marker = result.find(begin_marker(table));
    if (marker == std::string::npos) continue;
    any = true;
    const std::size_t begin = marker + begin_marker(table).size();
    const std::size_t end = result.find(end_marker(table), begin);
    if (end == std::string::npos)
      throw UserError(
          fmt::format("{}:{}: there is no '{}' after this line", file,
                      1 + std::count(result.begin(), result.begin() + static_cast<std::ptrdiff_t>(marker), '\n'),
                      end_marker(table)));
    result.replace(begin, end - begin, table.text);
  }
  if (!any) throw UserError(file + ": no table's marker found, such as '<!-- begin: defenses -->'");
  return result;
}

}  // namespace gauntlet
