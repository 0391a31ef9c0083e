// SPDX-License-Identifier: Apache-2.0

#include <algorithm>

#include "kernels/attacks/joined.hpp"
#include "kernels/registry/text.hpp"
#include "src/spec/table_reader.hpp"

namespace gauntlet {
namespace {

using Texts = std::vector<ComponentText>;

std::string scalar_text(const Item& item) {
  if (const auto* text = item.node.as_string()) return text->get();
  if (const auto* whole = item.node.as_integer()) return std::to_string(whole->get());
  if (const auto* real = item.node.as_floating_point()) return number_text(real->get());
  if (const auto* flag = item.node.as_boolean()) return flag->get() ? "true" : "false";
  item.fail_type("a string, a number, true, false or a list of numbers");
}

std::string value_text(const Item& item) {
  const toml::array* list = item.node.as_array();
  if (list == nullptr) return scalar_text(item);
  std::string result;
  for (const toml::node& value : *list)
    result += (result.empty() ? "" : ", ") + scalar_text({value, item.key, item.file});
  return "[" + result + "]";
}

/// `{ name = "alie", z = 1.5 }` as `alie(z=1.5)`.
std::string table_text(const Item& item) {
  ComponentText text;
  for (const auto& [key, value] : *item.node.as_table()) {
    const Item argument{value, item.key + "." + shown(std::string(key.str())), item.file};
    if (key.str() == "name")
      text.name = argument.string();
    else
      text.arguments.emplace_back(key.str(), value_text(argument));
  }
  if (text.name.empty()) item.fail("needs a name: { name = \"alie\", z = 1.5 }");
  return to_string(text);
}

bool stands_for_all(const ComponentText& text) { return text.name == "all" && text.arguments.empty(); }

/// What a text with the component `all` stands for: in a defense it takes the place of the rule, among attacks that of
/// the attack on the messages.
std::vector<Texts> expand(const Texts& texts, Kind kind, bool& is_all) {
  const auto place = std::find_if(texts.begin(), texts.end(), stands_for_all);
  is_all = (kind == Kind::attack || kind == Kind::defense) && place != texts.end();
  if (!is_all) return {texts};
  std::vector<Texts> result;
  for (const Component* component : catalogue(kind).components) {
    if (kind == Kind::defense && component->role != "rule") continue;
    result.push_back(texts);
    result.back()[static_cast<std::size_t>(place - texts.begin())].name = component->name;
  }
  return result;
}

}  // namespace

std::vector<Written> read_components(const Item& item, Kind kind, bool& is_all) {
  const bool is_table = item.node.is_table();
  const std::string text = is_table ? table_text(item) : item.string();
  // Which model that is, the data decides.
  if (kind == Kind::model && text == "auto") return {{text, item.where()}};
  try {
    const Texts written = is_table ? Texts{parse_component(text)} : parse_components(kind, text);
    std::vector<Written> result;
    for (Texts& texts : expand(written, kind, is_all)) {
      for (ComponentText& each : texts) each = canonical(kind, std::move(each));
      if (kind == Kind::defense) check_order(texts);
      if (kind == Kind::attack) texts = in_order(std::move(texts));
      result.push_back({to_string(kind, texts), item.where()});
    }
    return result;
  } catch (const UserError& error) {
    throw UserError(item.where() + ": " + error.what());
  }
}

}  // namespace gauntlet
