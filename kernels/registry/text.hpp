// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <charconv>
#include <string>
#include <string_view>

namespace gauntlet {

/// The user's text as it may stand in a one-line message: control characters replaced, long text cut short.
inline std::string shown(std::string_view text, std::size_t limit = 80) {
  std::string result(text.substr(0, limit));
  for (char& c : result)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = c == '\n' || c == '\t' ? ' ' : '?';
  return text.size() > limit ? result + "..." : result;
}

/// The shortest text that reads back as the same number.
inline std::string number_text(double value) {
  char buffer[32];
  return std::string(buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr);
}

}  // namespace gauntlet
