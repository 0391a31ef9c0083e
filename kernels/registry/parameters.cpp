// SPDX-License-Identifier: Apache-2.0

#include "kernels/registry/parameters.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <stdexcept>

#include "kernels/exec/error.hpp"
#include "kernels/registry/text.hpp"

namespace gauntlet {
namespace {

std::string text_of(double value) {
  char buffer[32];
  return std::string(buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr);
}

bool contains(const std::vector<std::string>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

/// `'a'`, or `one of 'a', 'b'`.
std::string one_of(const std::vector<std::string>& words) {
  std::string result;
  for (const std::string& word : words) result += (result.empty() ? "'" : ", '") + word + "'";
  return words.size() == 1 ? result : "one of " + result;
}

std::optional<std::vector<int>> integers(std::string_view text) {
  if (!text.empty() && text.front() == '[') {
    if (text.back() != ']' || text.size() < 2) return std::nullopt;
    text = text.substr(1, text.size() - 2);
    if (text.find_first_not_of(' ') == std::string_view::npos) return std::vector<int>{};
  }
  std::vector<int> result;
  while (true) {
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    int item = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), item);
    if (error != std::errc()) return std::nullopt;
    result.push_back(item);
    text.remove_prefix(static_cast<std::size_t>(stop - text.data()));
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    if (text.empty()) return result;
    if (text.front() != ',') return std::nullopt;
    text.remove_prefix(1);
  }
}

/// Checks one value and words every complaint about it as `owner: parameter = text …`.
class Check {
 public:
  Check(const std::string& owner, const ParameterSpec& spec, const std::string& text, int n, int f)
      : spec_(spec), text_(text), n_(n), f_(f), subject_(owner + ": " + spec.name + " = " + shown(text)) {}

  void run() const {
    if (contains(spec_.words, text_)) return;
    switch (spec_.kind) {
      case ParameterKind::count:
        return number("a whole number");
      case ParameterKind::number:
        return number("a number");
      case ParameterKind::flag:
        if (text_ != "true" && text_ != "false") fail(" is neither true nor false");
        return;
      case ParameterKind::word:
        return fail(" is not " + one_of(spec_.words) + suggestion(text_, spec_.words));
      case ParameterKind::list:
        return list();
      case ParameterKind::pipelines:
        return pipelines();
      case ParameterKind::text:
        return;
    }
  }

 private:
  void number(const std::string& what) const {
    double value = 0;
    try {
      value = evaluate_expression(text_, n_, f_);
    } catch (const UserError&) {
      fail(spec_.words.empty()
               ? " is not " + what
               : " is neither " + what + " nor " + one_of(spec_.words) + suggestion(text_, spec_.words));
    }
    if (spec_.kind == ParameterKind::count && value != std::floor(value))
      fail(" is not a whole number" + evaluated(value));
    if (spec_.kind == ParameterKind::count && std::abs(value) > std::numeric_limits<int>::max())
      fail(" is too large for a count");
    range(value);
  }

  void list() const {
    const auto items = integers(text_);
    if (!items) fail(" is not a list of whole numbers such as [100, 50]");
    for (const int item : *items) range(item);
  }

  void pipelines() const {
    try {
      parse_pipelines(text_);
    } catch (const UserError& error) {
      fail(std::string(" is not a list of pipelines such as [krum, nnm | median]: ") + error.what());
    }
  }

  void range(double value) const {
    if (value >= spec_.minimum && value <= spec_.maximum) return;
    if (spec_.maximum == no_limit) fail(evaluated(value) + " must be at least " + text_of(spec_.minimum));
    if (spec_.minimum == -no_limit) fail(evaluated(value) + " must be at most " + text_of(spec_.maximum));
    fail(evaluated(value) + " is out of range " + text_of(spec_.minimum) + ".." + text_of(spec_.maximum));
  }

  /// Says what the text came to where the text does not: ` = -1 (n = 4, f = 3)`.
  std::string evaluated(double value) const {
    if (text_.find_first_of("nf+*/") == std::string::npos) return "";
    return " = " + text_of(value) + " (n = " + std::to_string(n_) + ", f = " + std::to_string(f_) + ")";
  }

  [[noreturn]] void fail(const std::string& complaint) const { throw UserError(subject_ + complaint); }

  const ParameterSpec& spec_;
  const std::string& text_;
  int n_, f_;
  std::string subject_;
};

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return result;
}

/// Insertions, deletions, substitutions and swaps of neighbors that turn one word into the other.
std::size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1] ? 1 : 0)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before.swap(last);
    last.swap(row);
  }
  return last[b.size()];
}

}  // namespace

ParameterSpec count(std::string name, std::string fallback, std::string help, double minimum, double maximum,
                    std::vector<std::string> words) {
  return {std::move(name), ParameterKind::count, std::move(fallback), std::move(help), minimum,
          maximum,         std::move(words)};
}

ParameterSpec number(std::string name, std::string fallback, std::string help, double minimum, double maximum,
                     std::vector<std::string> words) {
  return {std::move(name), ParameterKind::number, std::move(fallback), std::move(help), minimum,
          maximum,         std::move(words)};
}

ParameterSpec flag(std::string name, bool fallback, std::string help) {
  return {std::move(name), ParameterKind::flag, fallback ? "true" : "false", std::move(help)};
}

ParameterSpec word(std::string name, std::string fallback, std::string help, std::vector<std::string> words) {
  return {std::move(name), ParameterKind::word, std::move(fallback), std::move(help), -no_limit,
          no_limit,        std::move(words)};
}

ParameterSpec list(std::string name, std::string fallback, std::string help, double minimum, double maximum) {
  return {std::move(name), ParameterKind::list, std::move(fallback), std::move(help), minimum, maximum};
}

ParameterSpec text(std::string name, std::string fallback, std::string help) {
  return {std::move(name), ParameterKind::text, std::move(fallback), std::move(help)};
}

ParameterSpec pipelines(std::string name, std::string fallback, std::string help) {
  return {std::move(name), ParameterKind::pipelines, std::move(fallback), std::move(help)};
}

Arguments::Arguments(const std::string& owner, const std::vector<ParameterSpec>& specs, const ComponentText& text,
                     int n, int f)
    : n_(n), f_(f) {
  for (const ParameterSpec& spec : specs) values_.push_back({&spec, spec.default_value, false});
  for (const auto& [key, written] : text.arguments) {
    const auto found = std::find_if(values_.begin(), values_.end(),
                                    [&name = key](const Value& value) { return value.spec->name == name; });
    if (found == values_.end()) {
      std::vector<std::string> names;
      for (const ParameterSpec& spec : specs) names.push_back(spec.name);
      throw UserError(owner + ": " +
                      (names.empty() ? "takes no parameters, but '" + shown(key) + "' is given"
                                     : "unknown parameter '" + shown(key) + "'" + suggestion(key, names)));
    }
    if (found->given) throw UserError(owner + ": parameter '" + key + "' is given twice");
    found->text = written;
    found->given = true;
  }
  for (const Value& value : values_) Check(owner, *value.spec, value.text, n, f).run();
}

const Arguments::Value& Arguments::value(std::string_view name) const {
  for (const Value& value : values_)
    if (value.spec->name == name) return value;
  throw std::logic_error("parameter '" + std::string(name) + "' was not declared");
}

bool Arguments::given(std::string_view name) const { return value(name).given; }

bool Arguments::is(std::string_view name, std::string_view word) const { return value(name).text == word; }

int Arguments::count(std::string_view name) const { return static_cast<int>(number(name)); }

double Arguments::number(std::string_view name) const {
  const std::string& text = value(name).text;
  // A component that also takes a word has to ask for it first.
  if (contains(value(name).spec->words, text))
    throw std::logic_error("parameter '" + std::string(name) + "' holds the word '" + text + "'");
  return evaluate_expression(text, n_, f_);
}

bool Arguments::flag(std::string_view name) const { return value(name).text == "true"; }

const std::string& Arguments::word(std::string_view name) const { return value(name).text; }

std::vector<int> Arguments::list(std::string_view name) const {
  const auto items = integers(value(name).text);
  if (!items) throw std::logic_error("parameter '" + std::string(name) + "' is not a list");
  return *items;
}

std::vector<std::vector<ComponentText>> Arguments::pipelines(std::string_view name) const {
  return parse_pipelines(value(name).text);
}

std::string suggestion(std::string_view word, const std::vector<std::string>& names) {
  const std::string wanted = lower(word.substr(0, 64));
  const std::string* nearest = nullptr;
  std::size_t least = std::max<std::size_t>(1, wanted.size() / 3) + 1;
  for (const std::string& name : names) {
    const std::size_t distance = edit_distance(wanted, lower(name));
    if (distance >= least || distance >= name.size()) continue;
    least = distance;
    nearest = &name;
  }
  // Failing that, a name of which only a part was written: `trimmed` for `trimmed-mean`.
  for (auto name = names.begin(); nearest == nullptr && wanted.size() >= 3 && name != names.end(); ++name)
    if (lower(*name).find(wanted) != std::string::npos) nearest = &*name;
  return nearest == nullptr ? "" : "; did you mean '" + *nearest + "'?";
}

}  // namespace gauntlet
