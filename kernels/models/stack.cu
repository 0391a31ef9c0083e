// SPDX-License-Identifier: Apache-2.0
#include <cctype>

#include "kernels/models/network.cuh"
#include "kernels/registry/text.hpp"

namespace gauntlet {
namespace {

/// A convolution with the pooling that follows it (outputs, kernel, padding, pool), or a dense layer (outputs).
struct Step {
  bool conv = false;
  int numbers[4] = {};
};

/// Reads `conv(20,5) pool(2) dense(500)`: conv(outputs, kernel[, padding]), pool(size), dense(outputs).
class StepReader {
 public:
  explicit StepReader(const std::string& text) : text_(text) {}

  std::vector<Step> read() {
    std::vector<Step> steps;
    bool poolable = false;
    while (skip_blanks()) {
      const std::string name = word();
      const std::vector<int> numbers = arguments(name);
      if (name == "conv" && (numbers.size() == 2 || numbers.size() == 3)) {
        steps.push_back({true, {in(numbers[0], 1, 1 << 16), in(numbers[1], 1, 255), 0, 1}});
        if (numbers.size() == 3) steps.back().numbers[2] = in(numbers[2], 0, numbers[1] - 1);
      } else if (name == "pool" && numbers.size() == 1) {
        if (!poolable) fail("pool must follow a conv");
        steps.back().numbers[3] = in(numbers[0], 1, 16);
      } else if (name == "dense" && numbers.size() == 1) {
        steps.push_back({false, {in(numbers[0], 1, 1 << 20)}});
      } else {
        fail("'" + shown(name) + "' with " + std::to_string(numbers.size()) +
             " numbers is none of conv(outputs, kernel, padding), pool(size), dense(outputs)" +
             suggestion(name, {"conv", "pool", "dense"}));
      }
      poolable = name == "conv";
    }
    return steps;
  }

 private:
  bool skip_blanks() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '"')) ++at_;
    return at_ < text_.size();
  }

  std::string word() {
    std::string result;
    while (at_ < text_.size() && std::isalpha(static_cast<unsigned char>(text_[at_])) != 0) result += text_[at_++];
    if (result.empty()) fail("expected a layer, found '" + shown(text_.substr(at_, 1)) + "'");
    return result;
  }

  std::vector<int> arguments(const std::string& name) {
    std::vector<int> numbers;
    if (!skip_blanks() || text_[at_] != '(') fail("expected '(' after '" + shown(name) + "'");
    do {
      ++at_;
      skip_blanks();
      int number = 0;
      const std::size_t begin = at_;
      for (; at_ < text_.size() && std::isdigit(static_cast<unsigned char>(text_[at_])) != 0; ++at_) {
        number = number * 10 + (text_[at_] - '0');
        if (number > 1 << 24) fail("a number is too large");
      }
      if (at_ == begin) fail("expected a number in '" + shown(name) + "'");
      numbers.push_back(number);
    } while (skip_blanks() && text_[at_] == ',');
    if (at_ == text_.size() || text_[at_] != ')') fail("expected ',' or ')' in '" + shown(name) + "'");
    ++at_;
    return numbers;
  }

  int in(int number, int least, int most) const {
    if (number < least || number > most)
      fail(std::to_string(number) + " is out of range " + std::to_string(least) + ".." + std::to_string(most));
    return number;
  }

  [[noreturn]] void fail(const std::string& complaint) const {
    throw UserError("stack: layers = " + shown(text_) + ": " + complaint);
  }

  const std::string& text_;
  std::size_t at_ = 0;
};

class Stack : public ModelFamily {
 public:
  explicit Stack(const std::string& text) : steps_(StepReader(text).read()) {}

  std::unique_ptr<Model> build(const TaskShape& shape) const override {
    LayerStack stack("stack", shape);
    for (const Step& step : steps_) {
      const auto& [outputs, kernel, padding, pool] = step.numbers;
      if (step.conv)
        stack.conv(outputs, kernel, padding, pool);
      else
        stack.dense(outputs);
    }
    return stack.finish();
  }

 private:
  std::vector<Step> steps_;
};

const Registered<ModelFamily> registered([](Entry<ModelFamily>& entry) {
  entry.name = "stack";
  entry.summary = "Layers as written, each with ReLU, and a last dense layer with one output per class";
  entry.formula = "conv(outputs, kernel, padding) pool(size) dense(outputs)";
  entry.source = "standard";
  entry.parameters = {{"layers", ParameterKind::text, "conv(20, 5) pool(2) dense(100)",
                       "conv(outputs, kernel[, padding]), pool(size) after a conv, dense(outputs), in any number"}};
  entry.make = [](const Arguments& arguments) { return std::make_unique<Stack>(arguments.word("layers")); };
});

}  // namespace
}  // namespace gauntlet
