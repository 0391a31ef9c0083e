// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <exception>
#include <string>
#include <utility>
#include <vector>

namespace gauntlet {

/// What one check of a component found.
struct Finding {
  std::string check;         ///< what was checked, in a few words
  std::string wrong = {};    ///< empty, or what is wrong
  std::string skipped = {};  ///< why it was not checked, or empty
};

/// The findings of one component, in the order of the checks.
class Findings {
 public:
  /// `test` returns what is wrong, or an empty string. What it throws is wrong, too.
  template <class Test>
  void check(std::string name, Test test) {
    Finding finding{std::move(name)};
    try {
      finding.wrong = test();
    } catch (const std::exception& error) {
      finding.wrong = error.what();
    }
    all_.push_back(std::move(finding));
  }
  void skip(std::string name, std::string reason) { all_.push_back({std::move(name), {}, std::move(reason)}); }
  const std::vector<Finding>& all() const { return all_; }

 private:
  std::vector<Finding> all_;
};

}  // namespace gauntlet
