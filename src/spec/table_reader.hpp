// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "src/cell/catalogue.hpp"
#include "src/spec/spec.hpp"
#include "src/spec/toml.hpp"

namespace gauntlet {

/// One value of the spec with all that a message about it needs.
struct Item {
  const toml::node& node;
  std::string key;   ///< `task.batch`
  std::string file;  ///< of the spec

  /// `spec.toml:3:9`, or `--set task.batch` for a value from the command line (a copy, which has no position).
  std::string where() const;
  /// \throws UserError `where: key complaint`
  [[noreturn]] void fail(const std::string& complaint) const;
  /// \throws UserError `where: key must be …, found the string 'abc'`
  [[noreturn]] void fail_type(const std::string& expected) const;

  std::int64_t integer(std::int64_t minimum, std::int64_t maximum) const;
  double real(double minimum, double maximum) const;
  bool flag() const;
  std::string string() const;
};

/// Reads one table of the spec key by key; `finish` then rejects the keys that nobody asked for.
class TableReader {
 public:
  /// \param title the table's name, empty for the top of the file
  TableReader(const toml::table& table, std::string title, std::string file)
      : table_(table), title_(std::move(title)), file_(std::move(file)) {}

  bool has(const std::string& key) const { return table_.contains(key); }
  /// The table of that name, or an empty one.
  TableReader table(const std::string& key);

  /// The values that the table has on an axis, its fallback where the key is absent. Under `other_key`, too.
  std::vector<Written> axis(const Axis& axis);
  /// A scalar that has to be there. \throws UserError
  Item required(const std::string& key);

  /// \throws UserError for a key that was never asked for.
  void finish() const;

 private:
  const toml::node* get(const std::string& key);
  [[noreturn]] void fail_unknown(const toml::key& key, const std::vector<std::string>& accepted) const;
  std::string full(const std::string& key) const { return title_.empty() ? key : title_ + "." + key; }
  Item item(const toml::node& node, const std::string& key) const { return {node, full(key), file_}; }
  std::vector<Written> seeds(const std::string& key);
  std::vector<Written> components(const Axis& axis);
  /// Calls `read` for every value of an axis: the items of a list, or the one value that is no list.
  void each(const std::string& key, const std::function<void(const Item&)>& read);

  const toml::table& table_;
  std::string title_, file_;
  std::vector<std::string> known_;
};

/// What a value of a component axis stands for: one component or pipeline, or several where it says `all`.
/// \throws UserError with the item's position.
std::vector<Written> read_components(const Item& item, Kind kind, bool& is_all);

}  // namespace gauntlet
