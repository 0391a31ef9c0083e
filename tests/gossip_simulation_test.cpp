// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "kernels/protocols/extent.cuh"
#include "kernels/protocols/gossip_step.cuh"
#include "tests/backends.hpp"
#include "tests/cells.hpp"
#include "tests/environment.hpp"
#include "tests/trial.hpp"

/// Simulations without a server, and what a step of gossip does to the models.
namespace gauntlet {
namespace {

Cell cell_under(const std::string& protocol, const std::string& attack, const std::string& defense, int n, int f) {
  Cell cell = small_cell(attack, defense, n, f);
  cell.protocol = protocol;
  return cell;
}

/// Why the cell cannot run, or empty.
std::string unmet(const Cell& cell) {
  try {
    const auto parts = ComponentMaker().parts(cell);
    return parts->protocol->unmet({parts->attack, parts->defense, cell.seed, cell.attack, cell.defense}, cell.workers,
                                  cell.byzantine);
  } catch (const UserError& error) {
    return error.what();
  }
}

struct World {
  std::string protocol;
  int n, f;
};

/// All cells of attacks and defenses that make sense there, of two seeds, by cohorts; on the emulated device every
/// 13th.
std::vector<std::vector<Cell>> cohorts(const World& world, const std::vector<std::string>& attacks,
                                       const std::vector<std::string>& defenses) {
  std::map<CohortKey, std::vector<Cell>> all;
  std::uint64_t seed = 0;
  for (const auto& attack : attacks)
    for (const auto& defense : defenses) {
      Cell cell = cell_under(world.protocol, attack, defense, world.n, world.f);
      if (!unmet(cell).empty()) continue;
      cell.seed = seed++ % 2;
      if (emulated && seed % 26 != 1) continue;
      all[cohort_key(with_parts(cell))].push_back(cell);
    }
  std::vector<std::vector<Cell>> result;
  for (const auto& [key, cells] : all) result.push_back(cells);
  return result;
}

/// Cells alone give the bytes that they give together, and so do rounds that are launched and not replayed.
void check_alone_and_together(const World& world, const std::vector<std::string>& attacks,
                              const std::vector<std::string>& defenses) {
  INFO(world.protocol);
  std::size_t checked = 0;
  for (const std::vector<Cell>& cells : cohorts(world, attacks, defenses))
    for (const auto& exec : test_backends()) {
      INFO(backend_name(*exec));
      std::vector<std::string> messages;
      const std::vector<CellResult> together = simulate(*exec, cells, &messages);
      CHECK(messages == std::vector<std::string>{});
      REQUIRE(together.size() == cells.size());
      for (std::size_t c = 0; c < cells.size(); ++c) {
        INFO(cells[c].attack << ", " << cells[c].defense);
        CHECK(bytes_of(simulate(*exec, {cells[c]})) == bytes_of({together[c]}));
      }
      const Environment environment("GAUNTLET_GRAPH", "off");
      CHECK(bytes_of(simulate(*exec, cells)) == bytes_of(together));
      checked += cells.size();
    }
  CHECK(checked >= (emulated ? 1 : attacks.size()));
}

TEST_CASE("cells that gossip run alone as in a batch and replayed as launched", "[gossip][simulation]") {
  const std::vector<std::string> attacks = {
      "none", "sign-flip", "alie", "dissensus", "optimal", "ipm(start=2, stop=5)", "label-flip", "gaussian", "mimic"};
  const std::vector<std::string> defenses = {"gossip-average",
                                             "self-centered-clipping",
                                             "nearest-neighbors",
                                             "median",
                                             "nnm | rfa",
                                             "centered-clipping",
                                             "krum"};
  for (const World& world : std::vector<World>{{"gossip", 8, 2},
                                               {"gossip(graph=complete, mixing=2)", 8, 2},
                                               {"gossip(graph=torus(rows=3), placement=spread, local=1)", 9, 2},
                                               {"gossip(graph=two-cliques, weights=uniform)", 8, 1},
                                               {"gossip(graph=dumbbell, mixing=2)", 8, 2},
                                               {"gossip(graph=hub-cliques(delta=0.5))", 9, 2},
                                               {"gossip(graph=ring-majority)", 9, 6},
                                               {"gossip(graph=epidemic(peers=3), placement=spread)", 8, 2}})
    check_alone_and_together(world, attacks, defenses);
}

TEST_CASE("cells that agree run alone as in a batch and replayed as launched", "[agreement][simulation]") {
  std::vector<std::string> attacks = {"none"};
  for (const std::string attack : {"sign-flip", "ipm"})
    for (const std::string options : {"", "equivocation=mirror", "equivocation=spread", "equivocation=extremes",
                                      "silence=0.5", "equivocation=spread, silence=0.3, start=2, stop=6"})
      attacks.push_back(attack + "(" + options + ")");
  for (const World& world : std::vector<World>{{"agreement", 7, 2}, {"agreement(rounds=2)", 7, 1}})
    check_alone_and_together(world, attacks, {"mean", "box-mean", "trimmed-mean", "centered-clipping"});
}

/// Gossip on given vectors, the honest peers' or all, without training.
class Mixing {
 public:
  Mixing(Exec& exec, const std::string& graph, const std::string& attack, const std::string& defense, int n, int f,
         const FloatMatrix& start, Placement placement = Placement::last, int told = -1)
      : exec_(exec),
        d_(static_cast<int>(start[0].size())),
        rows_(exec, static_cast<std::int64_t>(start.size()), d_),
        round_(exec, 1) {
    peers_.graph = make_graph(parse_component(graph), GraphWeights::metropolis, placement, n, f);
    peers_.told = told, peers_.own = f > 0 && static_cast<int>(start.size()) == n;
    Match match;
    const InboxSize size = inbox_sizes(peers_.graph, told).front();
    match.defense = std::make_shared<const Pipeline>(parse_pipeline(defense), size.n, size.f);
    if (f > 0) {
      const ComponentText text = parse_component(attack);
      match.attack = Registry<Attack>::find(text.name, "attack").create(text, n, f);
      match.attack_label = attack;
    }
    peers_.cells = {match};
    peers_.d = d_, peers_.round = round_.data(), peers_.vectors = rows_.pointers();
    restart(start);
    step_ = peers_.graph.drawn_peers > 0 ? gossip_with_anybody(exec, peers_) : gossip_with_neighbors(exec, peers_);
  }

  const Graph& graph() const { return peers_.graph; }
  void enter_round(int round) { round_.upload({round}); }
  double observe(const std::string& column) const { return step_->observe().front().at(column).at(0); }
  void restart(const FloatMatrix& start) {
    for (std::size_t i = 0; i < start.size(); ++i)
      copy_to(exec_, rows_.row(static_cast<std::int64_t>(i)), start[i].data(), sizeof(float) * start[i].size());
  }

  /// The vectors after `steps` more steps.
  FloatMatrix run(int steps = 1) {
    for (int step = 0; step < steps; ++step) step_->run(step);
    return vectors_now();
  }
  /// The same after one step of that number in a round.
  FloatMatrix run_step(int step) {
    step_->run(step);
    return vectors_now();
  }

 private:
  FloatMatrix vectors_now() const {
    FloatMatrix result(static_cast<std::size_t>(rows_.rows()), std::vector<float>(static_cast<std::size_t>(d_)));
    for (std::size_t i = 0; i < result.size(); ++i)
      copy_from(exec_, result[i].data(), rows_.row(static_cast<std::int64_t>(i)), sizeof(float) * result[i].size());
    return result;
  }

  Exec& exec_;
  int d_;
  RowStore rows_;
  Array<int> round_;
  Peers peers_;
  std::unique_ptr<GossipStep> step_;
};

constexpr int width = 40;

FloatMatrix vectors(int count, unsigned seed = 5) { return random_inbox(count, 0, width, seed); }

double consensus_distance(const FloatMatrix& rows) {
  const auto x = reference::wide(rows);
  const auto center = reference::mean(x);
  double sum = 0;
  for (const auto& row : x) sum += std::pow(reference::distance(row, center), 2);
  return sum / static_cast<double>(rows.size());
}

TEST_CASE("plain gossip keeps the mean, and on a complete graph all have it after one step", "[gossip]") {
  for (const auto& exec : test_backends())
    for (const int n : {10, 30, 64})
      for (const std::string graph : {"ring", "complete", "star", "torus(rows=2)", "binary-tree", "dumbbell"}) {
        INFO(graph << " of " << n << " on " << backend_name(*exec));
        const FloatMatrix start = vectors(n);
        Mixing mixing(*exec, graph, "", "gossip-average", n, 0, start);
        const auto mean = reference::mean(reference::wide(start));
        const FloatMatrix after = mixing.run(3);
        CHECK(relative_error({after.back()}, reference::Matrix{mean}) > (graph == "complete" ? -1 : 1e-3));
        CHECK(reference::distance(reference::mean(reference::wide(after)), mean) <= 1e-5);
        if (graph == "complete")
          for (const auto& row : after) CHECK(relative_error({row}, reference::Matrix{mean}) <= 1e-6);
      }
}

TEST_CASE("plain gossip on a ring brings models together by the spectral gap, and not faster in the end", "[gossip]") {
  for (const auto& exec : test_backends())
    for (const int n : {5, 12, 30}) {
      const double contraction = std::pow((1 + 2 * std::cos(2 * std::acos(-1.0) / n)) / 3, 2);
      Mixing mixing(*exec, "ring", "", "gossip-average", n, 0, vectors(n));
      double before = consensus_distance(mixing.run(0)), ratio = 0;
      for (int step = 0; step < n; ++step) {
        INFO("step " << step << " of " << n << " on " << backend_name(*exec));
        const double after = consensus_distance(mixing.run());
        ratio = after / before;
        CHECK(ratio <= contraction * (1 + 1e-5));
        before = after;
      }
      CHECK(ratio >= 0.7 * contraction);
    }
}

TEST_CASE("rules that clip or leave out nothing are plain gossip", "[gossip]") {
  for (const auto& exec : test_backends())
    for (const std::string graph : {"ring", "complete", "hub-cliques", "epidemic(peers=3)"}) {
      INFO(graph << " on " << backend_name(*exec));
      const FloatMatrix start = vectors(11);
      const auto after = [&](const std::string& defense) {
        return Mixing(*exec, graph, "", defense, 11, 0, start).run(4);
      };
      const FloatMatrix plain = after("gossip-average");
      CHECK(relative_error(plain, start) > 0.1);
      for (const auto* rule : {"self-centered-clipping(tau=1e9)", "nearest-neighbors", "clipped-sum-plus",
                               "self-centered-clipping(tau=oracle)"})
        CHECK(relative_error(after(rule), plain) <= 2e-6);
    }
}

TEST_CASE("everybody on a complete graph makes of all vectors what a server would", "[gossip]") {
  const int n = 10, f = 2;
  const FloatMatrix good = vectors(n - f, 8);
  for (const auto& exec : test_backends())
    for (const std::string attack : {"sign-inversion", "alie", "ipm(epsilon=3)"}) {
      const std::vector<float> sent = [&] {
        FloatMatrix rows = good;
        rows.resize(n, std::vector<float>(width));
        return attack_rows(*exec, attack, "", f, n, width, flat(rows).data());
      }();
      FloatMatrix inbox = good;
      for (int b = 0; b < f; ++b) inbox.emplace_back(sent.begin() + b * width, sent.begin() + (b + 1) * width);
      for (const std::string defense : {"mean", "median", "trimmed-mean", "krum", "rfa", "nnm | multi-krum"})
        for (const auto placement : {Placement::last, Placement::spread}) {
          INFO(attack << ", " << defense << " on " << backend_name(*exec));
          const FloatMatrix want = aggregate(*exec, defense, inbox, f);
          for (const auto& got : Mixing(*exec, "complete", attack, defense, n, f, good, placement).run())
            CHECK(relative_error({got}, want) <= 1e-5);
        }
    }
}

TEST_CASE("dissensus of strength one holds who hears it where it is under plain gossip", "[gossip][attacks]") {
  struct Place {
    const char* graph;
    int n, f;
  };
  for (const auto& exec : test_backends())
    for (const Place& place :
         {Place{"ring-majority", 15, 10}, {"dumbbell", 12, 4}, {"ring", 9, 2}, {"complete", 7, 2}}) {
      INFO(place.graph << " on " << backend_name(*exec));
      const FloatMatrix start = vectors(place.n - place.f);
      Mixing mixing(*exec, place.graph, "dissensus(epsilon=1)", "gossip-average", place.n, place.f, start);
      const FloatMatrix after = mixing.run();
      const std::vector<int> node = workers_to_nodes(mixing.graph());
      int held = 0;
      for (std::size_t w = 0; w < after.size(); ++w) {
        bool hears = false;
        for (const int j : mixing.graph().neighbors[static_cast<std::size_t>(node[w])])
          hears = hears || mixing.graph().byzantine[static_cast<std::size_t>(j)];
        const double moved = relative_error({after[w]}, FloatMatrix{start[w]});
        held += hears;
        if (hears)
          CHECK(moved <= 1e-5);
        else
          CHECK(moved > 0.05);
      }
      CHECK(held > 0);
    }
}

TEST_CASE("plain gossip gives Byzantine messages the weight of their edges", "[gossip]") {
  struct Place {
    const char* graph;
    int n, f;
  };
  for (const auto& exec : test_backends())
    for (const Place& place : {Place{"ring", 9, 2},
                               {"complete", 10, 3},
                               {"dumbbell", 12, 4},
                               {"ring-majority", 9, 6},
                               {"hub-cliques", 9, 2}}) {
      INFO(place.graph << " on " << backend_name(*exec));
      const FloatMatrix start = vectors(place.n - place.f);
      Mixing mixing(*exec, place.graph, "sign-inversion", "gossip-average", place.n, place.f, start);
      mixing.run();
      const Graph& graph = mixing.graph();
      double weight = 0;
      for (int i = 0; i < graph.nodes; ++i)
        for (int j = 0; j < graph.nodes; ++j)
          if (!graph.byzantine[static_cast<std::size_t>(i)] && graph.byzantine[static_cast<std::size_t>(j)])
            weight += graph.weight(i, j) / graph.good();
      CHECK(mixing.observe("byzantine_weight") == Approx(weight));
    }
}

TEST_CASE("in an epidemic every node hears that many others, any of them alike, and new ones in every step",
          "[gossip]") {
  const int n = 9, peers = 3, rounds = 150;
  FloatMatrix unit(n, std::vector<float>(n));
  for (int i = 0; i < n; ++i) unit[i][i] = 1;  // so that a vector tells who was heard
  for (const auto& exec : test_backends()) {
    INFO(backend_name(*exec));
    Mixing mixing(*exec, "epidemic(peers=3)", "", "gossip-average", n, 0, unit);
    std::vector<FloatMatrix> seen;
    FloatMatrix heard(n, std::vector<float>(n));
    for (int t = 0; t < rounds; ++t)
      for (int step = 0; step < 2; ++step) {
        mixing.enter_round(t);
        mixing.restart(unit);
        seen.push_back(mixing.run_step(step));
        for (int i = 0; i < n; ++i) {
          int others = 0;
          for (int j = 0; j < n; ++j) {
            const bool is_heard = seen.back()[i][j] > 0;
            if (is_heard) CHECK(seen.back()[i][j] == 0.25F);
            if (is_heard && i != j) ++others, heard[i][j] += 1;
          }
          CHECK(seen.back()[i][i] > 0);
          CHECK(others == peers);
        }
      }
    // 300 draws with chance 3/8: 112 on average, with a deviation of 8.
    for (int i = 0; i < n; ++i)
      for (int j = 0; j < n; ++j)
        if (i != j) CHECK((heard[i][j] > 72 && heard[i][j] < 152));
    for (std::size_t k = 1; k < seen.size(); ++k) CHECK(seen[k] != seen[k - 1]);
    mixing.enter_round(7);
    mixing.restart(unit);
    CHECK(mixing.run_step(1) == seen[15]);  // the same again
  }
}

/// Whom a peer hears in an epidemic, in ascending order: Knuth's algorithm S, written from its definition.
std::vector<int> heard_by(int receiver, int nodes, int peers, int round, int step) {
  std::vector<int> result;
  for (int other = 0, left = nodes - 1; other < nodes - 1; ++other, --left) {
    const Random random(0, ProtocolDraw::peers, static_cast<std::uint32_t>(receiver), static_cast<std::uint32_t>(round),
                        static_cast<std::uint32_t>(step * nodes + other));
    const int wanted = peers - static_cast<int>(result.size());
    if (wanted > 0 && random.below(static_cast<std::uint32_t>(left)) < static_cast<std::uint32_t>(wanted))
      result.push_back(other < receiver ? other : other + 1);
  }
  return result;
}

TEST_CASE("in an epidemic rules that keep rows of their own aggregate what is drawn, in every step", "[gossip]") {
  struct Same {
    const char *rule, *as;
  };
  const int n = 8, peers = 3;
  for (const auto& exec : test_backends())
    for (const Same& rule : {Same{"mean", "mean"},
                             {"centered-clipping(tau=1e9)", "mean"},
                             {"centered-clipping(tau=2, stateless=true)", "centered-clipping(tau=2, stateless=true)"},
                             {"aksel", "aksel"},
                             {"median | ctma", "median | ctma"},
                             {"nnm | rfa", "nnm | rfa"}}) {
      FloatMatrix held = vectors(n);
      Mixing mixing(*exec, "epidemic(peers=3)", "", rule.rule, n, 0, held);
      for (int t = 0; t < 3; ++t)
        for (int step = 0; step < 2; ++step) {
          INFO(rule.rule << ", round " << t << ", step " << step << " on " << backend_name(*exec));
          FloatMatrix want;
          for (int i = 0; i < n; ++i) {
            FloatMatrix inbox = {held[static_cast<std::size_t>(i)]};
            for (const int j : heard_by(i, n, peers, t, step)) inbox.push_back(held[static_cast<std::size_t>(j)]);
            want.push_back(aggregate(*exec, rule.as, inbox, 0)[0]);
          }
          mixing.enter_round(t);
          held = mixing.run_step(step);
          CHECK(relative_error(held, want) <= 1e-5);
        }
    }
}

TEST_CASE("in an epidemic a defense is told of as many Byzantine peers as local says", "[gossip]") {
  const int n = 10, f = 3;
  for (const auto& exec : test_backends()) {
    INFO(backend_name(*exec));
    const FloatMatrix start = vectors(n - f);
    const auto after = [&](const std::string& defense, int told) {
      return Mixing(*exec, "epidemic(peers=4)", "sign-inversion", defense, n, f, start, Placement::last, told).run(3);
    };
    const FloatMatrix plain = after("gossip-average", -1);
    CHECK(relative_error(after("nearest-neighbors", 0), plain) <= 2e-6);
    CHECK(relative_error(after("nearest-neighbors", 1), plain) > 1e-2);
    CHECK(relative_error(after("nearest-neighbors", -1), plain) > 1e-2);
  }
}

TEST_CASE("a delayed message is the one of some rounds ago, in all exchanges of a round", "[gossip][attacks]") {
  const int n = 9, f = 2, delay = 2;
  for (const auto& exec : test_backends()) {
    std::vector<FloatMatrix> own;
    Mixing mixing(*exec, "complete", "delayed(rounds=2)", "mean", n, f, vectors(n));
    for (int t = 0; t < 5; ++t) {
      INFO("round " << t << " on " << backend_name(*exec));
      const FloatMatrix start = vectors(n, static_cast<unsigned>(40 + t));
      own.emplace_back(start.end() - f, start.end());
      FloatMatrix want(start.begin(), start.end() - f);
      mixing.restart(start);
      mixing.enter_round(t);
      for (int step = 0; step < 2; ++step) {
        FloatMatrix inbox = want;
        for (const auto& row : own[static_cast<std::size_t>(t < delay ? t : t - delay)]) inbox.push_back(row);
        want = FloatMatrix(want.size(), aggregate(*exec, "mean", inbox, 0)[0]);
        FloatMatrix got = mixing.run_step(step);
        got.resize(want.size());
        CHECK(relative_error(got, want) <= 1e-5);
      }
    }
  }
}

TEST_CASE("a node on its own trains as under a server, without whom it would be alone", "[gossip][simulation]") {
  for (const auto& exec : test_backends()) {
    const auto course = [&](const std::string& protocol, const std::string& defense) {
      std::vector<double> losses;
      const Cell cell = cell_under(protocol, "none", defense, 1, 0);
      const CellResult result = simulate(*exec, {cell}).front();
      for (const auto& evaluation : result.evaluations) losses.push_back(evaluation["test_loss"]);
      return losses;
    };
    const std::vector<double> want = course("server", "mean");
    CHECK(want.front() > want.back());
    for (const std::string graph : {"ring", "complete", "star"})
      for (const std::string defense : {"gossip-average", "mean", "self-centered-clipping", "median"}) {
        INFO(graph << ", " << defense << " on " << backend_name(*exec));
        CHECK(course("gossip(graph=" + graph + ")", defense) == want);
      }
    CHECK(course("agreement", "mean") == want);
  }
}

TEST_CASE("cohorts count the messages of who tells every client something else", "[agreement][simulation]") {
  const int n = 10, f = 3;
  const auto bytes = [&](const std::string& attack) {
    const Cell cell = with_parts(cell_under("agreement", attack, "mean", n, f));
    return bytes_per_cell(cell, *load_dataset(cell.dataset, "", 0, n - f));
  };
  const std::size_t row = sizeof(float) * padded(128);
  CHECK(bytes("alie(equivocation=mirror)") == bytes("alie"));
  CHECK(bytes("alie(equivocation=extremes)") - bytes("alie") == 2 * (n - f) * row);
  CHECK(bytes("alie(equivocation=spread)") - bytes("alie") == 2 * (n - f) * f * row);
}

TEST_CASE("as many as 64 peers gossip and agree", "[gossip][agreement][simulation]") {
  for (const auto& exec : test_backends())
    for (const int n : {10, 30, 64})
      for (const std::string protocol :
           {"gossip(graph=ring)", "gossip(graph=complete)", "gossip(graph=epidemic(peers=5))", "agreement(rounds=2)"}) {
        if (emulated && n > 10) continue;
        INFO(protocol << " of " << n << " on " << backend_name(*exec));
        Cell cell = cell_under(protocol, "sign-flip", "trimmed-mean", n, n / 10);
        cell.rounds = 4;
        const CellResult result = simulate(*exec, {cell}).front();
        CHECK(result.status == CellStatus::ok);
        CHECK(result.evaluations.front()["test_loss"] > result.evaluations.back()["test_loss"]);
      }
}

}  // namespace
}  // namespace gauntlet
