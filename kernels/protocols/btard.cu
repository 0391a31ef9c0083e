// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "kernels/protocols/adversary.cuh"
#include "kernels/protocols/btard/checks.cuh"
#include "kernels/protocols/btard/misconduct.cuh"
#include "kernels/protocols/btard/options.cuh"
#include "kernels/protocols/btard/rows.cuh"

/// A step of btard, of n peers that are not banned, m of them validators, g = n − m who compute and own a part each:
///  1  who signs two messages for one slot is banned (signature)
///  2  all compute gradients and commit to their parts; of a sender and an owner who disagree on a part both leave, and
///     the step begins without them (eliminate)
///  3  owner j publishes p(j), the fixed point of centered clipping of the g_i(j)
///  4  shared randomness r^t; who does not reveal is banned (mprng)
///  5  with z drawn from r^t all broadcast s_i^j = ⟨z(j), clip(g_i(j) − p(j), tau)⟩ and r_i^j = ‖g_i(j) − p(j)‖
///  6  owners accuse whoever speaks falsely of their part (verification-1)
///  7  where Σ_i s_i^j is not zero, all disclose part j, and who lied about it or aggregated wrongly is banned; the
///  right
///     part is used (verification-2)
///  8  the same where more than half report an r_i^j beyond delta_max (verification-3)
///  9  validators compute again what they were assigned of the step before, and accuse (accuse)
/// 10  bans take effect; m targets and m validators for the next step are drawn from r^t
namespace gauntlet {
namespace {

/// Events are fetched from the back end this often.
constexpr int rounds_between = 16;

/// What Byzantine peers send is said by an attack, which sees every honest peer's gradient, that of validators and of
/// banned peers, too: seeds are public. It sees neither r^t nor z, nor who will check whom.
class Btard final : public Protocol {
 public:
  explicit Btard(const BtardOptions& options) : options_(options) {}

  std::string unmet_workers(int n, int) const override {
    if (n > most_btard_peers)
      return "btard takes at most " + std::to_string(most_btard_peers) + " peers (n = " + std::to_string(n) + ")";
    if (options_.validators > (n - 1) / 2)
      return "btard(validators=" + std::to_string(options_.validators) +
             ") needs n > 2 validators (n = " + std::to_string(n) + ")";
    return {};
  }
  std::string unmet_parameters(int n, std::int64_t d) const override {
    if (d >= std::int64_t{n} * n) return {};
    return "btard cuts the vector into n parts and needs d >= n^2 (n = " + std::to_string(n) +
           ", d = " + std::to_string(d) + ")";
  }
  Shape shape(int n, int, bool) const override {
    // z and what aggregates are shifted along; the clipped gradients; products by part, statements and events.
    const std::size_t rows = static_cast<std::size_t>(n) + 8, parts = static_cast<std::size_t>(n);
    const int repeated = recomputes(options_) ? 2 * options_.validators : 0;
    return {1, 2 + (options_.clip < INFINITY ? n : 0) + repeated,
            parts * (rows * rows + 3 * parts * rows) * sizeof(double) +
                std::size_t{rounds_between} * 2 * parts * (parts + 1) * sizeof(EventRow)};
  }

  std::string unmet(const Match& match, int n, int f) const override {
    std::string reason;
    tau_of(*match.defense, n, f, &reason);
    if (!reason.empty() || match.attack == nullptr) return reason;
    if (match.attack->meets_receivers()) return "the attack is on receivers with neighbors on a graph: protocol gossip";
    if (match.attack->knows_defense())
      return "the attack tries a defense out on whole messages; under btard each part is aggregated by itself";
    return unmet_conduct(*match.attack);
  }

  bool repeats_messages() const override { return recomputes(options_); }

  std::unique_ptr<BoundProtocol> bind(Exec& exec, const Wiring& wiring) const override {
    return std::make_unique<Bound>(exec, wiring, options_);
  }

 private:
  struct Bound final : BoundProtocol {
    Bound(Exec& exec_, const Wiring& wired, const BtardOptions& options)
        : exec(exec_),
          clipped(exec, wired, options.clip),
          wiring(clipped.wiring()),
          aggregators(exec, without_defense(wiring)),
          adversary(exec, wiring, aggregators),
          council(exec, options.rules(wiring.n, wiring.f), cells_of(wiring), wiring.round, rounds_between),
          directions(exec, council.view(), wiring.d, shifts_any(wiring)) {
      SentRows rows;
      rows.d = wiring.d;
      for (std::size_t c = 0; c < wiring.cells.size(); ++c)
        rows.m = std::max(rows.m, static_cast<int>(aggregators.inbox(c).base.size()));
      rows.direction = directions.z(), rows.shift = directions.shift();
      rows.aggregates = wiring.aggregates;
      std::vector<RoundWindow> flips;
      for (std::size_t c = 0; c < wiring.cells.size(); ++c) {
        const Aggregators::Inbox& inbox = aggregators.inbox(c);
        rows.base.insert(rows.base.end(), inbox.base.begin(), inbox.base.end());
        rows.base.resize((c + 1) * static_cast<std::size_t>(rows.m), inbox.base.front());
        rows.widths.push_back(static_cast<int>(inbox.base.size()));
        rows.mixing.push_back(inbox.mixing);
        const Attack* attack = wiring.cells[c].attack.get();
        flips.push_back(attack == nullptr ? RoundWindow::none() : label_flips(*attack));
      }
      messages = {exec, rows, wiring.honest()}, label_flip_rounds = {exec, flips};
      parts = std::make_unique<PartAggregation>(exec, council.view(), rows);
      if (recomputes(options))
        recomputed = std::make_unique<RecomputedGradients>(exec, council.view(), rows, options.clip,
                                                           wiring.own ? wiring.n : wiring.honest());
    }

    /// One step.
    void exchange(int) override {
      const CouncilView& view = council.view();
      clipped.run();
      begin_step(exec, view);  // 1, 2
      adversary.act();
      const Phase phase(exec.timer(), "defend", wiring.cells.front().defense_label);
      mark_forged(exec, view, messages.view(), wiring.own, label_flip_rounds.data());
      directions.draw();
      parts->run();                   // 3, 5
      abort_commitments(exec, view);  // 4
      tell_lies(exec, view);
      verify_statements(exec, view);  // 6, 7, 8
      parts->correct();
      hear_validators(exec, view, 1);  // 9
      draw_validators(exec, view);     // 10
      if (recomputed) recomputed->choose();
      count_bytes(exec, view, wiring.d);
    }

    int repeats() const override { return recomputed ? council.view().rules.validators : 0; }
    Repeats to_repeat() const override { return {recomputed->workers(), recomputed->messages()}; }
    void compare() override { recomputed->compare(); }

    std::vector<Observations> observe() const override {
      std::vector<Observations> all = council.observe();
      const std::vector<double> shares = parts->byzantine_share();
      const double n = wiring.n, d = static_cast<double>(wiring.d);
      for (std::size_t c = 0; c < all.size(); ++c) {
        if (wiring.f > 0) all[c]["byzantine_weight"] = {shares[c]};
        all[c]["bytes_all_reduce"] = {8 * d * (n - 1) / n};
        all[c]["bytes_parameter_server"] = {4 * d};
      }
      return all;
    }
    int rounds_between_events() const override { return rounds_between; }
    std::vector<std::vector<ProtocolEvent>> events() override { return council.events(); }

    Exec& exec;
    ClippedGradients clipped;
    Wiring wiring;
    Aggregators aggregators;
    Adversary adversary;
    Council council;
    Directions directions;
    MessageTables messages;
    Array<RoundWindow> label_flip_rounds;
    std::unique_ptr<PartAggregation> parts;
    std::unique_ptr<RecomputedGradients> recomputed;
  };

  static bool recomputes(const BtardOptions& options) {
    return options.recompute && options.validators > 0 && options.rules(1, 0).makes(Check::accuse);
  }

  /// Owners aggregate their parts themselves.
  static Wiring without_defense(Wiring wiring) {
    for (Match& match : wiring.cells) match.defense = nullptr;
    return wiring;
  }

  static std::vector<Council::Cell> cells_of(const Wiring& wiring) {
    std::vector<Council::Cell> cells;
    for (const Match& match : wiring.cells)
      cells.push_back({match.seed, tau_of(*match.defense, wiring.n, wiring.f),
                       match.attack ? match.attack->misconduct : std::vector<Misconduct>{}});
    return cells;
  }

  static bool shifts_any(const Wiring& wiring) {
    return std::any_of(wiring.cells.begin(), wiring.cells.end(), [](const Match& match) {
      return match.attack &&
             std::any_of(match.attack->misconduct.begin(), match.attack->misconduct.end(),
                         [](const Misconduct& what) { return what.kind == Misconduct::Kind::wrong_aggregation; });
    });
  }

  BtardOptions options_;
};

const Registered<Protocol> btard([](Entry<Protocol>& e) {
  e.name = "btard";
  e.summary =
      "no server: peers share out the vector's parts, aggregate them by centered clipping, check each other and ban "
      "who "
      "cheats";
  e.formula = "part j: v with sum_i clip(g_i(j) - v, tau) = 0; checked by sum_i <z(j), clip(g_i(j) - v, tau)> = 0";
  e.source = "Gorbunov, Borzunov, Diskin, Ryabinin, Secure distributed training at scale, ICML 2022";
  e.parameters = BtardOptions::parameters();
  e.reports_events = true;
  const auto last = [](const char* name, const char* unit, const char* text) {
    return ObservedColumn{name, unit, text, {{name, Reduce::last, text}}};
  };
  e.columns = {
      last("first_ban_round", "rounds", "the round of the first ban, from 0"),
      last("last_ban_round", "rounds", "the round of the last ban so far, from 0"),
      last("byzantine_left", "peers", "Byzantine peers that are not banned"),
      last("honest_left", "peers", "honest peers that are not banned"),
      last("bytes_per_peer_round", "bytes",
           "that a peer sends in a round, as the mean over the rounds: 2 d (g - 1) / g floats, 2 g statements of 4 "
           "bytes, 2 g + 3 hashes of 32 bytes, g the peers that compute"),
      last("bytes_all_reduce", "bytes",
           "that a peer of an all-reduce without checks would send: 2 d (n - 1) / n floats"),
      last("bytes_parameter_server", "bytes",
           "that a worker of a parameter server would send, d floats; the server n times that"),
      events_column(),
  };
  e.make = [](const Arguments& a) { return std::make_unique<Btard>(BtardOptions(a)); };
});

}  // namespace
}  // namespace gauntlet
