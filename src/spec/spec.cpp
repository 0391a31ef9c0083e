// SPDX-License-Identifier: Apache-2.0

#include "src/spec/spec.hpp"

#include <algorithm>
#include <fstream>
#include <limits>

#include "kernels/registry/text.hpp"
#include "src/spec/table_reader.hpp"

namespace gauntlet {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_bytes = 16 << 20;

toml::table parse_toml(std::string_view text, const std::string& file) {
  try {
    return toml::parse(text, std::string_view());
  } catch (const toml::parse_error& error) {
    const toml::source_position at = error.source().begin;
    throw UserError(file + ":" + std::to_string(at.line) + ":" + std::to_string(at.column) + ": " +
                    shown(error.description(), 200));
  }
}

/// The value of a setting as TOML, or as a string where it is none: `--set task.dataset=mnist` needs no quotes.
toml::table setting_value(const std::string& text) {
  try {
    toml::table table = toml::parse("value = " + text, std::string_view());
    if (table.size() == 1 && table.contains("value")) return table;
  } catch (const toml::parse_error&) {
  }
  return toml::table{{"value", text}};
}

void apply_setting(toml::table& root, const std::string& setting) {
  const std::size_t equals = setting.find('=');
  if (equals == std::string::npos || equals == 0)
    throw UserError("--set " + shown(setting) + ": expected key=value, as in --set task.batch=50");
  std::string key = setting.substr(0, equals);
  toml::table* table = &root;
  for (std::size_t dot; (dot = key.find('.')) != std::string::npos; key.erase(0, dot + 1)) {
    const std::string part = key.substr(0, dot);
    if (!table->contains(part)) table->insert(part, toml::table{});
    table = table->get(part)->as_table();
    if (table == nullptr) throw UserError("--set " + shown(setting) + ": '" + shown(part) + "' is not a table");
  }
  if (table == root.get_as<toml::table>("workers") && (key == "honest" || key == "total"))
    table->erase(key == "honest" ? "total" : "honest");
  // Copied, not moved: a copy has no position in a file, and messages then name the setting instead.
  const toml::table value = setting_value(setting.substr(equals + 1));
  table->erase(key);
  table->insert(key, *value.get("value"));
}

void read_name(TableReader& top, Spec& spec) {
  const Item name = top.required("name");
  spec.name = name.string();
  const bool bad = spec.name.empty() || spec.name.size() > 100 || spec.name == "." || spec.name == ".." ||
                   std::any_of(spec.name.begin(), spec.name.end(), [](char c) {
                     return c == '/' || c == '\\' || static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
                   });
  if (bad) name.fail_type("usable as a folder's name: up to 100 bytes, no slash, no control character");
}

void read_axes(TableReader& reader, const std::string& table, Spec& spec) {
  for (std::size_t i = 0; i < axes().size(); ++i) {
    const Axis& axis = axes()[i];
    if (axis.table != table) continue;
    if (axis.other_key != nullptr && reader.has(axis.other_key)) {
      spec.total = true;
      if (reader.has(axis.key))
        reader.required(axis.other_key).fail("cannot stand beside " + table + "." + axis.key + "; give one of them");
    }
    spec.values[i] = reader.axis(axis);
  }
}

/// By default a tenth of the least `rounds`, at least 1.
int usual_evaluate_every(const Spec& spec) {
  int least = std::numeric_limits<int>::max();
  for (const Written& rounds : spec.of(&Cell::rounds)) least = std::min(least, std::get<int>(rounds.value));
  return std::max(1, least / 10);
}

/// The name of the spec in the same folder that was perhaps meant.
std::string nearest_file(const fs::path& file) {
  std::vector<std::string> names;
  std::error_code ignored;
  const fs::path folder = file.has_parent_path() ? file.parent_path() : fs::path(".");
  for (fs::directory_iterator entry(folder, ignored), end; !ignored && entry != end; entry.increment(ignored))
    if (entry->path().extension() == ".toml") names.push_back(entry->path().filename().string());
  std::sort(names.begin(), names.end());
  return suggestion(file.filename().string(), names);
}

}  // namespace

Spec parse_spec(std::string_view text, const std::string& file, const std::vector<std::string>& settings) {
  toml::table root = parse_toml(text, file);
  if (root.empty() && settings.empty()) throw UserError(file + ": is empty; a spec needs at least a name");
  for (const std::string& setting : settings) apply_setting(root, setting);

  Spec spec;
  TableReader top(root, "", file);
  read_name(top, spec);
  spec.values.resize(axes().size());
  for (const std::string& table : axis_tables()) {
    if (table.empty()) {
      read_axes(top, table, spec);
      continue;
    }
    TableReader reader = top.table(table);
    read_axes(reader, table, spec);
    reader.finish();
  }
  auto& evaluate_every = spec.values[axis_of(&Cell::evaluate_every)];
  if (evaluate_every.empty()) evaluate_every = {{usual_evaluate_every(spec)}};
  top.finish();
  return spec;
}

Spec read_spec(const fs::path& file, const std::vector<std::string>& settings) {
  std::error_code error;
  const fs::file_status status = fs::status(file, error);
  if (!fs::exists(status)) throw UserError(file.string() + ": no such file" + nearest_file(file));
  if (fs::is_directory(status)) throw UserError(file.string() + ": is a directory, not a spec file");
  std::ifstream stream(file, std::ios::binary);
  std::string text(most_bytes + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!stream.eof() && stream.gcount() == 0) throw UserError(file.string() + ": cannot be read");
  text.resize(static_cast<std::size_t>(stream.gcount()));
  if (text.size() > most_bytes) throw UserError(file.string() + ": is too large for a spec (16 MiB at most)");
  return parse_spec(text, file.string(), settings);
}

}  // namespace gauntlet
