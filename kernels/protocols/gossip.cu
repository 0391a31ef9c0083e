// SPDX-License-Identifier: Apache-2.0
#include "kernels/protocols/extent.cuh"
#include "kernels/protocols/gossip_step.cuh"

namespace gauntlet {
namespace {

class Gossip final : public Protocol {
 public:
  explicit Gossip(GossipOptions options) : options_(std::move(options)) {}

  Shape shape(int n, int f, bool own) const override { return {own ? n : n - f, own ? 2 * n : 2 * (n - f)}; }
  std::string unmet_workers(int n, int f) const override {
    return unmet_graph(options_.graph, options_.placement, n, f);
  }
  std::vector<InboxSize> inboxes(int n, int f, int) const override {
    return inbox_sizes(graph_of(n, f), options_.told);
  }

  std::string unmet(const Match& match, int n, int f) const override {
    const Pipeline& defense = *match.defense;
    if (defense.trusted_batch() > 0) return "the defense trusts a message that a server computes: protocol server";
    if (defense.follows_model()) return "the defense looks at the one model that a server moves: protocol server";
    if (defense.needs_neighborhood() && !defense.stages().front()->needs_neighborhood())
      return "the defense weighs the neighbors' own messages, not what a pre-aggregator makes of them";
    const Graph graph = graph_of(n, f);
    if (graph.drawn_peers > 0 && defense.remembers_workers())
      return "the defense remembers every worker by itself; under epidemic others are heard each round";
    if (match.attack == nullptr) return {};
    for (const std::string& reason : {unmet_misconduct(*match.attack), unmet_conduct(*match.attack)})
      if (!reason.empty()) return reason;
    if (graph.drawn_peers > 0 && match.attack->meets_receivers())
      return "the attack is on receivers whose neighbors stay; under epidemic they are drawn anew";
    if (graph.drawn_peers > 0 && match.attack->knows_defense())
      return "the attack tries out a defense on an inbox; under epidemic it is drawn anew";
    return unmet_attack(match.attack_label, graph);
  }

  std::unique_ptr<BoundProtocol> bind(Exec& exec, const Wiring& wiring) const override {
    return std::make_unique<Bound>(exec, wiring, graph_of(wiring.n, wiring.f), options_);
  }

 private:
  /// Every model moves by its own worker's message, and then mixes with those around it.
  struct Bound final : BoundProtocol {
    Bound(Exec& exec_, const Wiring& wiring_, const Graph& graph, const GossipOptions& options)
        : exec(exec_), wiring(wiring_), mixing(options.mixing) {
      Peers peers;
      peers.graph = graph, peers.told = options.told;
      peers.own = wiring.own && wiring.f > 0;
      peers.d = wiring.d, peers.round = wiring.round;
      if (graph.drawn_peers == 0) {
        for (std::size_t c = 0; c < wiring.cells.size(); ++c) add(peers, c);
        steps.push_back(gossip_with_neighbors(exec, peers));
        of_step.push_back(all_cells());
        return;
      }
      std::vector<std::string> attacks;
      for (const Match& match : wiring.cells) attacks.push_back(match.attack ? match.attack_label : "");
      for (const std::vector<int>& cells : groups_of(attacks)) {
        peers.cells.clear(), peers.vectors.clear();
        for (const int c : cells) add(peers, static_cast<std::size_t>(c));
        steps.push_back(gossip_with_anybody(exec, peers));
        of_step.push_back(cells);
      }
    }

    void add(Peers& peers, std::size_t cell) const {
      const std::vector<float*> models = part_of(wiring.models, cell, wiring.cells.size());
      peers.cells.push_back(wiring.cells[cell]);
      peers.vectors.insert(peers.vectors.end(), models.begin(), models.begin() + peers.holders());
    }

    std::vector<int> all_cells() const {
      std::vector<int> all;
      for (std::size_t c = 0; c < wiring.cells.size(); ++c) all.push_back(static_cast<int>(c));
      return all;
    }

    void exchange(int) override {}
    std::vector<float*> aggregates() const override { return wiring.computed; }

    void moved(int) override {
      for (int step = 0; step < mixing; ++step)
        for (const auto& each : steps) each->run(step);
    }

    std::vector<Observations> observe() const override {
      const std::size_t count = wiring.cells.size();
      std::vector<Observations> all(count);
      for (std::size_t s = 0; s < steps.size(); ++s) {
        const std::vector<Observations> seen = steps[s]->observe();
        for (std::size_t i = 0; i < seen.size(); ++i) all[static_cast<std::size_t>(of_step[s][i])] = seen[i];
      }
      std::vector<std::vector<const float*>> models;
      for (std::size_t c = 0; c < count; ++c) {
        const std::vector<float*> own = part_of(wiring.models, c, count);
        models.emplace_back(own.begin(), own.begin() + wiring.honest());
      }
      const std::vector<Extent> extent = extents(exec, models, wiring.d);
      for (std::size_t c = 0; c < count; ++c) all[c]["consensus_distance"] = {extent[c].variance};
      return all;
    }

    Exec& exec;
    Wiring wiring;
    int mixing;
    std::vector<std::unique_ptr<GossipStep>> steps;
    std::vector<std::vector<int>> of_step;  ///< its cells
  };

  Graph graph_of(int n, int f) const { return options_.graph_for(n, f); }

  GossipOptions options_;
};

const Registered<Protocol> gossip([](Entry<Protocol>& e) {
  e.name = "gossip";
  e.summary =
      "no server: every node of a graph has a model of its own, which makes a local step and then becomes what the "
      "defense makes of it and its neighbors' models";
  e.formula = "x_i <- x_i - lr message_i, then x_i <- aggregate(x_i; W_ij, x_j, j in N(i))";
  e.source =
      "He, Karimireddy, Jaggi, Byzantine-Robust Decentralized Learning via Self-Centered Clipping, arXiv 2202.01545";
  e.parameters = {
      text("graph", "ring", "`gauntlet list graphs`, with parameters: torus(rows=3, columns=4)"),
      word("weights", "metropolis", "metropolis: 1/(1 + max(deg_i, deg_j)); uniform: 1/(1 + deg_i)",
           {"metropolis", "uniform"}),
      word("placement", "last",
           "of the Byzantine nodes, where the graph has none of its own: the last f ids, or spread evenly",
           {"last", "spread"}),
      count("mixing", "1", "exchanges with the neighbors a round", 1, 1000),
      count("local", "true",
            "Byzantine neighbors that a defense is told of, in place of workers.declared; true: as many as there are",
            0, no_limit, {"true"}),
      count("rounds", "1", "of `gauntlet protocol` on given values; in training the spec says", 1, 1000000)};
  e.columns = {
      worst_accuracy_column(),
      mean_model_accuracy_column(),
      {"consensus_distance",
       "",
       "mean squared Euclidean distance of the honest models from their mean",
       {{"final_consensus_distance", Reduce::last}}},
  };
  e.make = [](const Arguments& a) {
    GossipOptions options(a);
    unmet_graph(options.graph, options.placement, a.n(), a.f());  // which says what is wrong with its parameters
    return std::make_unique<Gossip>(std::move(options));
  };
});

}  // namespace
}  // namespace gauntlet
