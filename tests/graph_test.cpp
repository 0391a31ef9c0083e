// SPDX-License-Identifier: Apache-2.0
#include "kernels/protocols/graph.hpp"

#include <toml++/toml.h>

#include <cmath>
#include <string>

#include "src/data/npy.hpp"
#include "tests/support.hpp"

namespace gauntlet {
namespace {

using Nodes = std::vector<int>;

Graph alone(const std::string& text, GraphWeights weights = GraphWeights::metropolis) {
  return graph_alone(parse_component(text), weights);
}

Graph of(const std::string& text, int n, int f = 0, GraphWeights weights = GraphWeights::metropolis,
         Placement placement = Placement::last) {
  return make_graph(parse_component(text), weights, placement, n, f);
}

std::string unmet(const std::string& text, int n, int f = 0, Placement placement = Placement::last) {
  return unmet_graph(parse_component(text), placement, n, f);
}

Nodes byzantine(const Graph& graph) {
  Nodes nodes;
  for (int i = 0; i < graph.nodes; ++i)
    if (graph.byzantine[static_cast<std::size_t>(i)]) nodes.push_back(i);
  return nodes;
}

/// One graph of every kind, by its own parameters.
const std::vector<std::string> one_of_each = {"ring(nodes=7)",
                                              "chain(nodes=6)",
                                              "complete(nodes=5)",
                                              "star(nodes=6)",
                                              "binary-tree(nodes=9)",
                                              "torus(rows=2, columns=5)",
                                              "two-cliques(size=4, path=2)",
                                              "dumbbell(size=4, byzantine=1, cross=3)",
                                              "hub-cliques(size=4, byzantine=3, delta=0.5)",
                                              "ring-majority(good=5, extra=true)"};

TEST_CASE("graphs have the weights of the golden vectors", "[gossip][golden]") {
  const auto folder = shared_folder() / "golden-protocols";
  if (!std::filesystem::exists(folder / "cases.toml")) SKIP_TEST("no golden vectors: set GAUNTLET_SHARED");
  const auto cases = toml::parse_file((folder / "cases.toml").string());
  int checked = 0;
  for (const auto& node : *cases["case"].as_array()) {
    const auto& test = *node.as_table();
    if (test["kind"].value_or(std::string()) != "graph") continue;
    const ComponentText protocol = parse_component(*test["spec"].value<std::string>());
    INFO(to_string(protocol));
    REQUIRE(protocol.arguments.front().first == "graph");
    const Graph graph = alone(protocol.arguments.front().second);
    const NpyMatrix want = read_npy(folder / *test["expect"].value<std::string>() / "weights.npy");
    REQUIRE(want.rows == static_cast<std::size_t>(graph.nodes));
    double worst = 0;
    for (std::size_t i = 0; i < want.values.size(); ++i)
      worst = std::max(worst, std::abs(graph.weights[i] - static_cast<double>(want.values[i])));
    CHECK(worst <= *test["rtol"].value<double>());
    ++checked;
  }
  CHECK(checked > 0);
}

TEST_CASE("every kind of graph is looked at here", "[gossip]") {
  for (const auto& name : Registry<Topology>::names()) {
    const auto is_it = [&](const std::string& text) { return parse_component(text).name == name; };
    INFO(name);
    CHECK((name == "epidemic" || std::any_of(one_of_each.begin(), one_of_each.end(), is_it)));
  }
  CHECK(Registry<Topology>::duplicates().empty());
}

TEST_CASE("what a node makes of its neighborhood weighs one, over neighbors only", "[gossip]") {
  for (const auto weights : {GraphWeights::metropolis, GraphWeights::uniform})
    for (const auto& text : one_of_each) {
      const Graph graph = alone(text, weights);
      for (int i = 0; i < graph.nodes; ++i) {
        INFO(text << ", node " << i);
        const Nodes& near = graph.neighbors[static_cast<std::size_t>(i)];
        CHECK(std::is_sorted(near.begin(), near.end()));
        CHECK(std::adjacent_find(near.begin(), near.end()) == near.end());
        CHECK(std::find(near.begin(), near.end(), i) == near.end());
        CHECK(graph.weight(i, i) > 0);
        double sum = 0;
        for (int j = 0; j < graph.nodes; ++j) {
          const bool joined = std::find(near.begin(), near.end(), j) != near.end();
          const Nodes& back = graph.neighbors[static_cast<std::size_t>(j)];
          CHECK(joined == (std::find(back.begin(), back.end(), i) != back.end()));
          if (j != i) CHECK((graph.weight(i, j) > 0) == joined);
          if (weights == GraphWeights::metropolis) CHECK(graph.weight(i, j) == graph.weight(j, i));
          if (weights == GraphWeights::uniform && joined) CHECK(graph.weight(i, j) == 1.0 / (near.size() + 1.0));
          sum += graph.weight(i, j);
        }
        CHECK(sum == Approx(1).epsilon(1e-14));
      }
    }
}

TEST_CASE("a ring of two is one edge, of one a node on its own", "[gossip]") {
  CHECK(alone("ring(nodes=2)").neighbors == std::vector<Nodes>{{1}, {0}});
  CHECK(alone("torus(rows=2, columns=1)").weights == std::vector<double>{0.5, 0.5, 0.5, 0.5});
  for (const auto* kind : {"ring", "chain", "complete", "star", "binary-tree"}) {
    INFO(kind);
    CHECK(of(kind, 1).weights == std::vector<double>{1});
    CHECK(of(kind, 2).neighbors == std::vector<Nodes>{{1}, {0}});
  }
  CHECK(of("two-cliques", 2).neighbors == std::vector<Nodes>{{1}, {0}});
  CHECK(of("dumbbell", 2).neighbors == std::vector<Nodes>{{1}, {0}});
}

TEST_CASE("a torus of two rows has each edge once", "[gossip]") {
  CHECK(alone("torus(rows=2, columns=3)").neighbors ==
        std::vector<Nodes>{{1, 2, 3}, {0, 2, 4}, {0, 1, 5}, {0, 4, 5}, {1, 3, 5}, {2, 3, 4}});
}

TEST_CASE("the Byzantine nodes of a graph that has its own hang where they should", "[gossip]") {
  const Graph dumbbell = alone("dumbbell(size=3, byzantine=2)");
  CHECK(byzantine(dumbbell) == Nodes{6, 7, 8, 9});
  CHECK(dumbbell.neighbors[0] == Nodes{1, 2, 5, 6, 7});
  CHECK(dumbbell.neighbors[5] == Nodes{0, 3, 4, 8, 9});
  CHECK(dumbbell.weight(0, 6) == 1.0 / 6);
  CHECK(dumbbell.weight(6, 6) == Approx(5.0 / 6));

  const Graph majority = alone("ring-majority(good=4, extra=true)");
  CHECK(byzantine(majority) == Nodes{4, 5, 6, 7, 8, 9, 10, 11, 12});
  CHECK(majority.neighbors[0] == Nodes{1, 3, 4, 8, 12});
  CHECK(majority.neighbors[1] == Nodes{0, 2, 5, 9});
  CHECK(majority.neighbors[12] == Nodes{0});
  CHECK(majority.weight(1, 2) == 1.0 / 5);
  CHECK(majority.weight(1, 0) == 1.0 / 6);

  const Graph hub = alone("hub-cliques(size=5, byzantine=2, delta=0.25)");
  CHECK(byzantine(hub) == Nodes{11, 12});
  CHECK(hub.neighbors[10] == Nodes{0, 9, 11, 12});
  CHECK(hub.weight(10, 11) == 0.25 / 5);
  CHECK(hub.weight(10, 0) == 1.0 / 6);
  CHECK(hub.weight(10, 10) == Approx(1 - 0.25 * 2 / 5 - 2.0 / 6));
  CHECK(hub.weight(11, 11) == Approx(1 - 0.25 / 5));
  // One is Metropolis, and uniform weights know of no delta.
  CHECK(alone("hub-cliques(size=5, byzantine=2)").weight(10, 11) == 1.0 / 5);
  CHECK(alone("hub-cliques(size=5, byzantine=2, delta=0)", GraphWeights::uniform).weight(10, 11) == 1.0 / 5);
}

TEST_CASE("sizes that are not written follow the workers", "[gossip]") {
  CHECK(of("torus", 12).neighbors == alone("torus(rows=3, columns=4)").neighbors);
  CHECK(of("two-cliques(path=2)", 10).neighbors == alone("two-cliques(size=4, path=2)").neighbors);
  CHECK(of("dumbbell", 14, 4).neighbors == alone("dumbbell(size=5, byzantine=2)").neighbors);
  CHECK(of("hub-cliques", 12, 3).neighbors == alone("hub-cliques(size=4, byzantine=3)").neighbors);
  CHECK(of("ring-majority", 15, 10).neighbors == alone("ring-majority(good=5)").neighbors);
  CHECK(of("ring(nodes=n)", 7).neighbors == alone("ring(nodes=7)").neighbors);
}

TEST_CASE("edges across a dumbbell are all different, and the same every time", "[gossip]") {
  const auto across = [](const Graph& graph, int q) {
    int edges = 0;
    for (int i = 0; i < q; ++i)
      for (const int j : graph.neighbors[static_cast<std::size_t>(i)]) edges += j >= q && j < 2 * q ? 1 : 0;
    return edges;
  };
  for (int cross = 0; cross <= 15; ++cross) {
    const Graph graph = alone("dumbbell(size=4, byzantine=1, cross=" + std::to_string(cross) + ")");
    CHECK(across(graph, 4) == 1 + cross);
    CHECK(graph.weight(0, 7) == 1.0 / (6 + cross));
  }
  CHECK(alone("dumbbell(size=4, byzantine=1, cross=3)").neighbors == of("dumbbell(cross=3)", 10, 2).neighbors);
  CHECK(user_error([] { alone("dumbbell(size=4, byzantine=1, cross=16)"); }) ==
        "dumbbell: cross = 16, but between two cliques of 4 there are 15 edges besides the bridge");
}

TEST_CASE("Byzantine nodes are the last ones, or spread evenly", "[gossip]") {
  CHECK(byzantine(of("complete", 10, 3)) == Nodes{7, 8, 9});
  const Graph spread = of("complete", 10, 3, GraphWeights::metropolis, Placement::spread);
  CHECK(byzantine(spread) == Nodes{1, 5, 8});
  CHECK(spread.good() == 7);
  CHECK(workers_to_nodes(spread) == Nodes{0, 2, 3, 4, 6, 7, 9, 1, 5, 8});
  // A graph that has its own does not ask.
  CHECK(byzantine(of("dumbbell", 10, 2, GraphWeights::metropolis, Placement::spread)) == Nodes{8, 9});
}

TEST_CASE("a graph says why it cannot be a cell's", "[gossip]") {
  CHECK(unmet("torus(rows=3, columns=4)", 10) == "torus(rows=3, columns=4) has 12 nodes, not 10");
  CHECK(unmet("ring(nodes=7)", 8) == "ring(nodes=7) has 7 nodes, not 8");
  CHECK(unmet("dumbbell", 9, 2) == "dumbbell has 8 nodes, not 9");
  CHECK(unmet("dumbbell(size=4, byzantine=1)", 10, 3) == "dumbbell(size=4, byzantine=1) has 2 Byzantine nodes, not 3");
  CHECK(unmet("complete", 3, 3) == "complete has no good node (n = 3, f = 3)");
  CHECK(user_error([] { of("ring(nodes=7)", 8); }) == "ring(nodes=7) has 7 nodes, not 8");
}

TEST_CASE("the good nodes stay connected without the Byzantine ones", "[gossip]") {
  CHECK(unmet("ring", 10, 2).empty());
  CHECK(unmet("ring", 10, 1, Placement::spread).empty());
  CHECK(unmet("ring", 10, 2, Placement::spread) ==
        "ring: without the Byzantine nodes the good ones fall apart, node 3 from node 0");
  CHECK(unmet("chain", 7, 1, Placement::spread) ==
        "chain: without the Byzantine nodes the good ones fall apart, node 4 from node 0");
  CHECK(unmet("star", 3, 2, Placement::last).empty());    // a single good node is connected
  CHECK(unmet("star", 2, 1, Placement::spread).empty());  // so is one whose hub is Byzantine
  CHECK(unmet("two-cliques(size=3, path=1)", 7, 1) ==     // the path is Byzantine
        "two-cliques(size=3, path=1): without the Byzantine nodes the good ones fall apart, node 3 from node 0");
  for (const auto& text : one_of_each) {
    const Graph graph = alone(text);
    INFO(text);
    CHECK(unmet(text, graph.nodes, graph.nodes - graph.good()).empty());
  }
}

TEST_CASE("an epidemic has peers instead of edges", "[gossip]") {
  const Graph graph = of("epidemic(peers=4)", 10, 2);
  CHECK(graph.drawn_peers == 4);
  CHECK(byzantine(graph) == Nodes{8, 9});
  CHECK(graph.neighbors == std::vector<Nodes>(10));
  CHECK(graph.weights == std::vector<double>(100, 0.0));
  CHECK(unmet("epidemic(peers=9)", 10, 9).empty());
  CHECK(unmet("epidemic(peers=10)", 10) == "epidemic(peers=10): a node has 9 others, of which it cannot draw 10");
}

TEST_CASE("what is wrong with a graph's text is said in a line", "[gossip]") {
  CHECK(user_error([] { of("rign", 5); }) == "unknown graph 'rign'; did you mean 'ring'?");
  CHECK(user_error([] { unmet("ring(node=5)", 5); }) == "ring: unknown parameter 'node'; did you mean 'nodes'?");
  CHECK(user_error([] { of("torus(rows=0)", 5); }) == "torus: rows = 0 must be at least 1");
  CHECK(user_error([] { of("ring(nodes=n-5)", 5); }) == "ring: nodes = n-5 = 0 (n = 5, f = 0) must be at least 1");
  CHECK(user_error([] { alone("torus(rows=2147483647, columns=2147483647)"); }) ==
        "a graph of 4611686014132420609 nodes; it has 1 to 4096");
  CHECK(user_error([] { alone("ring"); }) ==
        "how large is the graph ring? There are no workers to tell: write ring(nodes=4)");
  CHECK(user_error([] { alone("dumbbell(size=4)"); }) ==
        "how large is the graph dumbbell(size=4)? There are no workers to tell: write dumbbell(size=4, byzantine=4)");
  CHECK(user_error([] { alone("epidemic(peers=2)"); }) ==
        "epidemic(peers=2) draws its peers anew each round and has no weights to show");
}

}  // namespace
}  // namespace gauntlet
