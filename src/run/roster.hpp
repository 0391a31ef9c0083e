// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "src/cell/cell.hpp"

namespace gauntlet {

/// Who computes in a cell. Its models share out the senders evenly, in the order of their numbers; a server with
/// samples of its own computes at each model, too, as the last worker there.
struct Roster {
  int models = 1;               ///< parameter vectors
  int honest = 0, senders = 0;  ///< of all models together: the honest workers, and all that compute what they send
  int trusted = 0;              ///< samples of the server; 0: it computes nothing

  /// Models with an honest worker, the first ones: what is reported is the mean over these.
  int honest_models() const { return (honest * models + senders - 1) / senders; }
  /// Workers of each model.
  int workers() const { return senders / models + (trusted > 0); }
  /// The number of each worker, [models][workers]: senders from 0, honest ones first; behind them the server.
  std::vector<int> numbers() const;
  int server() const { return trusted > 0 ? senders : -1; }
  bool is_honest(int number) const { return number < honest; }
  bool is_byzantine(int number) const { return number >= honest && number < senders; }
};

/// Of a cell with its parts.
Roster roster_of(const Cell& cell);

}  // namespace gauntlet
