// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "kernels/defenses/engine/pipeline.cuh"
#include "src/verify/inboxes.hpp"

namespace gauntlet {

/// A defense with its state, on inboxes whose messages the caller gives round by round.
class DefenseTrial {
 public:
  /// For `inboxes` inboxes with messages of d numbers. The inboxes' seeds are 0. \throws UserError as Pipeline.
  DefenseTrial(Exec& exec, const std::string& pipeline, Sizes sizes, int inboxes, int d);

  /// The messages [inbox][message] of a round; the server trusts the mean of the first `good` of each inbox.
  void receive(int round, const std::vector<Messages>& messages, int good);
  /// One round, or with `rehearsal` what an attacker tries: the outputs [inbox][output] on the messages received.
  std::vector<Messages> run(bool rehearsal = false);
  /// An attacker tries two mixings at once, the messages as they are and the Byzantine ones turned round: the squared
  /// length of each output, [inbox][2]. Only for a pipeline with a rule.
  std::vector<double> rehearse();

 private:
  Exec& exec_;
  Sizes sizes_;
  int inboxes_, d_, rows_out_;
  RowStore messages_, trusted_, outputs_;
  Array<const float*> table_;
  Array<float*> trusted_rows_, out_;
  Array<double> identity_;
  Array<std::uint64_t> seeds_;
  Array<int> round_;
  std::unique_ptr<Defense> defense_;
};

}  // namespace gauntlet
