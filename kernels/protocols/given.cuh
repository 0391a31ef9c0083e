// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/exec/exec.cuh"
#include "kernels/protocols/graph.hpp"
#include "kernels/registry/parameters.hpp"

/// Protocols on vectors that are given rather than computed: what the command `protocol` and the tests use.
namespace gauntlet {

/// Who meets.
struct GivenProtocol {
  ComponentText protocol;
  std::string defense;
  std::string attack = {};  ///< empty: the messages of Byzantine peers are given, too
  std::uint64_t seed = 0;   ///< of what draws at random
};

/// What peers start with, and what Byzantine ones send in every exchange: a sub-round of agreement, a step of gossip.
struct GivenVectors {
  int honest = 0, f = 0;  ///< peers; n = honest + f
  std::int64_t d = 0;
  const float* vectors = nullptr;  ///< [honest][d]
  const float* own = nullptr;      ///< [f][d]: what the Byzantine peers hold, for an attack that looks at it; or null
  int exchanges = 0;
  const float* messages = nullptr;   ///< [exchanges][honest][f][d], receiver by sender; null with an attack or f = 0
  const float* delivered = nullptr;  ///< [exchanges][honest][f]: 0 for a message that does not arrive; null: all do
};

/// How many exchanges the text of protocol agreement or gossip asks for; 0: rounds=auto. \throws UserError for a
/// parameter that there is not or that is wrong.
int exchanges_of(const ComponentText& protocol, int n, int f);

/// The vectors that the honest clients of protocol agreement hold after every sub-round, [exchanges][honest][d], in
/// training round 0. Without an attack keeps honest · (f + 2) rows of d numbers and aggregates all inboxes of a
/// sub-round at once; with one it is the protocol as a simulation runs it. \throws UserError for components that there
/// are not or that do not go together, and where the attack needs `own`.
std::vector<float> agree_on_given(Exec& exec, const GivenProtocol& who, const GivenVectors& given);

/// The same of protocol gossip: the vectors that the honest peers hold after every exchange with their neighbors.
/// Workers by number stand on the graph's nodes as Peers says. Round t takes as many exchanges as the protocol's
/// `mixing`. \throws UserError also for a graph that is not of these peers, and for messages on one that is drawn anew.
std::vector<float> gossip_on_given(Exec& exec, const GivenProtocol& who, const GivenVectors& given);

/// The graph of protocol gossip, as its parameters alone give it. \throws UserError as graph_alone.
Graph graph_of_gossip(const ComponentText& protocol);

}  // namespace gauntlet
