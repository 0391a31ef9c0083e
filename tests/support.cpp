// SPDX-License-Identifier: Apache-2.0
#include "tests/support.hpp"

#include <stdlib.h>  // mkdtemp is POSIX

#include <cerrno>
#include <cstdlib>
#include <iostream>
#include <system_error>

namespace gauntlet {

#ifndef SKIP
void skip_test(const std::string& reason) {
  SUCCEED(reason);  // so that a test with no other check ends in "All tests passed"
  std::cout << "[skipped] " << reason << std::endl;
  throw Catch::TestFailureException();
}
#endif

std::string environment_or(const char* variable, const std::string& fallback) {
  const char* given = std::getenv(variable);
  return given != nullptr && *given != '\0' ? given : fallback;
}

std::filesystem::path source_folder() { return environment_or("GAUNTLET_SOURCE", GAUNTLET_SOURCE_DIR); }

std::filesystem::path shared_folder() {
  const std::filesystem::path folder = environment_or("GAUNTLET_SHARED", source_folder() / "../shared");
  return std::filesystem::is_directory(folder) ? std::filesystem::canonical(folder) : std::filesystem::path();
}

TemporaryFolder::TemporaryFolder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "gauntlet-test-XXXXXX").string();
  if (!mkdtemp(pattern.data())) throw std::system_error(errno, std::generic_category(), "mkdtemp " + pattern);
  path_ = pattern;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;  // a test may have taken the folder away itself
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace gauntlet
