// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gauntlet {

/// What kind of text a parameter takes.
enum class ParameterKind {
  count,      ///< an integer, or an expression of n and f such as `n-f-1`
  number,     ///< a real number, or an expression of n and f
  flag,       ///< true or false
  word,       ///< one of `words`
  list,       ///< integers in brackets: `[100, 50]`
  pipelines,  ///< pipelines in brackets: `[krum, nnm | median]`
  text,       ///< anything
};

/// One parameter as its component declares it. A count or number may also take one of `words` (`z=auto`).
struct ParameterSpec {
  std::string name;
  ParameterKind kind;
  std::string default_value;
  std::string help;
  double minimum = -std::numeric_limits<double>::infinity();  ///< inclusive
  double maximum = std::numeric_limits<double>::infinity();   ///< inclusive
  std::vector<std::string> words = {};
  std::string unit = {};
};

inline constexpr double no_limit = std::numeric_limits<double>::infinity();

/// Shorthands for the parameter lists of components.
ParameterSpec count(std::string name, std::string fallback, std::string help, double minimum = 0,
                    double maximum = no_limit, std::vector<std::string> words = {});
ParameterSpec number(std::string name, std::string fallback, std::string help, double minimum = -no_limit,
                     double maximum = no_limit, std::vector<std::string> words = {});
ParameterSpec flag(std::string name, bool fallback, std::string help);
ParameterSpec word(std::string name, std::string fallback, std::string help, std::vector<std::string> words);
ParameterSpec list(std::string name, std::string fallback, std::string help, double minimum = 1,
                   double maximum = no_limit);
ParameterSpec text(std::string name, std::string fallback, std::string help);
ParameterSpec pipelines(std::string name, std::string fallback, std::string help);

/// A component as the user wrote it: `name(key=value, …)`. Values are kept as text.
struct ComponentText {
  std::string name;
  std::vector<std::pair<std::string, std::string>> arguments;
};

/// Reads `name` or `name(key=value, …)`; values may be bracketed lists, of pipelines also. \throws UserError on bad
/// syntax.
ComponentText parse_component(std::string_view text);

/// Reads `a | b(x=1) | c`, left to right. \throws UserError on bad syntax or an empty stage.
std::vector<ComponentText> parse_pipeline(std::string_view text);

/// Reads `a + b(x=1) + c`, in the order written. \throws UserError on bad syntax or an empty part.
std::vector<ComponentText> parse_joined(std::string_view text);

/// Reads pipelines in brackets, separated by commas: `[a, b(x=1) | c]`. \throws UserError on bad syntax.
std::vector<std::vector<ComponentText>> parse_pipelines(std::string_view text);

/// The canonical spelling, with the arguments in the order given: `arc | nnm | trimmed-mean(trim=2)`.
std::string to_string(const ComponentText& component);
std::string to_string(const std::vector<ComponentText>& components, std::string_view between = " | ");

/// The value of an integer expression of n and f with + - * / and parentheses (`n-f-1`). \throws UserError.
double evaluate_expression(std::string_view text, int n, int f);

/// Checked values of a component's parameters, bound to the cell's n and f. Every getter throws std::logic_error
/// for a name that the component did not declare: that is a bug in the component, not the user's.
class Arguments {
 public:
  /// \throws UserError for an unknown parameter (with the nearest name), a value of the wrong kind or out of range.
  Arguments(const std::string& owner, const std::vector<ParameterSpec>& specs, const ComponentText& text, int n, int f);

  int n() const { return n_; }
  int f() const { return f_; }
  bool given(std::string_view name) const;                      ///< the user wrote it
  bool is(std::string_view name, std::string_view word) const;  ///< the value is this word
  int count(std::string_view name) const;
  double number(std::string_view name) const;
  bool flag(std::string_view name) const;
  const std::string& word(std::string_view name) const;
  std::vector<int> list(std::string_view name) const;
  std::vector<std::vector<ComponentText>> pipelines(std::string_view name) const;

 private:
  struct Value {
    const ParameterSpec* spec;
    std::string text;
    bool given;
  };
  const Value& value(std::string_view name) const;

  std::vector<Value> values_;
  int n_, f_;
};

/// The member of `names` nearest to `word` by edit distance, as `; did you mean 'x'?`, or empty if none is near.
std::string suggestion(std::string_view word, const std::vector<std::string>& names);

}  // namespace gauntlet
