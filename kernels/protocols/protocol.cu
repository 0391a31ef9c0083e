// SPDX-License-Identifier: Apache-2.0
#include "kernels/protocols/protocol.cuh"

#include "kernels/attacks/joined.hpp"

namespace gauntlet {

std::string Protocol::unmet(const Match& match, int, int) const {
  const Attack* attack = match.attack.get();
  if (match.defense->needs_neighborhood())
    return "the defense weighs the messages of neighbors on a graph: protocol gossip";
  if (attack == nullptr) return {};
  if (attack->meets_receivers()) return "the attack is on receivers with neighbors on a graph: protocol gossip";
  if (const std::string reason = unmet_misconduct(*attack); !reason.empty()) return reason;
  return unmet_conduct(*attack);
}

std::string unmet_conduct(const Attack& attack) {
  if (attack.conduct.is_plain()) return {};
  return "state, equivocation and silence are for attacks on clients that agree: protocol agreement";
}

std::string unmet_misconduct(const Attack& attack) {
  if (attack.misconduct.empty()) return {};
  return "'" + name_of(attack.misconduct.front().kind) +
         "' is an attack on peers that check each other: protocol btard";
}

}  // namespace gauntlet
