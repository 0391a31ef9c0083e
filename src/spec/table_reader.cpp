// SPDX-License-Identifier: Apache-2.0

#include "src/spec/table_reader.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "kernels/registry/text.hpp"

namespace gauntlet {
namespace {

constexpr std::uint64_t most_seeds = 1'000'000;

/// Adds a value to an axis that must not hold it yet.
void add(std::vector<Written>& values, AxisValue value, const Item& item) {
  for (const Written& other : values)
    if (other.value == value) item.fail("holds a value twice");
  values.push_back({std::move(value)});
}

/// A value that is neither a component nor a seed.
AxisValue value_of(const Axis& axis, const Item& item) {
  if (std::holds_alternative<std::string Cell::*>(axis.field)) return item.string();
  if (std::holds_alternative<double Cell::*>(axis.field)) return item.real(axis.minimum, axis.maximum);
  if (std::holds_alternative<bool Cell::*>(axis.field)) return item.flag();
  if (axis.word != nullptr) {
    if (item.node.value_exact<std::string>() == axis.word) return Axis::same;
    if (!item.node.is_integer()) item.fail_type("\"" + std::string(axis.word) + "\" or a whole number");
  }
  return static_cast<int>(
      item.integer(static_cast<std::int64_t>(axis.minimum), static_cast<std::int64_t>(axis.maximum)));
}

/// Reads `first..last`, both included.
bool read_range(std::string_view text, std::uint64_t& first, std::uint64_t& last) {
  const std::size_t dots = text.find("..");
  if (dots == std::string_view::npos) return false;
  const auto number = [](std::string_view part, std::uint64_t& value) {
    const auto [stop, error] = std::from_chars(part.data(), part.data() + part.size(), value);
    return error == std::errc() && stop == part.data() + part.size();
  };
  return number(text.substr(0, dots), first) && number(text.substr(dots + 2), last) && first <= last;
}

}  // namespace

std::string Item::where() const {
  const toml::source_position begin = node.source().begin;
  if (begin.line == 0) return "--set " + key;
  return file + ":" + std::to_string(begin.line) + ":" + std::to_string(begin.column);
}

void Item::fail(const std::string& complaint) const { throw UserError(where() + ": " + key + " " + complaint); }

void Item::fail_type(const std::string& expected) const {
  std::string found;
  if (const auto* text = node.as_string())
    found = "the string '" + shown(text->get()) + "'";
  else if (const auto* whole = node.as_integer())
    found = std::to_string(whole->get());
  else if (const auto* real = node.as_floating_point())
    found = number_text(real->get());
  else if (const auto* flag = node.as_boolean())
    found = flag->get() ? "true" : "false";
  else
    found = node.is_array() ? "a list" : node.is_table() ? "a table" : "a date or time";
  fail("must be " + expected + ", found " + found);
}

std::int64_t Item::integer(std::int64_t minimum, std::int64_t maximum) const {
  const auto value = node.value_exact<std::int64_t>();
  if (!value) fail_type("a whole number");
  if (*value < minimum || *value > maximum)
    fail("= " + std::to_string(*value) + " is out of range " + std::to_string(minimum) + ".." +
         std::to_string(maximum));
  return *value;
}

double Item::real(double minimum, double maximum) const {
  if (!node.is_number()) fail_type("a number");
  const double value = *node.value<double>();
  if (!std::isfinite(value)) fail_type("a finite number");
  if (value < minimum || value > maximum)
    fail("= " + number_text(value) + " is out of range " + number_text(minimum) + ".." + number_text(maximum));
  return value;
}

bool Item::flag() const {
  const auto value = node.value_exact<bool>();
  if (!value) fail_type("true or false");
  return *value;
}

std::string Item::string() const {
  const auto value = node.value_exact<std::string>();
  if (!value) fail_type("a string");
  if (value->find('\0') != std::string::npos) fail("holds a zero byte");
  return *value;
}

const toml::node* TableReader::get(const std::string& key) {
  known_.push_back(key);
  return table_.get(key);
}

TableReader TableReader::table(const std::string& key) {
  static const toml::table empty;
  const toml::node* node = get(key);
  if (node != nullptr && !node->is_table()) item(*node, key).fail_type("a table: [" + key + "]");
  return TableReader(node == nullptr ? empty : *node->as_table(), key, file_);
}

void TableReader::each(const std::string& key, const std::function<void(const Item&)>& read) {
  const toml::node* node = get(key);
  if (node == nullptr) return;
  const toml::array* list = node->as_array();
  if (list == nullptr) return read(item(*node, key));
  if (list->empty()) item(*node, key).fail("is an empty list; an axis needs at least one value");
  for (const toml::node& value : *list) read(item(value, key));
}

std::vector<Written> TableReader::seeds(const std::string& key) {
  std::vector<std::uint64_t> values;
  each(key, [&](const Item& item) {
    std::uint64_t first = 0, last = 0;
    if (!item.node.is_string()) {
      first = last = static_cast<std::uint64_t>(item.integer(0, INT64_MAX));
    } else if (!read_range(item.string(), first, last)) {
      item.fail_type("whole numbers, or a range such as \"0..4\" (both ends included)");
    }
    if (last > INT64_MAX || last - first >= most_seeds || values.size() >= most_seeds) item.fail("has too many values");
    for (std::uint64_t seed = first; seed <= last; ++seed) values.push_back(seed);
  });
  std::vector<std::uint64_t> sorted = values;
  std::sort(sorted.begin(), sorted.end());
  const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
  if (twice != sorted.end()) item(*table_.get(key), key).fail("holds " + std::to_string(*twice) + " twice");
  std::vector<Written> written;
  for (const std::uint64_t seed : values) written.push_back({seed});
  return written;
}

std::vector<Written> TableReader::components(const Axis& axis) {
  std::vector<Written> values;
  bool any_all = false;
  std::string twice;
  each(axis.key, [&](const Item& item) {
    bool is_all = false;
    for (Written& written : read_components(item, *axis.kind, is_all)) {
      const bool present =
          std::any_of(values.begin(), values.end(), [&](const Written& other) { return other.value == written.value; });
      if (present && twice.empty())
        twice = written.where + ": " + item.key + " holds '" + text_of(written.value) + "' twice";
      if (!present) values.push_back(std::move(written));
    }
    any_all = any_all || is_all;
  });
  // Next to `all`, naming a component once more is no mistake.
  if (!twice.empty() && !any_all) throw UserError(twice);
  if (values.empty() && has(axis.key))
    throw UserError(file_ + ": " + full(axis.key) + ": there is nothing that 'all' could stand for");
  return values;
}

std::vector<Written> TableReader::axis(const Axis& axis) {
  std::vector<Written> values;
  if (axis.kind) {
    values = components(axis);
  } else if (std::holds_alternative<std::uint64_t Cell::*>(axis.field)) {
    values = seeds(axis.key);
  } else if (axis.single) {
    if (const toml::node* node = get(axis.key)) values.push_back({value_of(axis, item(*node, axis.key))});
  } else {
    const auto read = [&](const Item& item) { add(values, value_of(axis, item), item); };
    each(axis.key, read);
    if (axis.other_key != nullptr) each(axis.other_key, read);
  }
  if (values.empty())
    for (const AxisValue& value : axis.fallback) values.push_back({value, axis.kind ? file_ : ""});
  return values;
}

Item TableReader::required(const std::string& key) {
  const toml::node* node = get(key);
  if (node == nullptr) {
    for (const auto& [other, there] : table_)  // perhaps it is there, misspelt
      if (!suggestion(other.str(), {key}).empty()) fail_unknown(other, {key});
    throw UserError(file_ + ": " + full(key) + " is missing");
  }
  return item(*node, key);
}

void TableReader::finish() const {
  for (const auto& [key, node] : table_) {
    const std::string name(key.str());
    if (std::find(known_.begin(), known_.end(), name) == known_.end()) fail_unknown(key, known_);
  }
}

void TableReader::fail_unknown(const toml::key& key, const std::vector<std::string>& accepted) const {
  const std::string name(key.str());
  const toml::source_position begin = key.source().begin;
  const std::string where = begin.line == 0
                                ? "--set " + full(shown(name))
                                : file_ + ":" + std::to_string(begin.line) + ":" + std::to_string(begin.column);
  throw UserError(where + ": unknown key '" + shown(name) + "'" + (title_.empty() ? "" : " in [" + title_ + "]") +
                  suggestion(name, accepted));
}

}  // namespace gauntlet
