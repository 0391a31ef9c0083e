// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "kernels/protocols/adversary.cuh"
#include "kernels/protocols/graph.hpp"

namespace gauntlet {

/// The parameters of protocol gossip.
struct GossipOptions {
  explicit GossipOptions(const Arguments& arguments);
  Graph graph_for(int n, int f) const { return make_graph(graph, weights, placement, n, f); }

  ComponentText graph;
  GraphWeights weights;
  Placement placement;
  int mixing, told;  ///< exchanges a round; Peers::told
};

/// Peers on a graph, each with a vector of its own: workers by number, the honest ones first, as they stand on the
/// graph's nodes (workers_to_nodes).
struct Peers {
  Graph graph;
  int told = -1;             ///< Byzantine neighbors that a defense is told of; −1: as many as there are
  std::vector<Match> cells;  ///< their defense is made anew for every neighborhood, and so is their attack
  bool own = false;          ///< the Byzantine peers hold a vector, too, and treat it as honest peers do theirs
  std::int64_t d = 0;
  std::vector<float*> vectors;  ///< [cells][n, or the honest ones unless `own`]
  /// [cells][honest][f]: what each Byzantine peer sends each honest one, in place of an attack; or empty.
  std::vector<float*> sent;
  const int* round = nullptr;

  int nodes() const { return graph.nodes; }
  int honest() const { return graph.good(); }
  int holders() const { return own ? nodes() : honest(); }
};

/// The inboxes on a graph, by what a defense is made for: the largest first, each once.
std::vector<InboxSize> inbox_sizes(const Graph& graph, int told);

/// Why some neighborhood is too small for the attack of that text, or empty.
std::string unmet_attack(const std::string& attack, const Graph& graph);

/// One exchange with all neighbors: every vector becomes what the defense makes of it and its neighbors' vectors, the
/// own one first, then the honest ones by number, then the Byzantine ones. Neighborhoods of one size are attacked and
/// aggregated together; peers with the same neighbors, as in a clique, are views of the same rows. Random choices of
/// rules and attacks are the cell's: the same in all neighborhoods, and in all exchanges of a round.
class GossipStep {
 public:
  virtual ~GossipStep() = default;
  /// Queues its work, allocates nothing and never waits. `step`: of several in a round.
  virtual void run(int step) = 0;
  /// After a run, per cell. Waits for the result.
  virtual std::vector<Observations> observe() const = 0;
};

/// On a graph that stays as it is. \throws UserError where a defense or attack does not suit a neighborhood.
std::unique_ptr<GossipStep> gossip_with_neighbors(Exec& exec, const Peers& peers);

/// On one that every peer draws anew (Graph::drawn_peers). Byzantine peers answer all with the same, made from what all
/// honest peers hold. A central defense is told of the most Byzantine messages that there may be, one that weighs
/// neighbors what they weigh. Drawn as El Mrini et al., arXiv 2510.08311.
std::unique_ptr<GossipStep> gossip_with_anybody(Exec& exec, const Peers& peers);

}  // namespace gauntlet
