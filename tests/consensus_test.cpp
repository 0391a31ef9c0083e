// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cmath>
#include <map>
#include <numeric>

#include "kernels/protocols/gossip_step.cuh"
#include "src/report/csv.hpp"
#include "tests/trial.hpp"

/// The scalar consensus benchmark of He, Karimireddy, Jaggi, arXiv 2202.01545: a chain of four good nodes, whose inner
/// two each hear a Byzantine one. Two of the nodes start at 0 and two at 200.
namespace gauntlet {
namespace {

using Numbers = std::vector<double>;

constexpr double chain_end = 1.0 / 3;  // weight of the chain's first edge and its last
constexpr int good = 4, byzantine = 2;
const Numbers start = {0, 0, 200, 200};
const std::array<int, 3> looked_at = {1, 10, 100};  // rounds

/// Nodes 4 and 5 are the Byzantine ones, on the nodes 1 and 2 of the chain.
Graph benchmark_graph(double beta, double delta) {
  const double a = chain_end, end = 1 - a, inner = 1 - a - beta - delta;
  Graph graph;
  graph.nodes = good + byzantine;
  graph.neighbors = {{1}, {0, 2, 4}, {1, 3, 5}, {2}, {1}, {2}};
  graph.byzantine = {false, false, false, false, true, true};
  graph.weights = {end, a,     0,     0,   0,         0,           //
                   a,   inner, beta,  0,   delta,     0,           //
                   0,   beta,  inner, a,   0,         delta,       //
                   0,   0,     a,     end, 0,         0,           //
                   0,   delta, 0,     0,   1 - delta, 0,           //
                   0,   0,     delta, 0,   0,         1 - delta};  //
  return graph;
}

/// The squared spectral gap of the good nodes' weights, which have what the Byzantine edges took from the diagonal.
double squared_gap(const Graph& graph) {
  Numbers x = {3, 1, -2, -5};
  double eigenvalue = 0;
  for (int step = 0; step < 3000; ++step) {
    Numbers next(good);
    double sum = 0, most = 0;
    for (int i = 0; i < good; ++i) {
      for (int j = 0; j < good; ++j) next[i] += graph.weight(i, j) * x[j];
      for (int b = good; b < graph.nodes; ++b) next[i] += graph.weight(i, b) * x[i];
      sum += next[i];
    }
    for (double& value : next) most = std::max(most, std::abs(value -= sum / good));
    for (int i = 0; i < good; ++i) x[i] = next[i] / most;
    eigenvalue = most;
  }
  return (1 - eigenvalue) * (1 - eigenvalue);
}

/// Root mean squared distances of the good nodes, after the rounds looked at: from their mean, and from that of the
/// start.
struct Course {
  Numbers consensus, error;

  void add(const Numbers& x) {
    const auto from = [&](double center) {
      double sum = 0;
      for (const double value : x) sum += (value - center) * (value - center);
      return std::sqrt(sum / good);
    };
    consensus.push_back(from(std::accumulate(x.begin(), x.end(), 0.0) / good));
    error.push_back(from(100));
  }
};

bool is_looked_at(int round) { return std::find(looked_at.begin(), looked_at.end(), round) != looked_at.end(); }

/// An attack and a defense as the file names them.
using Pair = std::pair<std::string, std::string>;
using Courses = std::map<Pair, Course>;

/// The strength of dissensus(1.0); NaN where that is not the attack.
double strength(const std::string& attack) {
  return attack == "constant" ? NAN : std::stod(attack.substr(attack.find('(') + 1));
}

/// Rules on a graph: all these pairs in one step of gossip, which has either an attack or given messages everywhere.
void gossip(Exec& exec, const Graph& graph, const std::vector<Pair>& pairs, Courses& courses) {
  const auto cells = pairs.size();
  RowStore nodes(exec, static_cast<std::int64_t>(cells) * good, 1), sent(exec, byzantine, 1);
  const Array<int> round(exec, 1);
  Peers peers;
  peers.graph = graph;
  peers.d = 1, peers.vectors = nodes.pointers(), peers.round = round.data();
  for (const auto& [name, defense] : pairs) {
    const std::string rule = defense == "self-centered-clipping" ? defense + "(tau=oracle)" : defense;
    Match match;
    match.defense = std::make_shared<const Pipeline>(parse_pipeline(rule), 4, 1);
    if (const double epsilon = strength(name); epsilon > 0) {
      match.attack_label = "dissensus(epsilon=" + std::to_string(epsilon) + ")";
      const ComponentText text = parse_component(match.attack_label);
      match.attack = Registry<Attack>::find(text.name, "attack").create(text, 4, 1);
    } else {
      for (int i = 0; i < good; ++i)
        for (int b = 0; b < byzantine; ++b) peers.sent.push_back(sent.row(b));
    }
    peers.cells.push_back(match);
  }
  const auto put = [&](float* row, double number) {
    const auto value = static_cast<float>(number);
    copy_to(exec, row, &value, sizeof value);
  };
  put(sent.row(1), 200);
  for (std::size_t k = 0; k < cells * good; ++k) put(nodes.row(static_cast<std::int64_t>(k)), start[k % good]);
  const auto step = gossip_with_neighbors(exec, peers);
  for (int t = 1; t <= looked_at.back(); ++t) {
    step->run(0);
    if (!is_looked_at(t)) continue;
    const std::vector<float> values = nodes.values().download();
    for (std::size_t c = 0; c < cells; ++c) {
      Numbers x;
      for (std::size_t i = 0; i < good; ++i) x.push_back(values[(c * good + i) * padded(1)]);
      courses[pairs[c]].add(x);
    }
  }
}

/// Central rules on as many copies of every message as it weighs hundredths. Here nobody but the test knows of a graph.
void gossip_by_copies(Exec& exec, const Graph& graph, const Pair& pair, Courses& courses) {
  const auto near = [&](int i) {  // the node itself, its good neighbors and the Byzantine one
    std::vector<int> all = graph.neighbors[static_cast<std::size_t>(i)];
    all.insert(all.begin(), i);
    return all;
  };
  const auto copies = [&](int i, int j) { return static_cast<int>(100 * graph.weight(i, j)); };
  // Nodes 0 and 3 are alike, and 1 and 2.
  const std::array<std::array<int, 2>, 2> alike = {{{0, 3}, {1, 2}}};
  std::vector<std::unique_ptr<Trial>> trials;
  for (const auto& nodes : alike) {
    int n = 0, liars = 0;
    for (const int j : near(nodes[0])) (j < good ? n : liars) += copies(nodes[0], j);
    n += liars;
    const std::string rule =
        pair.second == "weighted-median" ? "median" : "trimmed-mean(trim=" + std::to_string(std::min(liars, 49)) + ")";
    trials.push_back(std::make_unique<Trial>(exec, "", rule, n, 0, 1, std::vector<std::uint64_t>{0, 1}));
  }
  const double epsilon = strength(pair.first);
  std::vector<float> x(start.begin(), start.end());
  const auto lie = [&](int i, int b) {
    if (std::isnan(epsilon)) return b == good ? 0.0F : 200.0F;
    double brought = 0;
    for (const int j : near(i))
      if (j < good) brought += graph.weight(i, j) * (static_cast<double>(x[j]) - x[i]);
    return static_cast<float>(x[i] - epsilon * brought / graph.weight(i, b));
  };
  for (int t = 1; t <= looked_at.back(); ++t) {
    std::vector<float> next(good);
    for (std::size_t k = 0; k < alike.size(); ++k) {
      std::vector<float> inboxes;
      for (const int i : alike[k])
        for (const int j : near(i))
          inboxes.insert(inboxes.end(), static_cast<std::size_t>(copies(i, j)), j < good ? x[j] : lie(i, j));
      const std::vector<float> made = trials[k]->play(t, inboxes.data());
      for (std::size_t v = 0; v < made.size(); ++v) next[alike[k][v]] = made[v];
    }
    x = next;
    if (is_looked_at(t)) courses[pair].add({x.begin(), x.end()});
  }
}

TEST_CASE("the scalar consensus benchmark comes out as its authors have it", "[gossip][golden]") {
  const auto file = shared_folder() / "golden-protocols/consensus.csv";
  if (!std::filesystem::exists(file)) SKIP_TEST("no golden vectors: set GAUNTLET_SHARED");
  const CsvTable table = read_csv(file);
  const auto text = [&](std::size_t row, const std::string& column) { return table.rows[row][table.column(column)]; };
  std::map<Pair, std::vector<std::size_t>> settings;  // rows by beta and Byzantine weight
  for (std::size_t row = 0; row < table.rows.size(); ++row)
    settings[{text(row, "beta"), text(row, "delta_max")}].push_back(row);
  // Models are floats: of numbers up to 200 the last place is 1.5e-5, and what is rounded away is carried on with them
  // for a hundred rounds, growing where dissensus wins. The mean of copies adds up to 99 of them, one after the other.
  const auto allowed = [](const std::string& defense, double want) {
    return defense == "weighted-trimmed-mean" ? 1e-4 * want + 2e-3 : 1e-5 * want + 1e-4;
  };
  for (const auto& exec : test_backends()) {
    int number = 0;
    for (const auto& [setting, rows] : settings) {
      if (emulated && number++ % 9 != 0) continue;
      const Graph graph = benchmark_graph(std::stod(setting.first), std::stod(setting.second));
      std::vector<Pair> given, attacked;
      Courses courses;
      for (const std::size_t row : rows) {
        const Pair pair = {text(row, "attack"), text(row, "defense")};
        if (pair.second.rfind("weighted-", 0) == 0)
          gossip_by_copies(*exec, graph, pair, courses);
        else
          (pair.first == "constant" ? given : attacked).push_back(pair);
      }
      gossip(*exec, graph, given, courses);
      gossip(*exec, graph, attacked, courses);
      for (const std::size_t row : rows) {
        const Course& course = courses[{text(row, "attack"), text(row, "defense")}];
        REQUIRE(course.error.size() == looked_at.size());
        CHECK(squared_gap(graph) == Approx(table.number(row, table.column("p"))).epsilon(1e-8));
        for (std::size_t k = 0; k < looked_at.size(); ++k)
          for (const auto& [column, got] : {std::pair("consensus_", course.consensus), {"error_", course.error}}) {
            const std::string name = column + std::to_string(looked_at[k]);
            const double want = std::sqrt(table.number(row, table.column(name)));
            INFO(text(row, "attack") << ", " << text(row, "defense") << ", beta = " << setting.first << ", delta_max = "
                                     << setting.second << ", " << name << " on " << backend_name(*exec));
            CHECK(std::abs(got[k] - want) <= allowed(text(row, "defense"), want));
          }
      }
    }
  }
  CHECK(settings.size() == 53);
}

}  // namespace
}  // namespace gauntlet
