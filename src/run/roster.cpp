// SPDX-License-Identifier: Apache-2.0
#include "src/run/roster.hpp"

#include <stdexcept>

#include "src/cell/components.hpp"

namespace gauntlet {

std::vector<int> Roster::numbers() const {
  std::vector<int> all;
  for (int model = 0, next = 0; model < models; ++model) {
    for (int w = 0; w < senders / models; ++w) all.push_back(next++);
    if (trusted > 0) all.push_back(server());
  }
  return all;
}

Roster roster_of(const Cell& cell) {
  const bool own = cell.parts->computes_own();
  Roster roster;
  roster.models = cell.parts->protocol->shape(cell.workers, cell.byzantine, own).models;
  roster.honest = cell.workers - cell.byzantine;
  roster.senders = own ? cell.workers : roster.honest;
  roster.trusted = cell.parts->defense->trusted_batch();
  if (roster.senders % roster.models != 0) throw std::logic_error("models have unequal shares of the workers");
  return roster;
}

}  // namespace gauntlet
