// SPDX-License-Identifier: Apache-2.0
#include "kernels/protocols/graph.hpp"

#include <algorithm>

#include "kernels/registry/text.hpp"

namespace gauntlet {
namespace {

const Entry<Topology>& entry_of(const ComponentText& text) { return Registry<Topology>::find(text.name, "graph"); }

std::vector<bool> place(const Topology& topology, Placement placement, int f) {
  const int n = topology.nodes();
  std::vector<bool> byzantine(static_cast<std::size_t>(n), false);
  const bool spread = topology.byzantine < 0 && placement == Placement::spread;
  for (std::int64_t k = 0; k < f; ++k)
    byzantine[static_cast<std::size_t>(spread ? (2 * k + 1) * n / (2 * f) : n - 1 - k)] = true;
  return byzantine;
}

/// Fills in W, row by row: the edges, then what is left of one.
void weigh(const Topology& topology, GraphWeights weights, Graph& graph) {
  const auto n = static_cast<std::size_t>(graph.nodes);
  const auto degree = [&](int i) { return static_cast<double>(graph.neighbors[static_cast<std::size_t>(i)].size()); };
  graph.weights.assign(n * n, 0.0);
  if (graph.drawn_peers > 0) return;
  for (int i = 0; i < graph.nodes; ++i) {
    double* row = &graph.weights[static_cast<std::size_t>(i) * n];
    row[i] = 1;
    for (const int j : graph.neighbors[static_cast<std::size_t>(i)]) {
      const double metropolis = 1 / (1 + std::max(degree(i), degree(j)));
      if (weights == GraphWeights::uniform)
        row[j] = 1 / (1 + degree(i));
      else
        row[j] = topology.weight ? topology.weight(i, j, metropolis) : metropolis;
      row[i] -= row[j];
    }
  }
}

Graph build(const Topology& topology, GraphWeights weights, Placement placement, int f) {
  Graph graph;
  graph.nodes = topology.nodes();
  graph.neighbors = topology.neighbors();
  graph.byzantine = place(topology, placement, f);
  graph.drawn_peers = topology.drawn_peers;
  weigh(topology, weights, graph);
  return graph;
}

/// A good node that the first good one does not reach over good ones, or −1; `first` is set to that one.
int unreached(const Topology& topology, const std::vector<bool>& byzantine, int& first) {
  first = static_cast<int>(std::find(byzantine.begin(), byzantine.end(), false) - byzantine.begin());
  std::vector<bool> seen = byzantine;
  std::vector<int> ahead = {first};
  seen[static_cast<std::size_t>(first)] = true;
  while (!ahead.empty()) {
    const int i = ahead.back();
    ahead.pop_back();
    for (int j = 0; j < topology.nodes(); ++j)
      if (!seen[static_cast<std::size_t>(j)] && topology.joined(i, j)) {
        seen[static_cast<std::size_t>(j)] = true;
        ahead.push_back(j);
      }
  }
  const auto left = std::find(seen.begin(), seen.end(), false);
  return left == seen.end() ? -1 : static_cast<int>(left - seen.begin());
}

std::string unmet(const Topology& topology, const std::string& name, Placement placement, int n, int f) {
  const auto number = [](int value) { return std::to_string(value); };
  if (topology.nodes() != n) return name + " has " + number(topology.nodes()) + " nodes, not " + number(n);
  if (topology.byzantine >= 0 && topology.byzantine != f)
    return name + " has " + number(topology.byzantine) + " Byzantine nodes, not " + number(f);
  if (f >= n) return name + " has no good node (n = " + number(n) + ", f = " + number(f) + ")";
  if (topology.drawn_peers > 0) {
    if (topology.drawn_peers < n) return {};
    return name + ": a node has " + number(n - 1) + " others, of which it cannot draw " + number(topology.drawn_peers);
  }
  int first = 0;
  const int apart = unreached(topology, place(topology, placement, f), first);
  if (apart < 0) return {};
  return name + ": without the Byzantine nodes the good ones fall apart, node " + number(apart) + " from node " +
         number(first);
}

}  // namespace

int Graph::good() const { return static_cast<int>(std::count(byzantine.begin(), byzantine.end(), false)); }

Topology::Topology(std::int64_t nodes) : nodes_(static_cast<int>(nodes)) {
  if (nodes < 1 || nodes > largest)
    throw UserError("a graph of " + std::to_string(nodes) + " nodes; it has 1 to " + std::to_string(largest));
  adjacent_.assign(static_cast<std::size_t>(nodes * nodes), false);
}

void Topology::join(int i, int j) {
  if (i == j) return;
  adjacent_[static_cast<std::size_t>(i) * nodes_ + j] = true;
  adjacent_[static_cast<std::size_t>(j) * nodes_ + i] = true;
}

std::vector<std::vector<int>> Topology::neighbors() const {
  std::vector<std::vector<int>> result(static_cast<std::size_t>(nodes_));
  for (int i = 0; i < nodes_; ++i)
    for (int j = 0; j < nodes_; ++j)
      if (joined(i, j)) result[static_cast<std::size_t>(i)].push_back(j);
  return result;
}

std::string unmet_graph(const ComponentText& text, Placement placement, int n, int f) {
  return unmet(*entry_of(text).create(text, n, f), to_string(text), placement, n, f);
}

Graph make_graph(const ComponentText& text, GraphWeights weights, Placement placement, int n, int f) {
  const auto topology = entry_of(text).create(text, n, f);
  if (const std::string reason = unmet(*topology, to_string(text), placement, n, f); !reason.empty())
    throw UserError(reason);
  return build(*topology, weights, placement, f);
}

Graph graph_alone(const ComponentText& text, GraphWeights weights) {
  const Entry<Topology>& entry = entry_of(text);
  ComponentText complete = text;
  for (const ParameterSpec& parameter : entry.parameters) {
    const auto is_it = [&](const auto& argument) { return argument.first == parameter.name; };
    if (parameter.default_value == "auto" && std::none_of(text.arguments.begin(), text.arguments.end(), is_it))
      complete.arguments.emplace_back(parameter.name, "4");
  }
  if (complete.arguments.size() != text.arguments.size())
    throw UserError("how large is the graph " + to_string(text) + "? There are no workers to tell: write " +
                    to_string(complete));
  const auto topology = entry.create(text, 0, 0);
  if (topology->drawn_peers > 0)
    throw UserError(to_string(text) + " draws its peers anew each round and has no weights to show");
  return build(*topology, weights, Placement::last, std::max(topology->byzantine, 0));
}

std::vector<int> workers_to_nodes(const Graph& graph) {
  std::vector<int> nodes;
  for (const bool byzantine : {false, true})
    for (int i = 0; i < graph.nodes; ++i)
      if (graph.byzantine[static_cast<std::size_t>(i)] == byzantine) nodes.push_back(i);
  return nodes;
}

}  // namespace gauntlet
