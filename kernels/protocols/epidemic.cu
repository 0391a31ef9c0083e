// SPDX-License-Identifier: Apache-2.0
#include <map>
#include <stdexcept>

#include "kernels/protocols/gossip_step.cuh"
#include "kernels/protocols/rows.cuh"

namespace gauntlet {

namespace {

/// Every receiver draws `peers` others, whose rows it hears; its own comes first, the honest before the Byzantine.
struct DrawPeers {
  const std::uint64_t* seeds;  ///< [cells]
  const int* round;
  int step, receivers, nodes, honest, peers, told_of;
  const float* const* vectors;  ///< [cells][receivers]
  const float* const* sent;     ///< [cells][f]: what Byzantine peers send to honest ones
  const float** rows;           ///< [cells][receivers][1 + peers], to be written, as the next
  double* const* told;          ///< [cells][receivers]
  int* const* known;

  GAUNTLET_HD void operator()(std::int64_t index) const {
    const int receiver = static_cast<int>(index % receivers), cell = static_cast<int>(index / receivers);
    const float** out = rows + index * (1 + peers);
    const bool is_honest = receiver < honest;
    out[0] = vectors[index];
    int good = 1, drawn = 0;
    // A sample of the n − 1 others in ascending order: each is taken with the chance of what is still to be taken among
    // those left (Knuth's algorithm S).
    for (int other = 0; other < nodes - 1 && drawn < peers; ++other) {
      const Random random(seeds[cell], ProtocolDraw::peers, static_cast<std::uint32_t>(receiver),
                          static_cast<std::uint32_t>(*round), static_cast<std::uint32_t>(step * nodes + other));
      if (random.below(static_cast<std::uint32_t>(nodes - 1 - other)) >= static_cast<std::uint32_t>(peers - drawn))
        continue;
      const int peer = other < receiver ? other : other + 1;
      ++drawn;
      if (peer < honest) ++good;
      out[drawn] = peer < honest || !is_honest ? vectors[std::int64_t{cell} * receivers + peer]
                                               : sent[std::int64_t{cell} * (nodes - honest) + peer - honest];
    }
    const int byzantine = told_of < 0 ? 1 + peers - good : told_of < peers ? told_of : peers;
    *told[index] = static_cast<double>(byzantine) / (1 + peers);
    *known[index] = good;
  }
};

/// The Byzantine rows of a cell's mixing, one after the other for all cells.
struct TakeByzantine {
  const double* const* mixing;  ///< [cells]: [n][m]
  int honest, f, m;
  double* out;  ///< [cells][f][m]

  GAUNTLET_HD void operator()(std::int64_t index) const {
    const std::int64_t per_cell = std::int64_t{f} * m;
    out[index] = mixing[index / per_cell][std::int64_t{honest} * m + index % per_cell];
  }
};

class WithAnybody final : public GossipStep {
 public:
  WithAnybody(Exec& exec, const Peers& peers)
      : exec_(exec),
        d_(peers.d),
        cells_(static_cast<int>(peers.cells.size())),
        nodes_(peers.nodes()),
        honest_(peers.honest()),
        drawn_(peers.graph.drawn_peers),
        told_of_(peers.told),
        holders_(peers.holders()),
        round_(peers.round),
        next_(exec, static_cast<std::int64_t>(peers.vectors.size()), d_),
        sent_(exec, std::int64_t{cells_} * (nodes_ - honest_), d_) {
    answer(peers);
    listen(peers);
    take_ = {exec, next_.pointers(), peers.vectors};
  }

  void run(int step) override {
    if (adversary_) {
      adversary_->act(step);
      parallel_for(exec_, "byzantine mixing", static_cast<std::int64_t>(answers_.size()),
                   TakeByzantine{mixings_.data(), honest_, nodes_ - honest_, m_, answers_.data()});
      combine(exec_, {cells_ * (nodes_ - honest_), m_, d_, base_.data(), nodes_ - honest_}, answers_.data(), m_,
              sent_rows_.data());
    }
    parallel_for(exec_, "draw peers", std::int64_t{cells_} * holders_,
                 DrawPeers{seeds_.data(), round_, step, holders_, nodes_, honest_, drawn_, told_of_, vectors_.data(),
                           sent_table_.data(), rows_.data(), told_.data(), known_.data()});
    parallel_spans(exec_, "hear", static_cast<int>(rows_.size()), d_, CopyRows{rows_.data(), heard_table_.data()});
    listeners_->run();
    take_.run(exec_, d_);
  }

  std::vector<Observations> observe() const override {
    return std::vector<Observations>(static_cast<std::size_t>(cells_));
  }

 private:
  /// What Byzantine peers send: an attack on all honest vectors, whose messages are written out.
  void answer(const Peers& peers) {
    const std::vector<float*> sent = sent_.pointers();
    sent_rows_ = Array<float*>(exec_, sent);
    sent_table_ = Array<const float*>(exec_, std::vector<const float*>(sent.begin(), sent.end()));
    if (nodes_ == honest_) return;
    Wiring wiring;
    wiring.cells = peers.cells;
    for (Match& match : wiring.cells) match.defense = nullptr;
    wiring.n = nodes_, wiring.f = nodes_ - honest_, wiring.own = peers.own, wiring.d = d_, wiring.round = round_;
    wiring.computed = peers.vectors;
    for (std::size_t c = 0; c < peers.cells.size(); ++c)
      wiring.aggregates.push_back(next_.row(static_cast<std::int64_t>(c) * holders_));
    speakers_ = std::make_unique<Aggregators>(exec_, wiring);
    adversary_ = std::make_unique<Adversary>(exec_, wiring, *speakers_);
    std::vector<const double*> mixings;
    std::vector<const float*> base;
    for (std::size_t c = 0; c < peers.cells.size(); ++c) {
      const Aggregators::Inbox& inbox = speakers_->inbox(c);
      if (c > 0 && inbox.base.size() != static_cast<std::size_t>(m_))
        throw std::logic_error("cells with other attacks are steps of their own");
      m_ = static_cast<int>(inbox.base.size());
      mixings.push_back(inbox.mixing);
      base.insert(base.end(), inbox.base.begin(), inbox.base.end());
    }
    mixings_ = Array<const double*>(exec_, mixings);
    base_ = Array<const float*>(exec_, base);
    answers_ = Array<double>(exec_, static_cast<std::size_t>(cells_) * (nodes_ - honest_) * m_);
  }

  /// The inboxes. What they hear is copied, since a defense may look its rows up once and for all.
  void listen(const Peers& peers) {
    const InboxSize size = inbox_sizes(peers.graph, peers.told).front();
    Wiring wiring;
    wiring.n = 1 + drawn_, wiring.f = 0, wiring.own = true, wiring.d = d_, wiring.round = round_;
    std::vector<std::uint64_t> seeds;
    std::map<const Pipeline*, std::shared_ptr<const Pipeline>> defenses;
    for (std::size_t c = 0; c < peers.cells.size(); ++c) {
      const Match& match = peers.cells[c];
      auto& defense = defenses[match.defense.get()];
      if (defense == nullptr) defense = match.defense->for_inbox(size.n, size.f);
      seeds.push_back(match.seed);
      for (int r = 0; r < holders_; ++r) {
        wiring.cells.push_back({nullptr, defense, match.seed, {}, match.defense_label});
        wiring.links.insert(wiring.links.end(), static_cast<std::size_t>(wiring.n), 1.0 / wiring.n);
        wiring.told.push_back(0);
        wiring.receivers.push_back(0);
      }
    }
    wiring.aggregates = next_.pointers();
    heard_ = RowStore(exec_, static_cast<std::int64_t>(wiring.cells.size()) * wiring.n, d_);
    wiring.computed = heard_.pointers();
    heard_table_ = Array<float*>(exec_, wiring.computed);
    listeners_ = std::make_unique<Aggregators>(exec_, wiring);
    std::vector<double*> told;
    std::vector<int*> known;
    for (std::size_t i = 0; i < wiring.cells.size(); ++i) {
      const Aggregators::Inbox& inbox = listeners_->inbox(i);
      told.push_back(inbox.told), known.push_back(inbox.honest);
    }
    seeds_ = Array<std::uint64_t>(exec_, seeds);
    vectors_ = Array<const float*>(exec_, std::vector<const float*>(peers.vectors.begin(), peers.vectors.end()));
    rows_ = Array<const float*>(exec_, wiring.computed.size());
    told_ = Array<double*>(exec_, told);
    known_ = Array<int*>(exec_, known);
  }

  Exec& exec_;
  std::int64_t d_;
  int cells_, nodes_, honest_, drawn_, told_of_, holders_, m_ = 0;
  const int* round_;
  RowStore next_, sent_;
  RowCopies take_;
  std::unique_ptr<Aggregators> speakers_, listeners_;
  std::unique_ptr<Adversary> adversary_;
  Array<const double*> mixings_;
  Array<double> answers_;
  Array<float*> sent_rows_;
  Array<const float*> base_, sent_table_, vectors_;
  Array<std::uint64_t> seeds_;
  RowStore heard_;
  Array<float*> heard_table_;
  Array<const float*> rows_;
  Array<double*> told_;
  Array<int*> known_;
};

}  // namespace

std::unique_ptr<GossipStep> gossip_with_anybody(Exec& exec, const Peers& peers) {
  return std::make_unique<WithAnybody>(exec, peers);
}

}  // namespace gauntlet
