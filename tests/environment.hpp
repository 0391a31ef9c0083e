// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdlib.h>  // setenv is POSIX

namespace gauntlet {

/// Sets an environment variable until the end of the scope.
class Environment {
 public:
  Environment(const char* name, const char* value) : name_(name) { setenv(name, value, 1); }
  ~Environment() { unsetenv(name_); }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  const char* name_;
};

}  // namespace gauntlet
