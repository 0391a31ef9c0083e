// SPDX-License-Identifier: Apache-2.0
#pragma once

// Catch2 v3 (Ubuntu 24.04) or v2 (Debian 12).
#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
using Catch::Approx;  // as v2 has it
#else
#include <catch2/catch.hpp>
#endif

#include <filesystem>
#include <string>
#include <utility>

#include "kernels/exec/error.hpp"

/// SKIP_TEST("no GPU") ends a test or section that needs something this machine has not got, a GPU or a data set:
/// ctest reports the test as skipped. What was checked still counts: a test that failed elsewhere stays failed.
#ifdef SKIP
#define SKIP_TEST(reason) SKIP(reason)
#else
#define SKIP_TEST(reason) gauntlet::skip_test(reason)
#endif

namespace gauntlet {

/// SKIP_TEST under Catch2 v2, which has no SKIP: prints the marker that ctest looks for (tests/CMakeLists.txt) and
/// leaves as a failed REQUIRE does, but with nothing failed.
[[noreturn]] void skip_test(const std::string& reason);

/// An environment variable, or `fallback` where it is not set or empty.
std::string environment_or(const char* variable, const std::string& fallback);

/// The source tree: $GAUNTLET_SOURCE, or where the tests were built.
std::filesystem::path source_folder();

/// The folder of golden vectors and data: $GAUNTLET_SHARED, or `shared` beside the source tree; empty if there is none.
std::filesystem::path shared_folder();

/// A new empty folder, removed with all it holds at the end of its scope.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::filesystem::path& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

/// `const auto folder = temporary_folder();`
inline TemporaryFolder temporary_folder() { return {}; }

/// Whether `part` occurs in `text`; the matchers for it have different names in Catch2 v2 and v3.
inline bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

/// The message of the UserError that `action` throws, or empty if it throws none.
template <class Action>
std::string user_error(Action&& action) {
  try {
    std::forward<Action>(action)();
  } catch (const UserError& error) {
    return error.what();
  }
  return {};
}

}  // namespace gauntlet
