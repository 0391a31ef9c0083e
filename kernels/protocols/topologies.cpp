// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "kernels/exec/philox.cuh"
#include "kernels/protocols/graph.hpp"

/// The kinds of graph. A parameter that is `auto` follows the number of workers, n, and of Byzantine ones, f.
namespace gauntlet {
namespace {

using Made = std::unique_ptr<Topology>;

constexpr const char* source = "He, Karimireddy, Jaggi, arXiv 2202.01545";

ParameterSpec follows(std::string name, std::string help, double minimum = 1) {
  return count(std::move(name), "auto", std::move(help), minimum, no_limit, {"auto"});
}

std::int64_t written_or(const Arguments& arguments, const char* name, int fallback) {
  return arguments.is(name, "auto") ? fallback : arguments.count(name);
}

ParameterSpec nodes_parameter() { return follows("nodes", "auto: n"); }

Made graph_of(std::int64_t nodes) { return std::make_unique<Topology>(nodes); }
Made nodes_of(const Arguments& arguments) { return graph_of(written_or(arguments, "nodes", arguments.n())); }

void chain(Topology& graph, int first, int size) {
  for (int i = first; i + 1 < first + size; ++i) graph.join(i, i + 1);
}

void ring(Topology& graph, int size) {
  chain(graph, 0, size);
  graph.join(size - 1, 0);
}

void clique(Topology& graph, int first, int size) {
  for (int i = first; i < first + size; ++i)
    for (int j = first; j < i; ++j) graph.join(i, j);
}

void two_cliques(Topology& graph, int size) {
  clique(graph, 0, size);
  clique(graph, size, size);
}

/// Joins nodes first … first + size − 1 to `hub`.
void hang(Topology& graph, int hub, int first, int size) {
  for (int i = first; i < first + size; ++i) graph.join(hub, i);
}

const Registered<Topology> ring_graph([](Entry<Topology>& e) {
  e.name = "ring";
  e.summary = "every node has the one before it and the one after it";
  e.source = "standard";
  e.parameters = {nodes_parameter()};
  e.make = [](const Arguments& arguments) {
    Made graph = nodes_of(arguments);
    ring(*graph, graph->nodes());
    return graph;
  };
});

const Registered<Topology> chain_graph([](Entry<Topology>& e) {
  e.name = "chain";
  e.summary = "a ring without the edge between its last node and its first";
  e.source = "standard";
  e.parameters = {nodes_parameter()};
  e.make = [](const Arguments& arguments) {
    Made graph = nodes_of(arguments);
    chain(*graph, 0, graph->nodes());
    return graph;
  };
});

const Registered<Topology> complete_graph([](Entry<Topology>& e) {
  e.name = "complete";
  e.summary = "every node has all others";
  e.source = "standard";
  e.parameters = {nodes_parameter()};
  e.make = [](const Arguments& arguments) {
    Made graph = nodes_of(arguments);
    clique(*graph, 0, graph->nodes());
    return graph;
  };
});

const Registered<Topology> star_graph([](Entry<Topology>& e) {
  e.name = "star";
  e.summary = "node 0 has all others, which have only it";
  e.source = "standard";
  e.parameters = {nodes_parameter()};
  e.make = [](const Arguments& arguments) {
    Made graph = nodes_of(arguments);
    hang(*graph, 0, 1, graph->nodes() - 1);
    return graph;
  };
});

const Registered<Topology> binary_tree_graph([](Entry<Topology>& e) {
  e.name = "binary-tree";
  e.summary = "node i has the children 2i + 1 and 2i + 2";
  e.source = "standard";
  e.parameters = {nodes_parameter()};
  e.make = [](const Arguments& arguments) {
    Made graph = nodes_of(arguments);
    for (int i = 1; i < graph->nodes(); ++i) graph->join((i - 1) / 2, i);
    return graph;
  };
});

const Registered<Topology> torus_graph([](Entry<Topology>& e) {
  e.name = "torus";
  e.summary = "the product of two rings: a grid, row by row, whose ends meet";
  e.source = "standard";
  e.parameters = {count("rows", "3", "nodes in the one direction", 1), follows("columns", "auto: n / rows")};
  e.make = [](const Arguments& arguments) {
    const std::int64_t rows = arguments.count("rows");
    const std::int64_t columns = written_or(arguments, "columns", std::max(arguments.n() / arguments.count("rows"), 1));
    Made graph = graph_of(rows * columns);
    for (std::int64_t r = 0; r < rows; ++r)
      for (std::int64_t c = 0; c < columns; ++c) {
        const auto at = static_cast<int>(r * columns + c);
        graph->join(at, static_cast<int>(r * columns + (c + 1) % columns));
        graph->join(at, static_cast<int>((r + 1) % rows * columns + c));
      }
    return graph;
  };
});

const Registered<Topology> two_cliques_graph([](Entry<Topology>& e) {
  e.name = "two-cliques";
  e.summary = "two cliques whose first nodes a path joins, or an edge where that has no nodes; the path comes last";
  e.source = source;
  e.parameters = {follows("size", "nodes of a clique; auto: (n - path) / 2"), count("path", "0", "nodes of the path")};
  e.make = [](const Arguments& arguments) {
    const std::int64_t path = arguments.count("path");
    const auto half = static_cast<int>((arguments.n() - path) / 2);
    const std::int64_t size = written_or(arguments, "size", std::max(half, 1));
    Made graph = graph_of(2 * size + path);
    const int m = static_cast<int>(size), k = static_cast<int>(path);
    two_cliques(*graph, m);
    chain(*graph, 2 * m, k);
    graph->join(0, k == 0 ? m : 2 * m);
    graph->join(m, k == 0 ? 0 : 2 * m + k - 1);
    return graph;
  };
});

/// Joins `edges` pairs of nodes of the two cliques of q nodes, besides the bridge: each pair as likely as any other,
/// none twice. The same in every cell and for every seed, or seeds would not differ in chance alone.
void join_across(Topology& graph, int q, int edges) {
  std::vector<std::pair<int, int>> pairs;
  for (int i = 0; i < q; ++i)
    for (int j = q; j < 2 * q; ++j)
      if (!graph.joined(i, j)) pairs.emplace_back(i, j);
  if (static_cast<std::size_t>(edges) > pairs.size())
    throw UserError("dumbbell: cross = " + std::to_string(edges) + ", but between two cliques of " + std::to_string(q) +
                    " there are " + std::to_string(pairs.size()) + " edges besides the bridge");
  for (int k = 0; k < edges; ++k) {
    const auto left = static_cast<std::uint32_t>(pairs.size()) - static_cast<std::uint32_t>(k);
    const Random random(0, ProtocolDraw::edges, 0, 0, static_cast<std::uint32_t>(k));
    std::swap(pairs[static_cast<std::size_t>(k)], pairs[static_cast<std::size_t>(k) + random.below(left)]);
    graph.join(pairs[static_cast<std::size_t>(k)].first, pairs[static_cast<std::size_t>(k)].second);
  }
}

const Registered<Topology> dumbbell_graph([](Entry<Topology>& e) {
  e.name = "dumbbell";
  e.summary = "two cliques with a bridge between the first node and the last, and Byzantine nodes on both its ends";
  e.formula = "W_ij = 1 / (1 + size + byzantine + cross) on every edge";
  e.source = source;
  e.parameters = {follows("size", "nodes of a clique; auto: (n - f) / 2"),
                  follows("byzantine", "Byzantine nodes on each end of the bridge; auto: f / 2", 0),
                  count("cross", "0", "further edges between the cliques, drawn once and for all")};
  e.make = [](const Arguments& arguments) {
    const std::int64_t size = written_or(arguments, "size", std::max((arguments.n() - arguments.f()) / 2, 1));
    const std::int64_t byzantine = written_or(arguments, "byzantine", arguments.f() / 2);
    Made graph = graph_of(2 * (size + byzantine));
    const int q = static_cast<int>(size), b = static_cast<int>(byzantine), cross = arguments.count("cross");
    two_cliques(*graph, q);
    graph->join(0, 2 * q - 1);
    join_across(*graph, q, cross);
    hang(*graph, 0, 2 * q, b);
    hang(*graph, 2 * q - 1, 2 * q + b, b);
    graph->byzantine = 2 * b;
    graph->weight = [weight = 1.0 / (1 + q + b + cross)](int, int, double) { return weight; };
    return graph;
  };
});

const Registered<Topology> hub_cliques_graph([](Entry<Topology>& e) {
  e.name = "hub-cliques";
  e.summary = "two cliques whose only link is a node with Byzantine neighbors; their weight there can be chosen";
  e.formula = "W_ij = delta / (byzantine + 3) on the Byzantine edges of the hub, node 2 size, Metropolis on all others";
  e.source = source;
  e.parameters = {follows("size", "nodes of a clique; auto: (n - f - 1) / 2"),
                  follows("byzantine", "Byzantine nodes on the hub; auto: f", 0),
                  number("delta", "1", "1: their edges have Metropolis weights; 0: none", 0, 1)};
  e.make = [](const Arguments& arguments) {
    const std::int64_t size = written_or(arguments, "size", std::max((arguments.n() - arguments.f() - 1) / 2, 1));
    const std::int64_t byzantine = written_or(arguments, "byzantine", arguments.f());
    Made graph = graph_of(2 * size + 1 + byzantine);
    const int hub = static_cast<int>(2 * size), b = static_cast<int>(byzantine);
    two_cliques(*graph, hub / 2);
    graph->join(hub, 0);
    graph->join(hub, hub - 1);
    hang(*graph, hub, hub + 1, b);
    graph->byzantine = b;
    graph->weight = [hub, weight = arguments.number("delta") / (b + 3)](int i, int j, double metropolis) {
      return std::max(i, j) > hub ? weight : metropolis;
    };
    return graph;
  };
});

const Registered<Topology> ring_majority_graph([](Entry<Topology>& e) {
  e.name = "ring-majority";
  e.summary = "a ring of good nodes with two Byzantine ones on each: everywhere as many as good neighbors";
  e.source = source;
  e.parameters = {follows("good", "nodes of the ring, g; Byzantine i + g and i + 2g are on node i; auto: n - f"),
                  flag("extra", false, "one more Byzantine node on node 0")};
  e.make = [](const Arguments& arguments) {
    const std::int64_t good = written_or(arguments, "good", std::max(arguments.n() - arguments.f(), 1));
    const int extra = arguments.flag("extra") ? 1 : 0;
    Made graph = graph_of(3 * good + extra);
    const int g = static_cast<int>(good);
    ring(*graph, g);
    for (int i = 0; i < g; ++i) graph->join(i, i + g), graph->join(i, i + 2 * g);
    hang(*graph, 0, 3 * g, extra);
    graph->byzantine = 2 * g + extra;
    return graph;
  };
});

const Registered<Topology> epidemic_graph([](Entry<Topology>& e) {
  e.name = "epidemic";
  e.summary = "every node draws `peers` others anew each round and listens to them; weights 1 / (peers + 1)";
  e.source = "El Mrini et al., arXiv 2510.08311";
  e.parameters = {count("peers", "3", "others that a node listens to", 1)};
  e.make = [](const Arguments& arguments) {
    Made graph = graph_of(std::max(arguments.n(), 1));
    graph->drawn_peers = arguments.count("peers");
    return graph;
  };
});

}  // namespace
}  // namespace gauntlet
