// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <tuple>

#include "kernels/protocols/adversary.cuh"
#include "kernels/protocols/aggregators.cuh"
#include "kernels/protocols/extent.cuh"
#include "kernels/protocols/rows.cuh"

namespace gauntlet {
namespace {

using Equivocation = Conduct::Equivocation;

/// What decides how a cell's clients hear of each other. Cells that differ in it are worked on apart.
struct Hearing {
  int receivers = 1;    ///< inboxes that may differ: client i has that of number i % receivers
  bool owned = false;   ///< the Byzantine clients' own vectors change, to what the defense makes of all own vectors
  bool apart = false;   ///< of `owned`: that is not what the honest clients get
  bool steady = false;  ///< one adversary and one defense for all sub-rounds, since they remember
  bool silent = false;
  bool settled = false;  ///< after one sub-round all hold one vector, and keep it

  bool operator==(const Hearing& b) const {
    return std::tie(receivers, owned, apart, steady, silent, settled) ==
           std::tie(b.receivers, b.owned, b.apart, b.steady, b.silent, b.settled);
  }
};

Hearing hearing_of(const Match& match, const Wiring& wiring, bool many) {
  Hearing hearing;
  hearing.steady = many && match.defense->remembers();
  const Attack* attack = match.attack.get();
  const auto settle = [&] {
    hearing.settled =
        hearing.receivers == 1 && !hearing.steady && match.defense->keeps_majority() && match.defense->f() >= wiring.f;
    hearing.owned &= !hearing.settled, hearing.apart &= !hearing.settled;
    return hearing;
  };
  if (attack == nullptr || wiring.f == 0) return settle();
  const Conduct& conduct = attack->conduct;
  hearing.silent = conduct.silence > 0;
  const bool each =
      hearing.silent || conduct.equivocation == Equivocation::spread || conduct.equivocation == Equivocation::extremes;
  const int honest = wiring.honest();
  hearing.receivers = each ? honest : conduct.equivocation == Equivocation::mirror ? std::min(2, honest) : 1;
  hearing.owned = many && wiring.own && !conduct.resend;
  hearing.apart = hearing.owned && !(attack->is_honest() && conduct.is_plain());
  hearing.steady |= many && attack->remembers();
  return settle();
}

/// Cells of one hearing. The first sub-round looks at the clients' messages. From then on clients with one inbox have
/// one vector, which is read once.
class Party {
 public:
  Party(Exec& exec, const Wiring& all, std::vector<int> cells, const Hearing& hearing, bool many)
      : exec_(exec), cells_(std::move(cells)), hearing_(hearing), f_(all.f), honest_(all.honest()), d_(all.d) {
    Wiring first = all;
    const std::size_t count = all.cells.size();
    first.cells.clear(), first.trusted.clear(), first.models.clear();
    for (const int c : cells_) first.cells.push_back(all.cells[static_cast<std::size_t>(c)]);
    first.computed = table(all.computed, count), first.absences = hearing.silent;
    first.own_views = hearing.apart;
    first.views = hearing.receivers + first.own_views;
    own_ = all.own ? f_ : 0;
    agreed_ = RowStore(exec, static_cast<std::int64_t>(cells_.size()) * first.views, d_);
    first.aggregates = agreed_.pointers();
    if (!many || hearing.settled) {
      start(first_, first);
      return;
    }
    next_ = RowStore(exec, agreed_.rows(), d_);
    Wiring later = first;
    later.aggregates = next_.pointers(), later.last_outputs = agreed_.pointers();
    later.computed = hearing.steady ? keep_vectors(first) : shared_vectors(first);
    if (!hearing.steady) start(first_, first);
    start(later_, later);
  }

  void exchange(int sub_rounds) {
    if (later_.aggregators == nullptr || (sub_rounds == 1 && !hearing_.steady)) return first_.run(0);
    if (hearing_.steady)
      begin_.run(exec_, d_);
    else
      first_.run(0);
    for (int s = hearing_.steady ? 0 : 1; s < sub_rounds; ++s) {
      later_.run(s);
      take_.run(exec_, d_);
    }
  }

  /// What the clients of cell i of the party hold after an exchange: the models' aggregates.
  std::vector<float*> results(std::size_t i, std::size_t models) {
    std::vector<float*> rows;
    for (int k = 0; k < honest_; ++k) rows.push_back(agreed(i, k % hearing_.receivers));
    rows.resize(models, agreed(i, own_view()));
    return rows;
  }

  /// After an exchange of so many sub-rounds.
  std::vector<Observations> observe(int sub_rounds) const {
    const bool went_on = later_.aggregators != nullptr && (sub_rounds > 1 || hearing_.steady);
    return (went_on ? later_ : first_).aggregators->observe();
  }
  const std::vector<int>& cells() const { return cells_; }

 private:
  /// Attack and defense on one set of rows.
  struct Stage {
    std::unique_ptr<Aggregators> aggregators;
    std::unique_ptr<Adversary> adversary;

    void run(int step) {
      adversary->act(step);
      aggregators->run();
    }
  };

  void start(Stage& stage, const Wiring& wiring) {
    stage.aggregators = std::make_unique<Aggregators>(exec_, wiring);
    stage.adversary = std::make_unique<Adversary>(exec_, wiring, *stage.aggregators);
  }

  std::vector<float*> table(const std::vector<float*>& of, std::size_t count) const {
    return gather_table<float*>(cells_, [&](std::size_t c) { return part_of(of, c, count); });
  }
  std::int64_t views() const { return hearing_.receivers + hearing_.apart; }
  float* agreed(std::size_t cell, int view) { return agreed_.row(static_cast<std::int64_t>(cell) * views() + view); }
  float* next(std::size_t cell, int view) { return next_.row(static_cast<std::int64_t>(cell) * views() + view); }
  int own_view() const { return hearing_.apart ? hearing_.receivers : 0; }

  /// The vectors of later sub-rounds: one for every inbox, and what the Byzantine clients hold.
  std::vector<float*> shared_vectors(const Wiring& first) {
    std::vector<float*> rows, from, to;
    for (std::size_t c = 0; c < cells_.size(); ++c) {
      const std::vector<float*> messages = part_of(first.computed, c, cells_.size());
      for (int k = 0; k < honest_; ++k) rows.push_back(agreed(c, k % hearing_.receivers));
      for (int b = 0; b < own_; ++b)
        rows.push_back(hearing_.owned ? agreed(c, own_view()) : messages[static_cast<std::size_t>(honest_ + b)]);
      for (int v = 0; v < views(); ++v) from.push_back(next(c, v)), to.push_back(agreed(c, v));
    }
    take_ = {exec_, from, to};
    return rows;
  }

  /// A row for every client, so that what looks at them in the first sub-round looks at the same rows ever after.
  std::vector<float*> keep_vectors(const Wiring& first) {
    vectors_ = RowStore(exec_, static_cast<std::int64_t>(first.computed.size()), d_);
    const std::vector<float*> rows = vectors_.pointers();
    begin_ = {exec_, first.computed, rows};
    std::vector<float*> from, to;
    for (std::size_t c = 0; c < cells_.size(); ++c) {
      const std::vector<float*> own = part_of(rows, c, cells_.size());
      for (int k = 0; k < honest_; ++k)
        from.push_back(next(c, k % hearing_.receivers)), to.push_back(own[static_cast<std::size_t>(k)]);
      for (int b = 0; b < own_ && hearing_.owned; ++b)
        from.push_back(next(c, own_view())), to.push_back(own[static_cast<std::size_t>(honest_ + b)]);
      for (int v = 0; v < views(); ++v) from.push_back(next(c, v)), to.push_back(agreed(c, v));
    }
    take_ = {exec_, from, to};
    return rows;
  }

  Exec& exec_;
  std::vector<int> cells_;
  Hearing hearing_;
  int f_, honest_, own_ = 0;
  std::int64_t d_;
  RowStore agreed_, next_, vectors_;
  RowCopies begin_, take_;
  Stage first_, later_;
};

/// max(1, ⌈log2(r + 1)⌉) for r = 1, 2, …
int logarithmic(int round) {
  int k = 1;
  while ((std::int64_t{1} << k) < std::int64_t{round} + 2) ++k;
  return k;
}

class Agreement final : public Protocol {
 public:
  explicit Agreement(int rounds) : rounds_(rounds) {}

  Shape shape(int n, int f, bool own) const override { return {own ? n : n - f, 4 * (own ? n : n - f)}; }

  std::string unmet(const Match& match, int n, int f) const override {
    const Pipeline& defense = *match.defense;
    const Attack* attack = match.attack.get();
    if (defense.trusted_batch() > 0) return "the defense trusts a message that a server computes: protocol server";
    if (defense.follows_model()) return "the defense looks at the one model that a server moves: protocol server";
    const bool elsewhere = defense.needs_neighborhood() ||
                           (attack != nullptr && (attack->meets_receivers() || !attack->misconduct.empty()));
    return elsewhere ? Protocol::unmet(match, n, f) : "";
  }

  std::unique_ptr<BoundProtocol> bind(Exec& exec, const Wiring& wiring) const override {
    return std::make_unique<Bound>(exec, wiring, rounds_);
  }

 private:
  struct Bound final : BoundProtocol {
    Bound(Exec& exec_, const Wiring& wiring_, int rounds_) : exec(exec_), wiring(wiring_), rounds(rounds_) {
      const std::size_t count = wiring.cells.size();
      std::vector<Hearing> keys;
      for (const Match& match : wiring.cells) keys.push_back(hearing_of(match, wiring, rounds != 1));
      for (const std::vector<int>& cells : groups_of(keys))
        parties.push_back(
            std::make_unique<Party>(exec, wiring, cells, keys[static_cast<std::size_t>(cells.front())], rounds != 1));
      const std::size_t models = static_cast<std::size_t>(wiring.views);
      results.resize(count * models);
      for (const auto& party : parties)
        for (std::size_t i = 0; i < party->cells().size(); ++i) {
          const auto rows = party->results(i, models);
          std::copy(rows.begin(), rows.end(),
                    results.begin() + static_cast<std::ptrdiff_t>(party->cells()[i] * wiring.views));
        }
      follow_models();
    }

    /// The Byzantine clients compute at the mean of the honest models.
    void follow_models() {
      if (!wiring.own || wiring.f == 0 || wiring.models.empty()) return;
      std::vector<const float*> from;
      std::vector<float*> to;
      for (std::size_t c = 0; c < wiring.cells.size(); ++c)
        for (int k = 0; k < wiring.n; ++k) {
          float* model = wiring.models[c * static_cast<std::size_t>(wiring.n) + static_cast<std::size_t>(k)];
          if (k < wiring.honest())
            from.push_back(model);
          else
            to.push_back(model);
        }
      honest_models = {exec, from};
      byzantine_models = {exec, to};
    }

    int sub_rounds(int round) const { return rounds > 0 ? rounds : logarithmic(round); }
    int variant(int round) const override { return sub_rounds(round) - 1; }
    std::vector<float*> aggregates() const override { return results; }

    void exchange(int variant) override {
      for (const auto& party : parties) party->exchange(variant + 1);
    }

    void moved(int) override {
      if (byzantine_models.size() == 0) return;
      parallel_spans(exec, "mean model", static_cast<int>(wiring.cells.size()), wiring.d,
                     AverageRows{wiring.honest(), wiring.f, honest_models.data(), byzantine_models.data()});
    }

    std::vector<Observations> observe() const override {
      const std::size_t count = wiring.cells.size();
      std::vector<Observations> all(count);
      int round = 0;
      copy_from(exec, &round, wiring.round, sizeof round);
      const int last = sub_rounds(round > 0 ? round - 1 : 0);
      for (const auto& party : parties) {
        const std::vector<Observations> own = party->observe(last);
        for (std::size_t i = 0; i < own.size(); ++i) all[static_cast<std::size_t>(party->cells()[i])] = own[i];
      }
      const std::vector<Extent> before = honest_extents(wiring.computed), after = honest_extents(results);
      for (std::size_t c = 0; c < count; ++c) {
        all[c]["diameter_before"] = {before[c].diameter}, all[c]["diameter_after"] = {after[c].diameter};
        all[c]["edge_before"] = {before[c].edge}, all[c]["edge_after"] = {after[c].edge};
        all[c]["sub_rounds"] = {static_cast<double>(last)};
      }
      if (wiring.models.empty()) return all;
      const std::vector<Extent> models = honest_extents(wiring.models);
      for (std::size_t c = 0; c < count; ++c) all[c]["model_diameter"] = {models[c].diameter};
      return all;
    }

    std::vector<Extent> honest_extents(const std::vector<float*>& rows) const {
      std::vector<std::vector<const float*>> groups;
      for (std::size_t c = 0; c < wiring.cells.size(); ++c) {
        const std::vector<float*> own = part_of(rows, c, wiring.cells.size());
        groups.emplace_back(own.begin(), own.begin() + wiring.honest());
      }
      return extents(exec, groups, wiring.d);
    }

    Exec& exec;
    Wiring wiring;
    int rounds;
    std::vector<std::unique_ptr<Party>> parties;
    std::vector<float*> results;  ///< [cells][models]
    Array<const float*> honest_models;
    Array<float*> byzantine_models;
  };

  int rounds_;  ///< 0: it grows with the training round
};

const Registered<Protocol> agreement([](Entry<Protocol>& e) {
  e.name = "agreement";
  e.summary =
      "no server: every client has a model of its own, and in sub-rounds all send all their vectors, which each "
      "aggregates; a client that hears of m < n counts f - (n - m) liars among them";
  e.source =
      "Cambus, Melnyk, Milentijevic, Schmid, Approximate Agreement Algorithms for Collaborative Learning, SPAA 2025";
  e.parameters = {count("rounds", "auto", "sub-rounds; auto: max(1, ceil(log2(r + 1))) in training round r = 1, 2, ...",
                        1, 1000, {"auto"})};
  e.columns = {
      worst_accuracy_column(),
      {"model_diameter",
       "",
       "largest Euclidean distance of two honest models",
       {{"final_model_diameter", Reduce::last}}},
      {"diameter_before", "", "largest Euclidean distance of two honest messages, in that round"},
      {"diameter_after", "", "the same of the vectors that the honest clients hold after the last sub-round"},
      {"edge_before", "", "longest edge of the honest messages' bounding box, in that round"},
      {"edge_after", "", "the same after the last sub-round"},
      {"sub_rounds", "", "in that round"},
  };
  e.make = [](const Arguments& a) {
    return std::make_unique<Agreement>(a.is("rounds", "auto") ? 0 : a.count("rounds"));
  };
});

}  // namespace
}  // namespace gauntlet
