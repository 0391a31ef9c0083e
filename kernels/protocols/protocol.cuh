// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "kernels/attacks/attack.cuh"
#include "kernels/defenses/engine/pipeline.cuh"
#include "kernels/registry/registry.hpp"

/// The contract of everything in this folder. A protocol says who aggregates what in a round: it carries the workers'
/// messages to the aggregates. Its two parts do the work for all cells of a cohort at once: the adversary
/// (adversary.cuh), who says what Byzantine workers send, and the aggregators (aggregators.cuh). Here attacks and
/// defenses meet, and nowhere else.
namespace gauntlet {

/// Who meets in one cell. Cells that hold the same objects are worked on together, so each component is made once.
struct Match {
  std::shared_ptr<const Attack> attack;     ///< null: every worker sends what it computed
  std::shared_ptr<const Pipeline> defense;  ///< null: nobody aggregates
  std::uint64_t seed = 0;
  std::string attack_label = {}, defense_label = {};  ///< name them in the timing breakdown
};

/// What one cell consists of under a protocol.
struct Shape {
  int models = 1;  ///< parameter vectors, each with an equal share of the workers that compute and an aggregate
  int rows = 0;    ///< padded vectors of d numbers that the protocol keeps; cohorts are sized with it
};

/// An inbox as a defense is made for it.
struct InboxSize {
  int n, f;
};

/// Where a cohort's messages lie and where its aggregates go: host copies of pointers to padded rows of d numbers. The
/// tables may go when what is made from them is made; the rows must stay.
struct Wiring {
  std::vector<Match> cells;
  int n = 0, f = 0;       ///< messages of an inbox; of these, the last ones, what Byzantine workers send
  bool own = false;       ///< the Byzantine workers compute messages, too
  int views = 1;          ///< receivers of every cell: inboxes mixed of the same rows; a simulation has one per model
  int own_views = 0;      ///< of these, the last ones, who see what the Byzantine workers computed and nothing else
  bool absences = false;  ///< messages may be absent: the protocol says which, in Aggregators::Inbox::present
  std::int64_t d = 0;
  /// [cells][n, or n − f unless `own`]: the workers' messages, honest ones first. The same row may stand for several.
  std::vector<float*> computed;
  /// [cells][views]: which of a cell's rows is the receiver's own message; it is then the first of its inbox. Empty:
  /// every inbox is in the order of the workers.
  std::vector<int> receivers;
  std::vector<double> links, told;   ///< [cells][views][n], [cells][views]: as Neighborhoods has them, or empty
  std::vector<float*> trusted;       ///< [cells][views]: the receiver's own message; empty where it computes none
  std::vector<float*> aggregates;    ///< [cells][views][what a defense gives: 1, or its rows if it ends without a rule]
  std::vector<float*> last_outputs;  ///< as `aggregates`: what attacks see as the last outputs; empty: those
  std::vector<float*> models;        ///< [cells][views]: what the aggregate will move; empty: nothing
  const int* round = nullptr;        ///< the round's number in the back end's memory

  int honest() const { return n - f; }
};

/// A protocol with its state for the cells of one wiring.
class BoundProtocol {
 public:
  virtual ~BoundProtocol() = default;
  /// Steps 4 and 5 of a round: from the computed messages to the aggregates, which move the models. Queues its work,
  /// allocates nothing and never waits. Rounds of one variant must queue the same work, so that each variant is
  /// recorded as one CUDA graph.
  virtual void exchange(int variant) = 0;
  /// What is left to do when the models have moved; queued as exchange().
  virtual void moved(int variant) { (void)variant; }
  /// [cells][views]: where an exchange leaves the aggregates, or empty: where the wiring says.
  virtual std::vector<float*> aggregates() const { return {}; }
  /// The variant of a round, counted from 0.
  virtual int variant(int round) const { return (void)round, 0; }
  /// After a round, per cell: what the rules measured, and the columns that the protocol declares
  /// (Component::columns). Where it measures a standard column in a way of its own, that is the one that counts. Waits
  /// for the result.
  virtual std::vector<Observations> observe() const = 0;
  /// How many rounds may pass between two calls of events(); 0: there are none.
  virtual int rounds_between_events() const { return 0; }
  /// Per cell, what its checks found since the last call, in order. Waits for the result.
  virtual std::vector<std::vector<ProtocolEvent>> events() { return {}; }
};

/// Who aggregates, and so how many inboxes and parameter vectors a cell has.
class Protocol {
 public:
  virtual ~Protocol() = default;
  /// Why n workers of which f are Byzantine cannot be what the protocol asks for, or empty.
  virtual std::string unmet_workers(int n, int f) const { return (void)n, (void)f, std::string(); }
  /// The sizes of the inboxes and how many Byzantine messages a defense is told of in each, the largest first.
  virtual std::vector<InboxSize> inboxes(int n, int f, int declared) const {
    return (void)f, std::vector<InboxSize>{{n, declared}};
  }
  /// Of a cell of n workers of which f are Byzantine and, with `own`, compute messages, too.
  virtual Shape shape(int n, int f, bool own) const { return (void)n, (void)f, (void)own, Shape{}; }
  /// Why this attack and this defense make no sense together under the protocol, or empty. By default nobody talks to
  /// others than a server.
  virtual std::string unmet(const Match& match, int n, int f) const;
  virtual std::unique_ptr<BoundProtocol> bind(Exec& exec, const Wiring& wiring) const = 0;
};

/// Why what the attack does to every client by itself (Conduct) makes no sense where clients do not agree, or empty.
std::string unmet_conduct(const Attack& attack);

/// Why the protocol attacks that are joined to it make no sense where nobody checks peers, or empty.
std::string unmet_misconduct(const Attack& attack);

}  // namespace gauntlet
