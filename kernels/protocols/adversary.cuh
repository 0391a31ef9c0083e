// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "kernels/protocols/aggregators.cuh"

namespace gauntlet {

/// Who sends what in place of the Byzantine workers, and when: cells with one attack form a group that acts on all of
/// them at once. In rounds outside the attack's window the Byzantine workers send their own honest messages.
class Adversary {
 public:
  /// Writes to the inboxes of `aggregators`, which must outlive it. \throws UserError when an attack needs a defense to
  /// work against and nobody aggregates.
  Adversary(Exec& exec, const Wiring& wiring, Aggregators& aggregators);
  ~Adversary();

  /// Writes the Byzantine messages of every receiver, as the attack and its conduct have it, and who gets none. `step`:
  /// of several exchanges in a round, in which an attack draws the same and a conduct anew.
  void act(int step = 0);

 private:
  struct Group;

  Exec& exec_;
  std::vector<std::unique_ptr<Group>> groups_;
};

/// Whether the Byzantine workers must compute messages of their own: in some round this attack looks at them. Null: no.
bool computes_own(const Attack* attack);

/// The attack of that text, to which protocol attacks may be joined, for n messages of which f are Byzantine.
/// \throws UserError for what it does not accept, with n and f and `where` they are found.
std::shared_ptr<const Attack> make_attack(const std::string& text, int n, int f, const std::string& where = {});

/// The rounds in which the Byzantine workers of this attack compute with flipped labels.
RoundWindow label_flips(const Attack& attack);

}  // namespace gauntlet
