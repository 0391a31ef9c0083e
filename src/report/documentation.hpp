// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace gauntlet {

/// A table of a Markdown file that the program writes, between `<!-- begin: NAME -->` and `<!-- end: NAME -->`.
struct GeneratedTable {
  std::string name, text;
};

/// The keys of a spec (`keys`) and the columns of the results (`summary`, `convergence`, `events`), those that
/// components add included.
std::vector<GeneratedTable> documentation_tables();

/// The text with a backslash before every vertical bar, which would end the table's cell, and on one line.
std::string markdown_cell(const std::string& text);

/// The table between its markers.
std::string marked(const GeneratedTable& table);

/// `text` with what stands between the markers of each table replaced by it. A table without markers in the text is
/// left out. \throws UserError, naming `file` and the line, for a begin marker without its end, and when there is no
/// marker at all.
std::string update_tables(const std::string& text, const std::string& file, const std::vector<GeneratedTable>& tables);

}  // namespace gauntlet
