// SPDX-License-Identifier: Apache-2.0
#include "src/cell/cell.hpp"

#include <cmath>

namespace gauntlet {

double Evaluation::operator[](const std::string& column) const {
  const auto found = values.find(column);
  return found == values.end() || found->second.empty() ? NAN : found->second.front();
}

}  // namespace gauntlet
