// SPDX-License-Identifier: Apache-2.0
#include "kernels/protocols/gossip_step.cuh"

#include <algorithm>
#include <functional>
#include <map>
#include <numeric>
#include <tuple>

#include "kernels/protocols/rows.cuh"

namespace gauntlet {

namespace {

/// Peers that all have the same neighbors, counting themselves.
struct Site {
  std::vector<int> honest, byzantine;  ///< whose vectors they see as they are, and who sends them what it likes
  std::vector<int> receivers;          ///< places among `honest`
  InboxSize inbox;                     ///< what the defense is told
};

/// The graph in the workers' numbers.
class Surroundings {
 public:
  Surroundings(const Graph& graph, int told) : graph_(graph), told_(told), node_(workers_to_nodes(graph)) {
    worker_.resize(node_.size());
    for (std::size_t w = 0; w < node_.size(); ++w) worker_[static_cast<std::size_t>(node_[w])] = static_cast<int>(w);
  }

  /// Ascending, without itself.
  std::vector<int> neighbors(int worker) const {
    std::vector<int> all;
    for (const int node : graph_.neighbors[static_cast<std::size_t>(node_[static_cast<std::size_t>(worker)])])
      all.push_back(worker_[static_cast<std::size_t>(node)]);
    std::sort(all.begin(), all.end());
    return all;
  }
  double weight(int i, int j) const {
    return graph_.weight(node_[static_cast<std::size_t>(i)], node_[static_cast<std::size_t>(j)]);
  }
  int byzantine_neighbors(int worker) const {
    const std::vector<int> all = neighbors(worker);
    return static_cast<int>(std::count_if(all.begin(), all.end(), [&](int w) { return w >= graph_.good(); }));
  }
  InboxSize inbox(int worker) const {
    const int degree = static_cast<int>(neighbors(worker).size());
    return {degree + 1, std::min(told_ < 0 ? byzantine_neighbors(worker) : told_, degree / 2)};
  }
  /// What the Byzantine neighbors weigh; where they are a number only, the heaviest neighbors.
  double told_weight(int worker) const {
    const std::vector<int> all = neighbors(worker);
    std::vector<double> weights;
    for (const int w : all)
      if (told_ >= 0 || w >= graph_.good()) weights.push_back(weight(worker, w));
    std::sort(weights.begin(), weights.end(), std::greater<>());
    if (told_ >= 0) weights.resize(std::min(weights.size(), static_cast<std::size_t>(told_)));
    return std::accumulate(weights.begin(), weights.end(), 0.0);
  }

  /// The sites of all who hold a vector. With `each`, every peer is one by itself.
  std::vector<Site> sites(bool own, bool each) const {
    std::vector<Site> all;
    for (int w = 0; w < (own ? graph_.nodes : graph_.good()); ++w) {
      std::vector<int> closed = neighbors(w);
      closed.insert(std::lower_bound(closed.begin(), closed.end(), w), w);
      Site site;
      const bool is_honest = w < graph_.good();
      for (const int j : closed) (j < graph_.good() || !is_honest ? site.honest : site.byzantine).push_back(j);
      const auto place = std::find(site.honest.begin(), site.honest.end(), w) - site.honest.begin();
      site.inbox = inbox(w);
      const auto same = std::find_if(all.begin(), all.end(), [&](const Site& known) {
        return known.honest == site.honest && known.byzantine == site.byzantine && known.inbox.f == site.inbox.f;
      });
      if (each || same == all.end()) {
        site.receivers = {static_cast<int>(place)};
        all.push_back(site);
      } else {
        same->receivers.push_back(static_cast<int>(place));
      }
    }
    return all;
  }

 private:
  const Graph& graph_;
  int told_;
  std::vector<int> node_, worker_;
};

constexpr const char* at_a_node = " around one node";

class WithNeighbors final : public GossipStep {
 public:
  WithNeighbors(Exec& exec, const Peers& peers)
      : exec_(exec),
        peers_(peers),
        around_(peers_.graph, peers.told),
        next_(exec, static_cast<std::int64_t>(peers.vectors.size()), peers.d) {
    const std::vector<Site> sites = around_.sites(peers.own, !peers.sent.empty());
    std::vector<std::tuple<std::size_t, std::size_t, std::size_t, int>> keys;
    for (const Site& site : sites)
      keys.emplace_back(site.honest.size(), site.byzantine.size(), site.receivers.size(), site.inbox.f);
    for (const std::vector<int>& of : groups_of(keys)) {
      std::vector<Site> alike;
      for (const int s : of) alike.push_back(sites[static_cast<std::size_t>(s)]);
      add(alike);
    }
    std::vector<float*> from, to;
    for (const auto& stage : stages_) from.insert(from.end(), stage.made.begin(), stage.made.end());
    for (const auto& stage : stages_) to.insert(to.end(), stage.moved.begin(), stage.moved.end());
    take_ = {exec, from, to};
  }

  void run(int step) override {
    for (const auto& stage : stages_) {
      if (stage.adversary) stage.adversary->act(step);
      stage.aggregators->run();
    }
    take_.run(exec_, peers_.d);
  }

  std::vector<Observations> observe() const override {
    std::vector<double> share(peers_.cells.size(), 0);
    bool any = false;
    for (const auto& stage : stages_) {
      if (!stage.adversary) continue;
      const std::vector<Observations> seen = stage.aggregators->observe();
      for (std::size_t i = 0; i < seen.size(); ++i) {
        const auto found = seen[i].find("byzantine_weight");
        if (found != seen[i].end()) any = true, share[i / stage.sites] += found->second[0] * stage.receivers;
      }
    }
    std::vector<Observations> all(peers_.cells.size());
    for (std::size_t c = 0; any && c < all.size(); ++c) all[c]["byzantine_weight"] = {share[c] / peers_.honest()};
    return all;
  }

 private:
  struct Stage {
    std::size_t sites;  ///< of each cell
    int receivers;      ///< of each site
    std::vector<float*> made, moved;
    std::unique_ptr<Aggregators> aggregators;
    std::unique_ptr<Adversary> adversary;
  };

  float*& at(std::vector<float*>& rows, std::size_t cell, int worker) {
    return rows[cell * static_cast<std::size_t>(peers_.holders()) + static_cast<std::size_t>(worker)];
  }

  /// Sites of one size, of all cells.
  void add(const std::vector<Site>& sites) {
    const Site& first = sites.front();
    const int byzantine = static_cast<int>(first.byzantine.size());
    Stage stage{sites.size(), static_cast<int>(first.receivers.size()), {}, {}, nullptr, nullptr};
    Wiring wiring;
    wiring.n = static_cast<int>(first.honest.size()) + byzantine;
    wiring.f = peers_.sent.empty() ? byzantine : 0;
    wiring.own = peers_.own || wiring.f == 0;
    wiring.views = stage.receivers;
    wiring.d = peers_.d, wiring.round = peers_.round;
    std::vector<float*> next = next_.pointers();
    for (std::size_t c = 0; c < peers_.cells.size(); ++c)
      for (const Site& site : sites) {
        wiring.cells.push_back(match_at(peers_.cells[c], site.inbox, wiring.n, wiring.f));
        for (const int w : site.honest) wiring.computed.push_back(at(peers_.vectors, c, w));
        for (const int w : site.byzantine) add_byzantine(wiring, c, site, w);
        for (const int place : site.receivers) {
          const int self = site.honest[static_cast<std::size_t>(place)];
          wiring.receivers.push_back(place);
          wiring.told.push_back(around_.told_weight(self));
          wiring.links.push_back(around_.weight(self, self));
          for (const auto& workers : {site.honest, site.byzantine})
            for (const int w : workers)
              if (w != self) wiring.links.push_back(around_.weight(self, w));
          if (wiring.cells.back().defense == nullptr && self < peers_.honest())
            throw UserError(unmet_need(peers_.cells[c].defense->texts(), site.inbox.n, site.inbox.f) +
                            " around one node");
          // A Byzantine peer whose neighbors are too few for the rule keeps what it has.
          stage.made.push_back(wiring.cells.back().defense ? at(next, c, self) : at(peers_.vectors, c, self));
          stage.moved.push_back(at(peers_.vectors, c, self));
          wiring.aggregates.push_back(at(next, c, self));
        }
      }
    stage.aggregators = std::make_unique<Aggregators>(exec_, wiring);
    if (wiring.f > 0) stage.adversary = std::make_unique<Adversary>(exec_, wiring, *stage.aggregators);
    const int honest = wiring.n - byzantine;
    if (wiring.f == 0 && byzantine > 0)
      for (std::size_t c = 0; c < wiring.cells.size(); ++c)
        for (int v = 0; v < wiring.views; ++v)
          copy_to(exec_, stage.aggregators->inbox(c).honest + v, &honest, sizeof honest);
    stages_.push_back(std::move(stage));
  }

  void add_byzantine(Wiring& wiring, std::size_t cell, const Site& site, int worker) {
    const int f = peers_.nodes() - peers_.honest(), b = worker - peers_.honest();
    if (!peers_.sent.empty()) {
      const int self = site.honest[static_cast<std::size_t>(site.receivers.front())];
      wiring.computed.push_back(
          peers_.sent[(cell * static_cast<std::size_t>(peers_.honest()) + static_cast<std::size_t>(self)) *
                          static_cast<std::size_t>(f) +
                      static_cast<std::size_t>(b)]);
    } else if (peers_.own) {
      wiring.computed.push_back(at(peers_.vectors, cell, worker));
    }
  }

  Match match_at(const Match& match, const InboxSize& inbox, int n, int f) {
    Match here = match;
    auto& defense = defenses_[{match.defense.get(), inbox.n, inbox.f}];
    if (defense == nullptr && unmet_need(match.defense->texts(), inbox.n, inbox.f).empty())
      defense = match.defense->for_inbox(inbox.n, inbox.f);
    here.defense = defense;
    here.attack = nullptr;
    if (f == 0 || match.attack == nullptr) return here;
    auto& attack = attacks_[{match.attack_label, n, f}];
    if (attack == nullptr) attack = make_attack(match.attack_label, n, f, at_a_node);
    here.attack = attack;
    return here;
  }

  Exec& exec_;
  Peers peers_;
  Surroundings around_;
  RowStore next_;
  RowCopies take_;
  std::vector<Stage> stages_;
  std::map<std::tuple<const Pipeline*, int, int>, std::shared_ptr<const Pipeline>> defenses_;
  std::map<std::tuple<std::string, int, int>, std::shared_ptr<const Attack>> attacks_;
};

}  // namespace

GossipOptions::GossipOptions(const Arguments& a)
    : graph(parse_component(a.word("graph"))),
      weights(a.is("weights", "uniform") ? GraphWeights::uniform : GraphWeights::metropolis),
      placement(a.is("placement", "spread") ? Placement::spread : Placement::last),
      mixing(a.count("mixing")),
      told(a.is("local", "true") ? -1 : a.count("local")) {}

std::vector<InboxSize> inbox_sizes(const Graph& graph, int told) {
  if (graph.drawn_peers > 0) {
    const int byzantine = graph.nodes - graph.good(), most = graph.drawn_peers / 2;
    return {{graph.drawn_peers + 1, std::min(told < 0 ? byzantine : told, most)}};
  }
  std::map<std::pair<int, int>, InboxSize, std::greater<>> sizes;
  const Surroundings around(graph, told);
  for (int w = 0; w < graph.good(); ++w) {
    const InboxSize size = around.inbox(w);
    sizes.emplace(std::pair(size.n, size.f), size);
  }
  std::vector<InboxSize> all;
  for (const auto& [key, size] : sizes) all.push_back(size);
  return all;
}

std::string unmet_attack(const std::string& attack, const Graph& graph) {
  if (graph.drawn_peers > 0) return {};
  try {
    for (const Site& site : Surroundings(graph, -1).sites(false, false))
      if (const auto f = static_cast<int>(site.byzantine.size()); f > 0)
        make_attack(attack, static_cast<int>(site.honest.size()) + f, f, at_a_node);
  } catch (const UserError& error) {
    return error.what();
  }
  return {};
}

std::unique_ptr<GossipStep> gossip_with_neighbors(Exec& exec, const Peers& peers) {
  return std::make_unique<WithNeighbors>(exec, peers);
}

}  // namespace gauntlet
