// SPDX-License-Identifier: Apache-2.0

#include <algorithm>

#include "kernels/exec/error.hpp"
#include "kernels/registry/parameters.hpp"
#include "kernels/registry/text.hpp"

namespace gauntlet {
namespace {

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

bool is_word_character(char c) { return c == '.' || (c != '-' && is_name_character(c)); }

/// Two spellings that mean the same get the same text: `[ 100,50 ]` becomes `[100, 50]` and `[a|b]` `[a | b]`. A space
/// between two words stays, or `1 0` would become a ten.
std::string without_needless_spaces(std::string_view text) {
  std::string result;
  bool space = false;
  for (const char c : text) {
    if (is_space(c)) {
      space = true;
      continue;
    }
    if (c == '|') {
      result += " | ";
      continue;
    }
    const bool inside_words = space && !result.empty() && is_word_character(c) && is_word_character(result.back());
    if (inside_words || (!result.empty() && result.back() == ',')) result += ' ';
    result += c;
    space = false;
  }
  return result;
}

/// Reads `name(key=value, …) | name | …` from left to right, without recursion; other marks than `|` may stand between.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  std::vector<ComponentText> all(char between) {
    std::vector<ComponentText> result = components(between);
    if (!at_end()) fail(std::string("expected '") + between + "' or the end, found " + found());
    return result;
  }

  std::vector<std::vector<ComponentText>> pipelines() {
    if (!take('[')) fail("expected '[', found " + found());
    std::vector<std::vector<ComponentText>> result;
    do result.push_back(components('|'));
    while (take(','));
    if (!take(']')) fail("expected '|', ',' or ']', found " + found());
    if (!at_end()) fail("expected the end, found " + found());
    return result;
  }

  ComponentText single() {
    ComponentText result = component();
    if (!at_end()) fail("expected the end, found " + found());
    return result;
  }

 private:
  std::vector<ComponentText> components(char between) {
    std::vector<ComponentText> result;
    do result.push_back(component());
    while (take(between));
    return result;
  }

  ComponentText component() {
    ComponentText result;
    result.name = name("a name");
    if (!take('(') || take(')')) return result;
    do {
      const std::string key = name("a parameter name");
      if (!take('=')) fail("expected '=' after '" + shown(key) + "', found " + found());
      for (const auto& argument : result.arguments)
        if (argument.first == key) fail("parameter '" + shown(key) + "' is given twice");
      result.arguments.emplace_back(key, value());
    } while (take(','));
    if (!take(')')) fail("expected ',' or ')', found " + found());
    return result;
  }

  std::string name(const char* what) {
    skip_space();
    const std::size_t begin = position_;
    while (position_ < text_.size() && is_name_character(text_[position_])) ++position_;
    if (position_ == begin) fail(std::string("expected ") + what + ", found " + found());
    return std::string(text_.substr(begin, position_ - begin));
  }

  /// Everything up to a comma or a closing parenthesis that is not inside brackets, which may hold pipelines.
  std::string value() {
    skip_space();
    const std::size_t begin = position_;
    std::string closers;
    for (; position_ < text_.size(); ++position_) {
      const char c = text_[position_];
      if (c == '(') closers += ')';
      if (c == '[') closers += ']';
      if (closers.empty() && (c == ',' || c == ')')) break;
      if (c == ')' || c == ']') {
        if (closers.empty() || closers.back() != c) fail("unmatched " + found());
        closers.pop_back();
      }
      if ((closers.empty() && (c == '|' || c == '=')) ||
          (!is_space(c) && (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)))
        fail("unexpected " + found() + " in a value");
    }
    if (!closers.empty()) fail(std::string("expected '") + closers.back() + "', found " + found());
    std::string result = without_needless_spaces(text_.substr(begin, position_ - begin));
    if (result.empty()) fail("expected a value, found " + found());
    return result;
  }

  void skip_space() {
    while (position_ < text_.size() && is_space(text_[position_])) ++position_;
  }

  bool at_end() {
    skip_space();
    return position_ == text_.size();
  }

  bool take(char c) {
    if (at_end() || text_[position_] != c) return false;
    ++position_;
    return true;
  }

  std::string found() const {
    return position_ < text_.size() ? "'" + shown(text_.substr(position_, 1)) + "'" : "the end";
  }

  [[noreturn]] void fail(const std::string& what) const {
    throw UserError("'" + shown(text_) + "': " + what + " at position " + std::to_string(position_ + 1));
  }

  std::string_view text_;
  std::size_t position_ = 0;
};

}  // namespace

ComponentText parse_component(std::string_view text) { return Reader(text).single(); }

std::vector<ComponentText> parse_pipeline(std::string_view text) { return Reader(text).all('|'); }

std::vector<ComponentText> parse_joined(std::string_view text) { return Reader(text).all('+'); }

std::vector<std::vector<ComponentText>> parse_pipelines(std::string_view text) { return Reader(text).pipelines(); }

std::string to_string(const ComponentText& component) {
  if (component.arguments.empty()) return component.name;
  std::string result;
  for (const auto& [key, value] : component.arguments) result += (result.empty() ? "" : ", ") + key + "=" + value;
  return component.name + "(" + result + ")";
}

std::string to_string(const std::vector<ComponentText>& components, std::string_view between) {
  std::string result;
  for (const ComponentText& component : components) {
    if (!result.empty()) result += between;
    result += to_string(component);
  }
  return result;
}

}  // namespace gauntlet
