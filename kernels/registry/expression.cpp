// SPDX-License-Identifier: Apache-2.0

#include <charconv>
#include <cmath>

#include "kernels/exec/error.hpp"
#include "kernels/registry/parameters.hpp"
#include "kernels/registry/text.hpp"

namespace gauntlet {
namespace {

/// Recursive descent over sum := product (± product)*, product := factor (×÷ factor)*,
/// factor := ± factor | number | n | f | ( sum ).
class Expression {
 public:
  Expression(std::string_view text, int n, int f) : text_(text), n_(n), f_(f) {}

  double evaluate() {
    const double result = sum();
    if (!at_end()) fail("unexpected '" + shown(text_.substr(position_, 1)) + "'");
    if (!std::isfinite(result)) fail("not a finite number");
    return result;
  }

 private:
  double sum() {
    double result = product();
    while (true) {
      if (take('+'))
        result += product();
      else if (take('-'))
        result -= product();
      else
        return result;
    }
  }

  double product() {
    double result = factor();
    while (true) {
      if (take('*'))
        result *= factor();
      else if (take('/'))
        result /= factor();
      else
        return result;
    }
  }

  double factor() {
    if (++depth_ > 100) fail("nested too deeply");
    double result = 0;
    if (take('-')) {
      result = -factor();
    } else if (take('+')) {
      result = factor();
    } else if (take('(')) {
      result = sum();
      if (!take(')')) fail("expected ')'");
    } else if (take('n')) {
      result = n_;
    } else if (take('f')) {
      result = f_;
    } else {
      result = literal();
    }
    --depth_;
    return result;
  }

  double literal() {
    const char* begin = text_.data() + position_;
    const char* end = text_.data() + text_.size();
    // from_chars would also take `inf` and `nan`, which are no numbers a component can work with.
    if (at_end() || !((*begin >= '0' && *begin <= '9') || *begin == '.')) fail("expected a number, n or f");
    double result = 0;
    const auto [stop, error] = std::from_chars(begin, end, result);
    if (error == std::errc::result_out_of_range) fail("number out of range");
    if (error != std::errc()) fail("expected a number, n or f");
    position_ += static_cast<std::size_t>(stop - begin);
    return result;
  }

  bool at_end() {
    while (position_ < text_.size() && (text_[position_] == ' ' || text_[position_] == '\t')) ++position_;
    return position_ == text_.size();
  }

  bool take(char c) {
    if (at_end() || text_[position_] != c) return false;
    ++position_;
    return true;
  }

  [[noreturn]] void fail(const std::string& what) const {
    throw UserError("'" + shown(text_) + "': " + what + " at position " + std::to_string(position_ + 1));
  }

  std::string_view text_;
  double n_, f_;
  std::size_t position_ = 0;
  int depth_ = 0;
};

}  // namespace

double evaluate_expression(std::string_view text, int n, int f) { return Expression(text, n, f).evaluate(); }

}  // namespace gauntlet
