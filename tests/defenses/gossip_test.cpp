// SPDX-License-Identifier: Apache-2.0
#include <limits>
#include <random>

#include "kernels/protocols/graph.hpp"
#include "tests/reference/gossip.hpp"
#include "tests/trial.hpp"

/// Rules that weigh messages as gossip on a graph does, and the attack on it.
namespace gauntlet {
namespace {

using reference::Matrix;
using reference::Surroundings;
using reference::Vector;

/// The receiver `node` with its neighbors: who it hears, itself first, then the good ones and the Byzantine ones.
std::vector<int> heard(const Graph& graph, int node) {
  std::vector<int> result = {node};
  for (const bool byzantine : {false, true})
    for (const int j : graph.neighbors[static_cast<std::size_t>(node)])
      if (graph.byzantine[static_cast<std::size_t>(j)] == byzantine) result.push_back(j);
  return result;
}

Surroundings surroundings(const Graph& graph, int node) {
  Surroundings around{{}, 0, 0};
  for (const int j : heard(graph, node)) {
    around.links.push_back(graph.weight(node, j));
    if (graph.byzantine[static_cast<std::size_t>(j)])
      around.told += graph.weight(node, j);
    else
      ++around.honest;
  }
  return around;
}

/// What the defense makes of inboxes of equal size on a graph, in one batch.
FloatMatrix gossip(Exec& exec, const std::string& pipeline, const std::vector<FloatMatrix>& inboxes,
                   const std::vector<Surroundings>& around) {
  const auto count = static_cast<int>(inboxes.size()), n = static_cast<int>(inboxes[0].size());
  const auto d = static_cast<std::int64_t>(inboxes[0][0].size());
  const auto width = sizeof(float) * static_cast<std::size_t>(d);
  RowStore rows(exec, count * n, d), out(exec, count, d);
  std::vector<double> links, told;
  std::vector<int> honest;
  for (int c = 0; c < count; ++c) {
    const auto inbox = static_cast<std::size_t>(c);
    for (int i = 0; i < n; ++i)
      copy_to(exec, rows.row(c * n + i), inboxes[inbox][static_cast<std::size_t>(i)].data(), width);
    links.insert(links.end(), around[inbox].links.begin(), around[inbox].links.end());
    told.push_back(around[inbox].told);
    honest.push_back(around[inbox].honest);
  }
  const Array<float*> table(exec, rows.pointers()), outputs(exec, out.pointers());
  const Array<std::uint64_t> seeds(exec, std::vector<std::uint64_t>(inboxes.size(), 0));
  const Array<double> links_there(exec, links), told_there(exec, told);
  const Array<int> honest_there(exec, honest), round(exec, std::vector<int>{0});
  Defense::Job job;
  job.inboxes.base = {count, n, d, table.data()};
  job.inboxes.n = n;
  job.seeds = seeds.data(), job.round = round.data(), job.out = outputs.data();
  job.neighborhoods = {links_there.data(), told_there.data(), honest_there.data()};
  Defense(exec, std::make_shared<const Pipeline>(parse_pipeline(pipeline), n, 0), job).run();
  FloatMatrix result(inboxes.size(), std::vector<float>(static_cast<std::size_t>(d)));
  for (int c = 0; c < count; ++c) copy_from(exec, result[static_cast<std::size_t>(c)].data(), out.row(c), width);
  return result;
}

/// The rule by its definition, with its parameters as written.
Vector defined(const std::string& text, const FloatMatrix& inbox, const Surroundings& around) {
  const ComponentText component = parse_component(text);
  const auto& entry = Registry<Stage>::find(component.name, "defense");
  const Arguments arguments(entry.name, entry.parameters, component, static_cast<int>(inbox.size()), 0);
  return reference::rules_on_a_graph().at(entry.name)(reference::wide(inbox), around, arguments);
}

const std::vector<std::string> rules = {
    "gossip-average",   "self-centered-clipping", "self-centered-clipping(tau=oracle)", "self-centered-clipping(tau=4)",
    "clipped-sum-plus", "nearest-neighbors"};

TEST_CASE("rules on a graph need a neighborhood, and all others do not", "[gossip]") {
  const auto defined_here = reference::rules_on_a_graph();
  for (const auto& name : names_of("rule"))
    if (accepts(name, 11, 2)) {
      INFO(name);
      CHECK(Pipeline(parse_pipeline(name), 11, 2).needs_neighborhood() == (defined_here.count(name) == 1));
    }
  CHECK(Pipeline(parse_pipeline("nnm | clipped-sum-plus"), 11, 2).needs_neighborhood());
}

TEST_CASE("rules on a graph agree with their definitions for any links, one inbox after the other", "[gossip]") {
  std::mt19937 generator(5);
  std::uniform_real_distribution<double> uniform(0.01, 1);
  for (const int n : {1, 2, 3, 8, 70}) {
    std::vector<FloatMatrix> inboxes;
    std::vector<Surroundings> around;
    for (int c = 0; c < 6; ++c) {
      const int byzantine = c * (n - 1) / 10;
      inboxes.push_back(random_inbox(n, byzantine, 40, static_cast<unsigned>(10 * n + c), 1, c % 2 == 0 ? 5 : 0.5f));
      Surroundings one{Vector(static_cast<std::size_t>(n)), 0, n - byzantine};
      double sum = 0;
      for (double& link : one.links) sum += link = uniform(generator);
      for (double& link : one.links) link /= sum;
      for (int j = one.honest; j < n; ++j) one.told += one.links[static_cast<std::size_t>(j)];
      around.push_back(one);
    }
    for (const auto& exec : test_backends())
      for (const auto& rule : rules) {
        INFO(rule << ", n = " << n << " on " << backend_name(*exec));
        Matrix want;
        for (std::size_t c = 0; c < inboxes.size(); ++c) want.push_back(defined(rule, inboxes[c], around[c]));
        CHECK(relative_error(gossip(*exec, rule, inboxes, around), want) <= 1e-5);
      }
  }
}

TEST_CASE("on a graph whose weights are all alike the border does not hang on rounding", "[gossip]") {
  // Sums of equal weights in another order differ in the last bit, and stand for the same number of neighbors.
  const int n = 50;
  for (const auto& exec : test_backends())
    for (int byzantine = 1; byzantine < n / 2; ++byzantine) {
      const FloatMatrix inbox = random_inbox(n, byzantine, 10, static_cast<unsigned>(byzantine));
      Surroundings around{Vector(n, 1.0 / n), 0, n - byzantine};
      for (int b = 0; b < byzantine; ++b) around.told += 1.0 / n;
      const Vector away = reference::away_from_own(reference::wide(inbox));
      const auto far = reference::farthest_first(away);
      INFO(byzantine << " Byzantine on " << backend_name(*exec));
      CHECK(relative_error(gossip(*exec, "clipped-sum-plus", {inbox}, {around}),
                           Matrix{reference::clipped_gossip(reference::wide(inbox), around,
                                                            away[far[static_cast<std::size_t>(2 * byzantine - 1)]])}) <=
            1e-5);
      // Who has lost all weight is not even looked at.
      FloatMatrix lost = inbox;
      for (int b = n - byzantine; b < n; ++b)
        for (float& x : lost[static_cast<std::size_t>(b)]) x = std::numeric_limits<float>::quiet_NaN();
      Matrix want = {reference::scaled(reference::wide(inbox)[0], (1.0 + byzantine) / n)};
      for (int j = 1; j < n - byzantine; ++j) want[0] = reference::add(want[0], reference::wide(inbox)[j], 1.0 / n);
      CHECK(relative_error(gossip(*exec, "nearest-neighbors", {lost}, {around}), want) <= 1e-5);
    }
}

TEST_CASE("a neighbor that is not finite brings nothing where deviations are clipped", "[gossip]") {
  const Graph graph =
      make_graph(parse_component("dumbbell(size=4, byzantine=1)"), GraphWeights::metropolis, Placement::last, 10, 2);
  const Surroundings around = surroundings(graph, 0), alone = surroundings(graph, 1);
  REQUIRE(around.honest == 5);
  const FloatMatrix inbox = random_inbox(6, 1, 30, 3);
  for (const float harm : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    FloatMatrix harmed = inbox, silent = inbox;
    harmed.back().assign(30, harm);
    silent.back() = silent.front();  // a deviation of zero
    for (const auto& exec : test_backends()) {
      INFO(harm << " on " << backend_name(*exec));
      for (const std::string tau : {"oracle", "3"}) {
        const std::string rule = "self-centered-clipping(tau=" + tau + ")";
        CHECK(relative_error(gossip(*exec, rule, {harmed}, {around}), Matrix{defined(rule, silent, around)}) <= 1e-5);
      }
      for (const std::string rule : {"self-centered-clipping", "clipped-sum-plus"})
        CHECK(std::isfinite(gossip(*exec, rule, {harmed}, {around})[0][0]));
      // Without Byzantine weight nothing is clipped, and all enter as in the mean.
      REQUIRE(alone.told == 0);
      const FloatMatrix near(harmed.end() - 4, harmed.end());
      for (const std::string rule : {"gossip-average", "self-centered-clipping(tau=oracle)", "clipped-sum-plus"})
        CHECK_FALSE(std::isfinite(gossip(*exec, rule, {near}, {alone})[0][0]));
    }
  }
}

/// The messages of an attack that meets its receivers, each a cell whose honest base rows are those of good nodes: what
/// becomes of Byzantine message 0, per cell.
Matrix sent_to(Exec& exec, const std::string& attack, const Matrix& honest, int f, const std::vector<int>& receivers,
               const std::vector<Vector>& links) {
  const auto cells = receivers.size();
  const int h = static_cast<int>(honest.size()), n = h + f;
  const auto size = static_cast<std::size_t>(n * h);
  Array<double> mixing(exec, cells * size);
  std::vector<double*> tables;
  std::vector<double> all_links;
  for (std::size_t c = 0; c < cells; ++c) {
    tables.push_back(mixing.data() + c * size);
    all_links.insert(all_links.end(), links[c].begin(), links[c].end());
  }
  const Array<double*> tables_there(exec, tables);
  const Array<int> receivers_there(exec, receivers);
  const Array<double> links_there(exec, all_links);
  AttackView view;
  view.cells = static_cast<int>(cells), view.n = n, view.f = f, view.honest = h, view.declared = f, view.m = h;
  view.mixing = tables_there.data();
  view.receivers = receivers_there.data(), view.links = links_there.data();
  const ComponentText text = parse_component(attack);
  const auto made = Registry<Attack>::find(text.name, "attack").create(text, n, f);
  REQUIRE(made->meets_receivers());
  made->bind(exec, view, nullptr)->act();
  const std::vector<double> weights = mixing.download();
  Matrix messages;
  for (std::size_t c = 0; c < cells; ++c) {
    Vector message(honest[0].size(), 0.0);
    for (int p = 0; p < h; ++p)
      message = reference::add(message, honest[static_cast<std::size_t>(p)],
                               weights[c * size + static_cast<std::size_t>(h * h + p)]);
    messages.push_back(message);
  }
  return messages;
}

TEST_CASE("dissensus makes plain gossip lead away from what the good neighbors bring", "[gossip][attacks]") {
  const Graph graph =
      make_graph(parse_component("dumbbell(size=4, byzantine=2)"), GraphWeights::metropolis, Placement::last, 12, 4);
  const int good = graph.good(), f = graph.nodes - good;
  const Matrix x = reference::wide(random_inbox(good, 0, 20, 9));
  std::vector<int> receivers;
  std::vector<Vector> links;
  for (int i = 0; i < good; ++i) {
    receivers.push_back(i);
    links.push_back({graph.weight(i, i)});
    for (int j = 0; j < graph.nodes; ++j)
      if (j != i) links.back().push_back(graph.weight(i, j));
  }
  for (const auto& exec : test_backends())
    for (const double epsilon : {0.0, 1.0, 1.5}) {
      const Matrix sent = sent_to(*exec, "dissensus(epsilon=" + std::to_string(epsilon) + ")", x, f, receivers, links);
      for (int i = 0; i < good; ++i) {
        INFO("node " << i << ", epsilon = " << epsilon << " on " << backend_name(*exec));
        const auto node = static_cast<std::size_t>(i);
        Vector brought(x[0].size(), 0.0);
        double byzantine = 0;
        for (int j = 0; j < graph.nodes; ++j) {
          if (j < good)
            brought = reference::add(brought, reference::add(x[static_cast<std::size_t>(j)], x[node], -1),
                                     graph.weight(i, j));
          else
            byzantine += graph.weight(i, j);
        }
        const Vector deviation = reference::add(sent[node], x[node], -1);
        if (byzantine == 0)
          CHECK(reference::norm(deviation) == 0);
        else
          CHECK(reference::norm(reference::add(reference::scaled(deviation, byzantine), brought, epsilon)) <= 1e-12);
      }
    }
}

}  // namespace
}  // namespace gauntlet
