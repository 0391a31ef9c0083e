// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kernels/protocols/adversary.cuh"

/// Attacks and defenses on messages that are given rather than computed: what the command line's `aggregate`, `attack`
/// and `verify`, the benchmark of kappa and the tests use.
namespace gauntlet {

/// Those who meet among n messages of which f are Byzantine: `attack`, a component or empty, and `defense`, a pipeline
/// or empty. With f = 0 nobody attacks. \throws UserError for what they do not accept and for an attack on a defense
/// that ends without a rule.
Match make_match(const std::string& attack, const std::string& defense, int n, int f);

/// Rounds of one attack and one defense, with the state of both, on inboxes whose messages the caller gives.
class Trial {
 public:
  /// One inbox per seed, each of n messages of d numbers. `defense` is a pipeline, told f, or empty: nobody aggregates.
  /// `attack` is a component or empty. With one, the last f of the messages are the attackers' own honest ones, and
  /// `defense` is the one that a searching attack works against. `moving`: the defense is shown the models.
  /// \throws UserError for what they do not accept, for an attack on a defense that ends without a rule, or when the
  /// attack needs a defense and there is none.
  Trial(Exec& exec, const std::string& attack, const std::string& defense, int n, int f, std::int64_t d,
        const std::vector<std::uint64_t>& seeds = {0}, bool moving = false);
  ~Trial();

  /// One round on the messages [inboxes][n][d]. `trusted` is [inboxes][d], the server's own messages, for a defense
  /// that takes one. Rounds must ascend for what remembers. Returns what the Byzantine workers sent, [inboxes][f][d]:
  /// nothing without an attack. \throws UserError when trusted messages are missing.
  std::vector<float> act(int round, const float* rows, const float* trusted = nullptr);
  /// The same, but returns what the defense made of it, [inboxes][rows][d]: one row, or those of a pipeline of
  /// pre-aggregators.
  std::vector<float> play(int round, const float* rows, const float* trusted = nullptr);
  /// What they would see in that round; nobody attacks or aggregates.
  void show(int round, const float* rows, const float* trusted = nullptr);

  /// What the defense made of the last round.
  std::vector<float> aggregates() const;
  /// What the defense has measured of each inbox before that round.
  std::vector<Observations> observe(int round);
  /// The defense on the messages shown, as an attacker who knows it may use it.
  Rehearsal& rehearsal();
  /// With `moving`: all models become this one of d numbers; they start at zero.
  void move_to(const float* model);

  /// Whether the attack left the rows that it computes zero beyond d, as every pass relies on.
  bool padding_is_zero() const;

 private:
  void run(int round, const float* rows, const float* trusted);

  struct State;
  std::unique_ptr<State> state_;
};

/// One round of one inbox: n × d row-major floats, of which the last f rows are the attackers' own honest messages, to
/// the f × d messages that they send instead. `trusted`: d numbers or null. \throws UserError as Trial.
std::vector<float> attack_rows(Exec& exec, const std::string& attack, const std::string& defense, int f, int n,
                               std::int64_t d, const float* rows, std::uint64_t seed = 0,
                               const float* trusted = nullptr);

/// Runs a defense once on n × d row-major floats, with seed 0 and round 0. Returns the one output of d numbers, or the
/// n' messages of a pipeline that ends with a pre-aggregator, row by row. `trusted`: d numbers, the server's own
/// message, or null; rules that take none do not look at it. \throws UserError as Trial.
std::vector<float> aggregate_rows(Exec& exec, const std::string& pipeline, int f, int n, std::int64_t d,
                                  const float* rows, const float* trusted = nullptr);

}  // namespace gauntlet
