// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kernels/attacks/attack.cuh"
#include "kernels/defenses/engine/pipeline.cuh"

/// Attacks on messages that are given rather than computed: what the command line's `attack`, `verify` and the tests
/// use.
namespace gauntlet {

/// A defense as an attacker who knows it may use it. The defense must outlive it.
class DefenseRehearsal final : public Rehearsal {
 public:
  explicit DefenseRehearsal(Defense& defense) : defense_(defense) {}
  void rehearse(const double* mixings, int variants, const double* reference, int direction, double* outcome,
                double* pull) override {
    defense_.rehearse(mixings, variants, reference, direction, outcome, pull);
  }

 private:
  Defense& defense_;
};

/// An attack with its state, on cells whose messages the caller gives round by round.
class AttackTrial {
 public:
  /// One cell per seed, each with n messages of d numbers, the last f of them the attackers' own honest ones.
  /// `attack` is a component, `defense` a pipeline or empty: the one that a searching attack works against.
  /// \throws UserError for what they do not accept, or when the attack needs a defense and there is none.
  AttackTrial(Exec& exec, const std::string& attack, const std::string& defense, int n, int f, std::int64_t d,
              const std::vector<std::uint64_t>& seeds);
  ~AttackTrial();

  /// The Byzantine messages, [cells][f][d], for the honest work [cells][n][d] of that round. Rounds must ascend for
  /// attacks that remember. `trusted`: [cells][d], the server's own messages, for a defense that takes one.
  /// \throws UserError when it does and they are missing.
  std::vector<float> act(int round, const float* rows, const float* trusted = nullptr);

  /// What the defense made of the last act's messages, [cells][d]. Only for a trial with a defense.
  std::vector<float> aggregates() const;

  /// Whether the attack left the rows that it computes zero beyond d, as every pass relies on.
  bool padding_is_zero() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// One round of one cell: n × d row-major floats, of which the last f rows are the attackers' own honest messages, to
/// the f × d messages that they send instead. `trusted`: as for AttackTrial::act. \throws UserError as AttackTrial.
std::vector<float> attack_rows(Exec& exec, const std::string& attack, const std::string& defense, int f, int n,
                               std::int64_t d, const float* rows, std::uint64_t seed = 0,
                               const float* trusted = nullptr);

}  // namespace gauntlet
