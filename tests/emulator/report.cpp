// SPDX-License-Identifier: Apache-2.0
#include "tests/emulator/report.hpp"

#include <cstdarg>
#include <cstdio>
#include <cstdlib>

#include "tests/emulator/block.hpp"

void emulator::report(const char* format, ...) {
  std::fputs("emulator: ", stderr);
  std::va_list values;
  va_start(values, format);
  std::vfprintf(stderr, format, values);
  va_end(values);
  print_whereabouts();
  std::abort();
}
