// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "kernels/protocols/protocol.cuh"

namespace gauntlet {

/// The inboxes of all receivers of a cohort, and who aggregates them: cells with one defense form a group, and a group
/// aggregates all its inboxes at once. Costs per run what Defense::run costs.
class Aggregators {
 public:
  /// \throws UserError when a rule takes a trusted message and there is none.
  Aggregators(Exec& exec, const Wiring& wiring);
  ~Aggregators();

  /// Writes the aggregates of all inboxes.
  void run();

  /// What the inboxes of one cell are mixed of, for who writes the Byzantine messages.
  struct Inbox {
    std::vector<const float*> base;   ///< m rows: the computed ones and, behind them, the extra ones
    std::vector<float*> extra;        ///< the rows that the attack computes, owned here
    double* mixing = nullptr;         ///< [views][n][m] on the back end, the Byzantine rows zero; null without any
    std::uint8_t* present = nullptr;  ///< [views][n] on the back end, at first 1; null unless somebody may be absent
    double* told = nullptr;           ///< [views] on the back end; null without the wiring's
    int* honest = nullptr;            ///< [views], likewise: at first all but f
  };
  const Inbox& inbox(std::size_t cell) const { return inboxes_[cell]; }

  /// The defense of these cells as an attacker who knows it may use it; null where nobody aggregates. It tries
  /// mixings of the rows of exactly these cells, which therefore must be a group: all cells of a cohort with one
  /// match, or those with one attack that knows the defense and one defense. What is told is what the first receiver
  /// of every cell makes of them.
  Rehearsal* rehearsal(const std::vector<int>& cells);

  /// After a run, per cell: what the rule of the first receiver measured and, as `byzantine_weight`, the share of the
  /// Byzantine messages in the weights of the aggregate, NaN where it is no weighting, as the mean over the receivers.
  /// Waits for the result.
  std::vector<Observations> observe() const;

 private:
  struct Group;

  /// Base rows, each once, and which of them every row of the wiring is.
  struct Folding {
    explicit Folding(const std::vector<const float*>& base);
    std::vector<const float*> rows;
    std::vector<int> place;
  };

  int honest_, byzantine_, views_, receivers_;
  RowStore extra_;
  std::vector<Inbox> inboxes_;  ///< per cell
  std::vector<std::unique_ptr<Group>> groups_;
};

/// The places of equal keys, group by group in the order of their first members.
template <class Key>
std::vector<std::vector<int>> groups_of(const std::vector<Key>& keys) {
  std::vector<std::vector<int>> groups;
  for (std::size_t c = 0; c < keys.size(); ++c) {
    std::size_t g = 0;
    while (g < groups.size() && !(keys[static_cast<std::size_t>(groups[g].front())] == keys[c])) ++g;
    if (g == groups.size()) groups.emplace_back();
    groups[g].push_back(static_cast<int>(c));
  }
  return groups;
}

/// One table of what `get(cell)` gives, a vector, for each of the cells.
template <class T, class Get>
std::vector<T> gather_table(const std::vector<int>& cells, Get get) {
  std::vector<T> table;
  for (const int c : cells) {
    const auto part = get(static_cast<std::size_t>(c));
    table.insert(table.end(), part.begin(), part.end());
  }
  return table;
}

/// The share of one cell in a table in which all cells have equally many entries.
template <class T>
std::vector<T> part_of(const std::vector<T>& table, std::size_t cell, std::size_t cells) {
  const auto length = static_cast<std::ptrdiff_t>(table.size() / cells);
  const auto first = table.begin() + static_cast<std::ptrdiff_t>(cell) * length;
  return {first, first + length};
}

}  // namespace gauntlet
