// SPDX-License-Identifier: Apache-2.0
#include "kernels/protocols/given.cuh"
#include "tests/backends.hpp"
#include "tests/trial.hpp"

/// Gossip on given values against its definition: what every node hears is written down, and aggregated by itself.
namespace gauntlet {
namespace {

/// Values of workers by number, the honest ones first, on a graph.
struct Net {
  std::string protocol;  ///< without rounds
  Graph graph;
  std::vector<int> node;  ///< of each worker
  FloatMatrix values;
  int n, f;

  Net(const std::string& text, int n_, int f_, int d, const std::string& options = "", GraphWeights weights = {},
      Placement placement = {})
      : protocol("gossip(graph=" + text + options),
        graph(make_graph(parse_component(text), weights, placement, n_, f_)),
        node(workers_to_nodes(graph)),
        values(random_inbox(n_, f_, d, 3, 1, 0)),
        n(n_),
        f(f_) {}

  int h() const { return n - f; }
  double weight(int i, int j) const {
    return graph.weight(node[static_cast<std::size_t>(i)], node[static_cast<std::size_t>(j)]);
  }
  /// In ascending order, of workers [from, to).
  std::vector<int> around(int i, int from, int to) const {
    const auto& all = graph.neighbors[static_cast<std::size_t>(node[static_cast<std::size_t>(i)])];
    std::vector<int> result;
    for (int j = from; j < to; ++j)
      if (std::count(all.begin(), all.end(), node[static_cast<std::size_t>(j)]) != 0) result.push_back(j);
    return result;
  }
};

/// The honest values after every exchange. `messages`, [exchange][receiver][sender], or an attack.
std::vector<FloatMatrix> gossip(Exec& exec, const Net& net, const std::string& options, const std::string& defense,
                                const std::string& attack, int exchanges, const FloatMatrix& messages = {}) {
  const std::vector<float> values = flat(net.values), sent = flat(messages);
  GivenVectors given;
  given.honest = net.h(), given.f = net.f, given.d = static_cast<std::int64_t>(net.values[0].size());
  given.vectors = values.data(), given.own = values.data() + given.honest * given.d;
  given.messages = sent.data(), given.exchanges = exchanges;
  const ComponentText protocol = parse_component(net.protocol + options + ")");
  CHECK(exchanges_of(protocol, net.n, net.f) == exchanges);
  const FloatMatrix rows =
      rows_of(gossip_on_given(exec, {protocol, defense, attack}, given), static_cast<int>(given.d));
  std::vector<FloatMatrix> result;
  for (auto at = rows.begin(); at != rows.end(); at += net.h()) result.emplace_back(at, at + net.h());
  return result;
}

TEST_CASE("gossip: without Byzantine nodes values are averaged by the graph's weights", "[gossip]") {
  const int d = 5;
  for (const auto& exec : test_backends())
    for (const auto& [text, n] : {std::pair{"ring", 6},
                                  {"chain", 5},
                                  {"complete", 7},
                                  {"star", 6},
                                  {"binary-tree", 7},
                                  {"torus(rows=3, columns=4)", 12},
                                  {"two-cliques(path=2)", 10},
                                  {"ring", 1}})
      for (const GraphWeights weights : {GraphWeights::metropolis, GraphWeights::uniform}) {
        const bool uniform = weights == GraphWeights::uniform;
        INFO(text << (uniform ? ", uniform" : ", metropolis") << " on " << backend_name(*exec));
        const Net net(text, n, 0, d, uniform ? ", weights=uniform" : "", weights);
        auto want = reference::wide(net.values);
        const auto got = gossip(*exec, net, ", rounds=3, mixing=2", "gossip-average", "", 6);
        for (int k = 0; k < 6; ++k) {
          auto next = want;
          for (int i = 0; i < n; ++i)
            for (int l = 0; l < d; ++l) {
              next[i][l] = 0;
              for (int j = 0; j < n; ++j) next[i][l] += net.weight(i, j) * want[j][l];
            }
          want = next;
          CHECK(relative_error(got[static_cast<std::size_t>(k)], want) <= 1e-5);
        }
      }
}

TEST_CASE("gossip: a central defense sees the own value, then the neighbors', by number", "[gossip]") {
  const int d = 11;
  for (const auto& exec : test_backends())
    for (const char* placement : {"last", "spread"})
      for (const char* defense : {"median", "trimmed-mean", "geometric-median", "clipping(threshold=1) | mean"}) {
        INFO(placement << ", " << defense << " on " << backend_name(*exec));
        const bool spread = std::string(placement) == "spread";
        const Net net("torus(rows=3, columns=4)", 12, 2, d, std::string(", placement=") + placement, {},
                      spread ? Placement::spread : Placement::last);
        const FloatMatrix sent = random_inbox(2 * net.h() * net.f, 0, d, 4, 1);
        FloatMatrix values(net.values.begin(), net.values.begin() + net.h());
        const auto got = gossip(*exec, net, ", rounds=2", defense, "", 2, sent);
        for (int k = 0; k < 2; ++k) {
          FloatMatrix next;
          for (int i = 0; i < net.h(); ++i) {
            FloatMatrix heard = {values[static_cast<std::size_t>(i)]};
            for (const int j : net.around(i, 0, net.h())) heard.push_back(values[static_cast<std::size_t>(j)]);
            const std::vector<int> liars = net.around(i, net.h(), net.n);
            for (const int b : liars)
              heard.push_back(sent[static_cast<std::size_t>((k * net.h() + i) * net.f + b - net.h())]);
            next.push_back(aggregate(*exec, defense, heard, static_cast<int>(liars.size()))[0]);
          }
          values = next;
          CHECK(relative_error(got[static_cast<std::size_t>(k)], values) <= 1e-5);
        }
      }
}

TEST_CASE("gossip: attacks are made of the values around the receiver", "[gossip]") {
  const int d = 13, exchanges = 3;
  int checked = 0;
  for (const auto& exec : test_backends())
    for (const auto& [text, n, f] :
         {std::tuple{"complete", 9, 2}, {"dumbbell(size=5, byzantine=2)", 14, 4}, {"torus(rows=3, columns=4)", 12, 2}})
      for (const std::string attack :
           {"ipm", "alie(z=1.5)", "optimal", "dissensus(epsilon=2)", "sign-flip", "min-max", "none"}) {
        const Net net(text, n, f, d);
        const char* defense = "trimmed-mean";
        INFO(attack << " on " << text << ", " << backend_name(*exec));
        FloatMatrix values(net.values.begin(), net.values.begin() + net.h()), messages;
        const auto got = gossip(*exec, net, ", mixing=3", defense, attack, exchanges);
        const bool own = attack == "sign-flip" || attack == "none";
        for (int k = 0; k < (own ? 1 : exchanges); ++k) {  // whose own values then move, too
          const FloatMatrix before = values;
          for (int i = 0; i < net.h(); ++i) {
            std::vector<int> good = net.around(i, 0, net.h());
            good.insert(std::lower_bound(good.begin(), good.end(), i), i);
            const std::vector<int> liars = net.around(i, net.h(), n);
            FloatMatrix seen;
            for (const int j : good) seen.push_back(before[static_cast<std::size_t>(j)]);
            for (const int b : liars) seen.push_back(net.values[static_cast<std::size_t>(b)]);
            FloatMatrix sent(static_cast<std::size_t>(f), std::vector<float>(d));
            if (attack.rfind("dissensus", 0) == 0) {
              double delta = 0;
              for (const int b : liars) delta += net.weight(i, b);
              for (const int b : liars)
                for (int l = 0; l < d; ++l) {
                  double sum = 0;
                  for (const int j : good) sum += net.weight(i, j) * (before[j][l] - before[i][l]);
                  sent[b - net.h()][l] = static_cast<float>(before[i][l] - 2 * sum / delta);
                }
            } else if (!liars.empty()) {
              const auto rows = rows_of(attack_rows(*exec, attack, defense, static_cast<int>(liars.size()),
                                                    static_cast<int>(seen.size()), d, flat(seen).data()),
                                        d);
              for (std::size_t b = 0; b < liars.size(); ++b) sent[liars[b] - net.h()] = rows[b];
            }
            messages.insert(messages.end(), sent.begin(), sent.end());
          }
          values = gossip(*exec, net, ", rounds=" + std::to_string(k + 1), defense, "", k + 1, messages).back();
          INFO("exchange " << k + 1);
          REQUIRE(relative_error(got[static_cast<std::size_t>(k)], values) <= 1e-4);
          ++checked;
        }
      }
  CHECK(checked >= 50);
}

TEST_CASE("gossip: graphs and messages that do not go together are refused", "[gossip]") {
  for (const auto& exec : test_backends()) {
    const Net net("complete", 9, 2, 4);
    const FloatMatrix sent(14, std::vector<float>(4));
    const auto error = [&](const std::string& graph, const std::string& attack, const std::string& defense = "median") {
      Net other = net;
      other.protocol = "gossip(graph=" + graph;
      return user_error([&] { gossip(*exec, other, "", defense, attack, 1, attack.empty() ? sent : FloatMatrix{}); });
    };
    CHECK(error("complete", "").empty());
    CHECK(contains(error("torus(rows=3, columns=4)", ""), "has 12 nodes, not 9"));
    CHECK(contains(error("rign", ""), "did you mean 'ring'?"));
    CHECK(contains(error("epidemic", ""), "under epidemic they are drawn anew"));
    CHECK(error("epidemic", "ipm").empty());
    CHECK(contains(error("epidemic", "dissensus"), "protocol gossip: "));
    CHECK(contains(error("complete", "ipm(silence=0.5)"), "protocol agreement"));
    CHECK(contains(error("complete", "", "fltrust"), "protocol server"));
    CHECK(contains(error("complete", "", "nnm"), "has no rule"));
  }
}

}  // namespace
}  // namespace gauntlet
