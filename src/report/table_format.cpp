// SPDX-License-Identifier: Apache-2.0
#include "src/report/table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>

#include "kernels/exec/error.hpp"
#include "kernels/registry/parameters.hpp"

namespace gauntlet {
namespace {

/// How one format spells what all share.
struct Marks {
  const char *plus_minus, *diverged, *failed, *skipped;
};

constexpr Marks unicode_marks{" ± ", "†", "‡", "–"};
constexpr Marks latex_marks{" $\\pm$ ", "$^\\dagger$", "$^\\ddagger$", "--"};

std::string escape_markdown(const std::string& text) {
  std::string result;
  for (const char c : text) {
    if (c == '|' || c == '\\' || c == '*' || c == '_' || c == '<' || c == '`') result += '\\';
    result += c;
  }
  return result;
}

std::string escape_latex(const std::string& text) {
  std::string result;
  for (const char c : text) {
    switch (c) {
      case '\\':
        result += "\\textbackslash{}";
        break;
      case '~':
        result += "\\textasciitilde{}";
        break;
      case '^':
        result += "\\textasciicircum{}";
        break;
      case '|':
        result += "\\textbar{}";
        break;
      case '<':
        result += "\\textless{}";
        break;
      case '>':
        result += "\\textgreater{}";
        break;
      case '&':
      case '%':
      case '$':
      case '#':
      case '_':
      case '{':
      case '}':
        result += '\\';
        [[fallthrough]];
      default:
        result += c;
    }
  }
  return result;
}

/// Shares lie in [-1, 1] and get three decimals; losses and distances have any size and get four digits.
bool is_share(const std::string& metric) {
  for (const char* part : {"accuracy", "cosine", "weight"})
    if (metric.find(part) != std::string::npos) return true;
  return false;
}

int most_seeds(const Pivot& table) {
  int most = 0;
  for (const PivotEntry& entry : table.entries) most = std::max(most, entry.seeds);
  return most;
}

std::string entry_text(const PivotEntry& entry, int seeds, bool share, const Marks& marks) {
  if (entry.cells == 0) return "";
  if (entry.seeds == 0) {
    if (entry.failed > 0) return "failed";
    if (entry.diverged > 0) return "diverged";
    return entry.skipped > 0 ? marks.skipped : "";
  }
  std::string text = share ? fmt::format("{:.3f}", entry.mean) : fmt::format("{:.4g}", entry.mean);
  if (entry.seeds > 1 && std::isfinite(entry.deviation))
    text +=
        marks.plus_minus + (share ? fmt::format("{:.3f}", entry.deviation) : fmt::format("{:.2g}", entry.deviation));
  if (entry.seeds != seeds) text += fmt::format(" ({})", entry.seeds);
  if (entry.diverged > 0) text += marks.diverged;
  if (entry.failed > 0) text += marks.failed;
  return text;
}

std::vector<std::string> legend(const Pivot& table, const Marks& marks) {
  bool diverged = false, failed = false, skipped = false, fewer = false;
  for (const PivotEntry& entry : table.entries) {
    diverged |= entry.diverged > 0 && entry.seeds > 0;
    failed |= entry.failed > 0 && entry.seeds > 0;
    skipped |= entry.skipped > 0 && entry.seeds == 0;
    fewer |= entry.seeds > 0 && entry.seeds != most_seeds(table);
  }
  std::vector<std::string> lines;
  if (fewer) lines.emplace_back("(k) over k seeds only");
  if (diverged)
    lines.push_back(fmt::format("{} seeds diverged; they count with their last measured value", marks.diverged));
  if (failed) lines.push_back(fmt::format("{} seeds failed; they are left out", marks.failed));
  if (skipped) lines.push_back(fmt::format("{} not possible with these n and f", marks.skipped));
  return lines;
}

/// The metric, and the axis of the columns where these are numbers, which do not say what they are of.
std::string subject(const Pivot& table, const TableOptions& options) {
  const std::string first = table.columns.empty() ? "" : table.columns.front();
  const bool numbers = !first.empty() && std::isdigit(static_cast<unsigned char>(first[0])) != 0;
  return options.metric + (numbers ? " by " + options.columns : "");
}

std::string caption(const Pivot& table, const std::string& subject, const Marks& marks) {
  std::string text = subject;
  const int seeds = most_seeds(table);
  if (seeds == 1) text += ", one seed";
  if (seeds > 1) text += fmt::format(", mean{}standard deviation over {} seeds", marks.plus_minus, seeds);
  for (std::size_t i = 0; i < table.fixed.size(); ++i)
    text += fmt::format("{} {} = {}", i == 0 ? ";" : ",", table.fixed[i].first, table.fixed[i].second);
  return text;
}

/// The table as a grid of texts whose first row and column are the headings.
std::vector<std::vector<std::string>> grid(const Pivot& table, const TableOptions& options, const Marks& marks) {
  std::vector<std::vector<std::string>> result(1, {options.rows});
  result[0].insert(result[0].end(), table.columns.begin(), table.columns.end());
  for (std::size_t row = 0; row < table.rows.size(); ++row) {
    result.push_back({table.rows[row]});
    for (std::size_t column = 0; column < table.columns.size(); ++column)
      result.back().push_back(entry_text(table.at(row, column), most_seeds(table), is_share(options.metric), marks));
  }
  return result;
}

/// Characters, not bytes, of UTF-8 text.
std::size_t width(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::string text_table(const Pivot& table, const TableOptions& options) {
  const auto cells = grid(table, options, unicode_marks);
  std::vector<std::size_t> widths(cells[0].size());
  for (const auto& row : cells)
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width(row[i]));
  std::string text = caption(table, subject(table, options), unicode_marks) + "\n\n";
  for (std::size_t row = 0; row < cells.size(); ++row) {
    std::string line;
    for (std::size_t i = 0; i < widths.size(); ++i)
      line += cells[row][i] + std::string(widths[i] - width(cells[row][i]) + 2, ' ');
    text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
    if (row > 0) continue;
    for (const std::size_t each : widths) text += std::string(each, '-') + "  ";
    text.replace(text.size() - 2, 2, "\n");
  }
  for (const std::string& line : legend(table, unicode_marks)) text += line + "\n";
  return text;
}

std::string markdown_table(const Pivot& table, const TableOptions& options) {
  std::string text = escape_markdown(caption(table, subject(table, options), unicode_marks)) + "\n\n";
  bool heading = true;
  for (const auto& row : grid(table, options, unicode_marks)) {
    for (const std::string& cell : row) text += "| " + escape_markdown(cell) + " ";
    text += "|\n";
    if (heading) {
      text += "|:---|";
      for (std::size_t i = 1; i < row.size(); ++i) text += "---:|";
      text += "\n";
    }
    heading = false;
  }
  const auto lines = legend(table, unicode_marks);
  for (const std::string& line : lines) text += (&line == &lines.front() ? "\n" : "  \n") + line;
  return lines.empty() ? text : text + "\n";
}

std::string latex_table(const Pivot& table, const TableOptions& options) {
  const auto cells = grid(table, options, latex_marks);
  std::string text = "% needs \\usepackage{booktabs}\n\\begin{table}\n\\centering\n";
  // Metric and axis names are the user's text; the plus-minus sign is already LaTeX.
  Pivot escaped = table;
  for (auto& [axis, value] : escaped.fixed) axis = escape_latex(axis), value = escape_latex(value);
  text += fmt::format("\\caption{{{}}}\n", caption(escaped, escape_latex(subject(table, options)), latex_marks));
  text += fmt::format("\\begin{{tabular}}{{l{}}}\n\\toprule\n", std::string(table.columns.size(), 'r'));
  for (std::size_t row = 0; row < cells.size(); ++row) {
    for (std::size_t i = 0; i < cells[row].size(); ++i)
      text += (i == 0 ? "" : " & ") + (row == 0 || i == 0 ? escape_latex(cells[row][i]) : cells[row][i]);
    text += row == 0 ? " \\\\\n\\midrule\n" : " \\\\\n";
  }
  text += "\\bottomrule\n\\end{tabular}\n";
  for (const std::string& line : legend(table, latex_marks)) text += "\\par " + line + "\n";
  return text + "\\end{table}\n";
}

std::string csv_tables(const std::vector<Pivot>& tables, const TableOptions& options) {
  CsvWriter csv;
  if (!tables.empty())
    for (const auto& [axis, value] : tables[0].fixed) csv.field(axis);
  csv.row({options.rows, options.columns, "metric", "mean", "standard_deviation", "seeds", "cells", "diverged",
           "failed", "skipped"});
  for (const Pivot& table : tables) {
    for (std::size_t i = 0; i < table.entries.size(); ++i) {
      const PivotEntry& entry = table.entries[i];
      if (entry.cells == 0) continue;
      for (const auto& [axis, value] : table.fixed) csv.field(value);
      csv.field(table.rows[i / table.columns.size()]).field(table.columns[i % table.columns.size()]);
      csv.field(options.metric).field(entry.seeds > 0 ? entry.mean : NAN);
      csv.field(entry.seeds > 1 ? entry.deviation : NAN).field(entry.seeds).field(entry.cells);
      csv.field(entry.diverged).field(entry.failed).field(entry.skipped).end_row();
    }
  }
  return csv.text();
}

}  // namespace

TableFormat parse_table_format(const std::string& name) {
  if (name == "text") return TableFormat::text;
  if (name == "markdown") return TableFormat::markdown;
  if (name == "latex") return TableFormat::latex;
  if (name == "csv") return TableFormat::csv;
  throw UserError("unknown table format '" + name + "'" + suggestion(name, {"text", "markdown", "latex", "csv"}) +
                  " (text, markdown, latex or csv)");
}

std::string render(const std::vector<Pivot>& tables, const TableOptions& options) {
  if (options.format == TableFormat::csv) return csv_tables(tables, options);
  std::string text;
  for (const Pivot& table : tables) {
    if (!text.empty()) text += "\n";
    switch (options.format) {
      case TableFormat::markdown:
        text += markdown_table(table, options);
        break;
      case TableFormat::latex:
        text += latex_table(table, options);
        break;
      default:
        text += text_table(table, options);
    }
  }
  return text;
}

}  // namespace gauntlet
