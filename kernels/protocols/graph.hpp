// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "kernels/registry/registry.hpp"

/// The graphs that peers gossip on. He, Karimireddy, Jaggi, Byzantine-Robust Decentralized Learning via Self-Centered
/// Clipping, arXiv 2202.01545, whose code has most of them.
namespace gauntlet {

/// A graph with its gossip weights: what node i makes of the models around it is Σ_j W_ij x_j. Nodes 0 … n − 1.
struct Graph {
  int nodes = 0;
  std::vector<std::vector<int>> neighbors;  ///< of each node, ascending, without itself; every edge goes both ways
  std::vector<double> weights;              ///< [nodes][nodes] W_ij, and W_ii, what is left of one
  std::vector<bool> byzantine;              ///< [nodes]
  /// Where it is not 0, every node draws that many others anew each round and weighs each, and itself, alike. Such a
  /// graph has no neighbors and its weights are all zero.
  int drawn_peers = 0;

  double weight(int i, int j) const { return weights[static_cast<std::size_t>(i) * nodes + j]; }
  int good() const;
};

/// What a kind of graph comes to for given parameters: nodes, edges and, where it has some, Byzantine nodes and weights
/// of its own. Each kind is registered, in topologies.cpp.
class Topology {
 public:
  static constexpr int largest = 4096;  ///< nodes; the weights are a matrix

  /// \throws UserError for fewer nodes than 1 or more than `largest`.
  explicit Topology(std::int64_t nodes);

  int nodes() const { return nodes_; }
  /// An edge between two nodes. One that is there already, or from a node to itself, adds nothing.
  void join(int i, int j);
  bool joined(int i, int j) const { return adjacent_[static_cast<std::size_t>(i) * nodes_ + j]; }
  std::vector<std::vector<int>> neighbors() const;

  int byzantine = -1;  ///< nodes that are Byzantine by definition, the last ones; −1: as many as the cell has, anywhere
  int drawn_peers = 0;  ///< Graph::drawn_peers
  /// The weight of an edge that would weigh `metropolis`; null: that. From either end the same.
  std::function<double(int i, int j, double metropolis)> weight = {};

 private:
  int nodes_;
  std::vector<bool> adjacent_;  // [nodes][nodes]
};

enum class GraphWeights {
  metropolis,  ///< W_ij = 1 / (1 + max(deg_i, deg_j)), symmetric; a graph with weights of its own has those
  uniform,     ///< W_ij = 1 / (1 + deg_i)
};

/// Which of n nodes are Byzantine, where the graph does not say.
enum class Placement {
  last,    ///< the last f
  spread,  ///< ⌊(k + ½) n / f⌋, k = 0 … f − 1
};

/// The graph of `text`, such as `ring` or `torus(rows=3, columns=4)`, for n workers of which f are Byzantine.
/// \throws UserError for an unknown graph (with the nearest name), parameters that are wrong, and what unmet_graph
/// says.
Graph make_graph(const ComponentText& text, GraphWeights weights, Placement placement, int n, int f);

/// Why that graph cannot be the one of n workers of which f are Byzantine, in words for a skipped cell, or empty: it
/// has other numbers of nodes, or without the Byzantine ones the good nodes fall apart. \throws UserError for an
/// unknown graph and parameters that are wrong.
std::string unmet_graph(const ComponentText& text, Placement placement, int n, int f);

/// The graph as its parameters alone give it, where no cell says how many workers there are.
/// \throws UserError, besides, where a parameter that follows the workers is not written, and where peers are drawn.
Graph graph_alone(const ComponentText& text, GraphWeights weights);

/// The node that each worker stands on: workers are the honest ones first, nodes have any order. The good nodes by
/// number, then the Byzantine ones by number.
std::vector<int> workers_to_nodes(const Graph& graph);

}  // namespace gauntlet
