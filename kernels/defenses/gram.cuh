// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/exec/philox.cuh"
#include "kernels/passes/inbox.cuh"

/// What a stage in Gram space sees of an inbox, and what it may keep from round to round.
namespace gauntlet {

/// What a stage must know of the inbox before it can work.
enum class Reads { nothing, norms, gram };

/// What the one row of its own holds that a Gram rule may ask for.
enum class MemoryRow {
  none,
  last_output,  ///< of the rule itself; zero before the first
  trusted,      ///< the message that the server computes from samples of its own; pre-aggregators leave it as it is
  way,          ///< of the model since round 0, zero where there is no model; its products with sums are not computed
};

/// What a Gram rule of n messages has beside them, from one round to the next. Rows behind the messages: the workers'
/// sums, worker by worker, each set once for all workers; then the one row. All is zero before the first round.
struct Memory {
  MemoryRow row = MemoryRow::none;
  int sums = 0;             ///< rows per worker, sums of its messages as learn() says
  std::size_t numbers = 0;  ///< doubles an inbox
  bool apart = false;       ///< no products of sums are needed but with sums of the same set; with no row of its own

  int rows(int n) const { return sums * n + (row != MemoryRow::none); }
  /// Whether what a run leaves behind changes later runs.
  bool lasts() const { return sums > 0 || numbers > 0 || row == MemoryRow::last_output || row == MemoryRow::way; }
};

/// Receivers on a graph: what each inbox's messages weigh in gossip. The first message is the receiver's own. All
/// tables lie in the back end's memory; without them the graph is complete and every message weighs the same.
struct Neighborhoods {
  const double* links = nullptr;  ///< [inboxes][n]: W_ij of message j at receiver i, W_ii of the first
  const double* told = nullptr;   ///< [inboxes]: how much of that is Byzantine, as the defense is told
  const int* honest = nullptr;    ///< [inboxes]: messages that are honest in truth, the first ones
};

/// The inner products of one inbox: messages 0 … n−1, then the stage's memory rows. This is all a Gram stage sees.
struct Gram {
  int n = 0;                         ///< messages that are there
  int f = 0;                         ///< declared Byzantine among them: who is absent has been counted
  int size = 0;                      ///< n + memory rows
  const double* products = nullptr;  ///< size × size; with Reads::norms the diagonal and sums apart
  std::uint64_t seed = 0;            ///< of the cell, for stages that draw at random
  std::uint32_t round = 0;
  int most = 0;                   ///< messages if nobody were absent
  const int* workers = nullptr;   ///< whose message is which, or null: message i is worker i's
  double* numbers = nullptr;      ///< Memory::numbers, which only learn() may change
  const double* links = nullptr;  ///< Neighborhoods::links, or null: each message weighs 1/n
  double told = 0;                ///< the Byzantine share of the links, as the defense is told
  int honest = 0;                 ///< messages that are honest in truth, the first ones: for oracles only

  /// The weight W_ij of message j at the receiver, whose own is message 0.
  GAUNTLET_HD double link(int j) const { return links == nullptr ? 1.0 / n : links[j]; }
  GAUNTLET_HD double operator()(int i, int j) const { return products[std::int64_t{i} * size + j]; }

  GAUNTLET_HD int worker(int i) const { return workers == nullptr ? i : workers[i]; }
  /// The row that holds sum s of the worker who sent message i.
  GAUNTLET_HD int sum(int i, int s = 0) const { return n + s * most + worker(i); }

  /// ‖x_i‖, +∞ for a row with NaN or infinity.
  GAUNTLET_HD double norm(int i) const {
    const double square = (*this)(i, i);
    return square >= 0 && square < INFINITY ? sqrt(square) : INFINITY;
  }

  /// ‖x_i − x_j‖², +∞ as soon as one of them is not finite; a non-finite row is infinitely far even from itself.
  GAUNTLET_HD double distance2(int i, int j) const {
    const double square = (*this)(i, i) + (*this)(j, j) - 2 * (*this)(i, j);
    if (i == j) return square == 0 ? 0 : INFINITY;
    return square < INFINITY ? (square > 0 ? square : 0) : INFINITY;
  }
};

/// Many Gram problems, and where a stage may write: what the adapters hand to a stage's functor. Neighboring problems
/// are variants of one inbox.
struct GramBatch {
  int count = 0;
  PerInbox n, f;
  int memory = 0;                        ///< rows behind the messages
  int variants = 1;                      ///< problems per inbox
  const double* products = nullptr;      ///< [count][most n + memory]², a problem with fewer messages at the start
  const std::uint64_t* seeds = nullptr;  ///< [inboxes]
  const int* round = nullptr;
  double* scratch = nullptr;     ///< [count][the stage's scratch]
  const int* workers = nullptr;  ///< [inboxes][most n], or null
  double* numbers = nullptr;     ///< [inboxes][numbers_each]
  std::size_t numbers_each = 0;
  Neighborhoods neighborhoods = {};  ///< of [inboxes]

  int most() const { return n.same; }
  GAUNTLET_HD Gram gram(int c) const {
    const int own = n(c), inbox = c / variants, size = n.same + memory;
    return {own,
            f(c),
            own + memory,
            products == nullptr ? nullptr : products + std::int64_t{c} * size * size,
            seeds[inbox],
            static_cast<std::uint32_t>(*round),
            n.same,
            workers == nullptr ? nullptr : workers + std::int64_t{inbox} * n.same,
            numbers == nullptr ? nullptr : numbers + static_cast<std::int64_t>(inbox * numbers_each),
            neighborhoods.links == nullptr ? nullptr : neighborhoods.links + std::int64_t{inbox} * n.same,
            neighborhoods.told == nullptr ? static_cast<double>(f(c)) / own : neighborhoods.told[inbox],
            neighborhoods.honest == nullptr ? own - f(c) : neighborhoods.honest[inbox]};
  }
};

/// What becomes of one sum in learn(): sum ← keep · sum + gain · message. A zero hides what it multiplies.
struct SumUpdate {
  double keep = 1, gain = 0;
};

/// What a Gram rule makes of its weights.
enum class GramOutput {
  sum,     ///< Σ w_i x_i
  median,  ///< of the k messages with a weight, in each coordinate the median of k w_i x_i; zero if there are none
};

}  // namespace gauntlet
