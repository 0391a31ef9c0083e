// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "kernels/passes/parts.cuh"
#include "kernels/protocols/btard/council.cuh"

/// Steps 3 and 5 of btard: what owners publish, and the true statements on it.
namespace gauntlet {

/// What a cohort's gradients are mixed of, and where the aggregates go.
struct SentRows {
  std::int64_t d = 0;
  int m = 0;                            ///< base rows of a cell, at most
  std::vector<const float*> base;       ///< [cells][m]
  std::vector<int> widths;              ///< [cells] base rows that there are, the first ones; the others have no weight
  std::vector<const double*> mixing;    ///< [cells]: n × widths[c]; null: message i is base row i
  std::vector<const float*> direction;  ///< [cells] z
  std::vector<const float*> shift;      ///< [cells] a row that wrong aggregates are moved along, or empty
  std::vector<float*> aggregates;       ///< [cells]
  bool shift_is_exact = false;          ///< every part is shifted by the row as it is, not by a length along it
};

/// How messages are mixed of base rows, for kernels.
struct MixedMessages {
  int honest;
  const double* const* mixing;  ///< [cells], or null: every message is a row
  const int* widths;            ///< [cells]

  GAUNTLET_HD bool is_row(int peer) const { return mixing == nullptr || peer < honest; }
  /// What base row p brings to the message of a peer.
  GAUNTLET_HD double mix(int c, int peer, int p) const {
    if (is_row(peer)) return p == peer;
    return p < widths[c] ? mixing[c][std::int64_t{peer} * widths[c] + p] : 0;
  }
};

/// The tables of SentRows in the back end's memory.
class MessageTables {
 public:
  MessageTables() = default;
  MessageTables(Exec& exec, const SentRows& sent, int honest) : honest_(honest), widths_(exec, sent.widths) {
    if (sent.mixing.front() != nullptr) mixing_ = {exec, sent.mixing};
  }
  MixedMessages view() const { return {honest_, mixing_.data(), widths_.data()}; }

 private:
  int honest_ = 0;
  Array<const double*> mixing_;
  Array<int> widths_;
};

/// Three passes over the rows: Gram by part, combine, dots with what is published. Memory: n (m + 2)² + n (n + f)(n +
/// m) doubles a cell.
class PartAggregation {
 public:
  PartAggregation(Exec& exec, const CouncilView& council, const SentRows& rows);

  /// Writes the aggregates and this step's true statements, with what is reported equal to them. The peers that
  /// computed and their parts must be known.
  void run();
  /// Puts the fixed point in place of the parts marked in `redo`: costs nothing if there are none.
  void correct();
  /// The share of Byzantine gradients in the weights, per cell, as the mean over the coordinates. Waits.
  std::vector<double> byzantine_share() const;

  /// The tables as kernels see them.
  struct View {
    CouncilView council;
    int m, rows;  ///< base rows; with z and the shift
    std::int64_t d;
    bool has_shift, shift_is_exact;
    MixedMessages messages;
    const double* products;     ///< [cells][n parts][rows]²
    const double* dots;         ///< [cells][n][rows + 1]
    double* between;            ///< [cells][n parts][n × n] of the messages, by place in the record's owners
    double* weights;            ///< [cells][n][n] of the messages, likewise
    double *squares, *shares;   ///< [cells][n] of the fixed points; the Byzantine part of the weights
    double *right, *published;  ///< [cells][n][rows] of the rows
    double* scratch;            ///< [cells][n][per_part]
    int per_part;

    GAUNTLET_HD double mix(int c, int peer, int p) const { return messages.mix(c, peer, p); }
    GAUNTLET_HD bool is_row(int peer) const { return messages.is_row(peer); }
    GAUNTLET_HD int place(int c, int j) const { return c * council.rules.n + j; }
  };

 private:
  Exec& exec_;
  View view_;
  Rows rows_;
  Parts parts_;
  Array<const float*> table_;
  MessageTables messages_;
  Array<float*> aggregates_;
  Array<double> products_, dots_, between_, weights_, squares_, shares_, right_, published_, scratch_, gram_scratch_,
      dot_scratch_;
};

}  // namespace gauntlet
