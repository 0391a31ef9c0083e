// SPDX-License-Identifier: Apache-2.0
#include "kernels/protocols/protocol.cuh"

namespace gauntlet {

std::string Protocol::unmet(const Match& match, int, int) const {
  const Attack* attack = match.attack.get();
  if (match.defense->needs_neighborhood())
    return "the defense weighs the messages of neighbors on a graph: protocol gossip";
  if (attack == nullptr) return {};
  if (attack->meets_receivers()) return "the attack is on receivers with neighbors on a graph: protocol gossip";
  return unmet_conduct(*attack);
}

std::string unmet_conduct(const Attack& attack) {
  if (attack.conduct.is_plain()) return {};
  return "state, equivocation and silence are for attacks on clients that agree: protocol agreement";
}

}  // namespace gauntlet
