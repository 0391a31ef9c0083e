// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "kernels/attacks/attack.cuh"
#include "kernels/exec/array.cuh"
#include "kernels/exec/team.cuh"

/// What the peers of protocol btard know of each other, for all cells of a cohort, in the back end's memory. Bans and
/// parts are masks there, so that every round queues the same work.
namespace gauntlet {

/// The checks, in the order of a step: as events.csv and the parameter `without` name them. `validators` accuse.
enum class Check { signature, eliminate, mprng, verification_1, verification_2, verification_3, accuse };
inline constexpr int check_count = 7;
/// `verification-1`; the last one is called `accuse` in an event and `validators` where it is left out.
const char* check_name(Check check);

/// What all cells of a cohort have in common.
struct CouncilRules {
  int n = 0, f = 0;    ///< peers; the last f are Byzantine
  int validators = 0;  ///< a step, if there are peers enough
  double tolerance = 1e-4;
  double delta_max = 0;  ///< negative: auto
  unsigned without = 0;  ///< a bit for every check that is left out

  GAUNTLET_HD bool makes(Check check) const { return (without >> static_cast<int>(check) & 1) == 0; }
};

/// What one step's statements were: of peer i on part j at [i · n + j], and of parts at [j].
struct Record {
  int parts;                ///< g
  int* owner;               ///< [n] who owns a part, by id: the peers that computed, in order
  std::uint8_t* computed;   ///< [n] peers that sent a gradient
  std::uint8_t* forged;     ///< [n] whose gradient is not that of its seed
  double *s, *r;            ///< as broadcast
  double *true_s, *true_r;  ///< as the parts sent give them
  double* norms;            ///< ‖g_i(j)‖
  double* rounding;         ///< [n] how far the rounding of p(j) to floats may move a statement on it
  std::uint8_t* shifted;    ///< [n] whether its owner meant to publish something else than the fixed point
  std::uint8_t* wrong;      ///< [n] whether what was published is not the fixed point
};

/// min(r, tau), of a gradient that is not finite tau.
GAUNTLET_HD inline double clipped_length(double r, double tau) {
  return r < INFINITY ? fmin(r, tau) : tau < INFINITY ? tau : 0;
}

/// A line of events.csv as the device writes it. `first` and `bans`: which of the cell's bans it brought.
struct EventRow {
  int round, check, accuser, accused, part, verdict, first, bans, active, byzantine;
};
enum class Verdict { innocent, guilty, both };

/// The tables of all cells; plain data for kernels.
struct CouncilView {
  CouncilRules rules;
  int cells = 0;
  int capacity = 0;  ///< events of a cell between two drains
  const int* round = nullptr;
  const double* tau = nullptr;             ///< [cells]
  const std::uint64_t* seeds = nullptr;    ///< [cells]
  const Misconduct* misconduct = nullptr;  ///< [cells][kinds], those that are not joined with an empty window
  std::uint8_t *active = nullptr, *validates = nullptr, *redo = nullptr;  ///< [cells][n]; redo by part
  int *parts = nullptr, *pairs = nullptr;                                 ///< [cells]
  int *validator = nullptr, *target = nullptr;    ///< [cells][n] who checks whom, the first `pairs`
  double *median = nullptr, *bytes = nullptr;     ///< [cells] reported r of the step before (< 0: none); mean a round
  int *first_ban = nullptr, *last_ban = nullptr;  ///< [cells] −1: none
  int *bans = nullptr, *ban_list = nullptr;       ///< [cells], [cells][n]
  int* events = nullptr;                          ///< [cells]
  EventRow* event_rows = nullptr;                 ///< [cells][capacity]
  int* owner = nullptr;                           ///< [2][cells][n]
  int* parts_then = nullptr;                      ///< [2][cells]
  std::uint8_t *computed = nullptr, *forged = nullptr, *shifted = nullptr, *wrong = nullptr;  ///< [2][cells][n]
  double* statements = nullptr;  ///< [2][cells][5][n][n]: s, r, true s, true r, norms
  double* rounding = nullptr;    ///< [2][cells][n]

  /// The record of this step, or of the one before.
  GAUNTLET_HD Record record(int c, int steps_ago = 0) const {
    const int n = rules.n, at = ((*round + steps_ago) % 2) * cells + c;
    const std::int64_t square = std::int64_t{n} * n;
    double* table = statements + at * 5 * square;
    const std::int64_t row = std::int64_t{at} * n;
    return {parts_then[at],     owner + row,        computed + row,     forged + row,   table,         table + square,
            table + 2 * square, table + 3 * square, table + 4 * square, rounding + row, shifted + row, wrong + row};
  }
  GAUNTLET_HD int honest() const { return rules.n - rules.f; }
  GAUNTLET_HD bool is_honest(int peer) const { return peer < honest(); }
  GAUNTLET_HD std::uint8_t* of(std::uint8_t* table, int c) const { return table + std::int64_t{c} * rules.n; }
  GAUNTLET_HD int* of(int* table, int c) const { return table + std::int64_t{c} * rules.n; }
  GAUNTLET_HD bool is_active(int c, int peer) const { return active[std::int64_t{c} * rules.n + peer] != 0; }
  GAUNTLET_HD const Misconduct& what(int c, Misconduct::Kind kind) const {
    return misconduct[std::int64_t{c} * misconduct_kinds + static_cast<int>(kind)];
  }
  GAUNTLET_HD bool does(int c, Misconduct::Kind kind) const { return what(c, kind).window.holds(*round); }

  // --- by one thread of a cell ---

  /// Of this step; the peers whose `owner` entries are written.
  GAUNTLET_HD void set_parts(int c, int count) const {
    parts[c] = count > 0 ? count : 1;  // of the passes; where nobody is left it is zero
    parts_then[(*round % 2) * cells + c] = count;
  }

  GAUNTLET_HD int count_active(int c, bool byzantine_only = false) const {
    int count = 0;
    for (int i = byzantine_only ? honest() : 0; i < rules.n; ++i) count += is_active(c, i);
    return count;
  }
  /// Bans a peer that has not been banned before, by the event that is written next.
  GAUNTLET_HD void ban(int c, int peer) const {
    if (!is_active(c, peer)) return;
    of(active, c)[peer] = 0;
    of(ban_list, c)[bans[c]++] = peer;
    if (first_ban[c] < 0) first_ban[c] = *round;
    last_ban[c] = *round;
  }
  /// Writes an event that brought the bans from number `first` on.
  GAUNTLET_HD void report(int c, Check check, int accuser, int accused, int part, Verdict verdict, int first) const {
    const int at = events[c]++;
    if (at >= capacity) return;  // which the host finds and refuses
    event_rows[std::int64_t{c} * capacity + at] = {*round,
                                                   static_cast<int>(check),
                                                   accuser,
                                                   accused,
                                                   part,
                                                   static_cast<int>(verdict),
                                                   first,
                                                   bans[c] - first,
                                                   count_active(c),
                                                   count_active(c, true)};
  }
};

/// Owner of the tables.
class Council {
 public:
  struct Cell {
    std::uint64_t seed;
    double tau;
    std::vector<Misconduct> misconduct;
  };
  /// `rounds`: how many may pass between two calls of events(). Memory: 10 n² doubles a cell and that of the events.
  Council(Exec& exec, const CouncilRules& rules, const std::vector<Cell>& cells, const int* round, int rounds);

  const CouncilView& view() const { return view_; }

  /// What happened since the last call, per cell. Waits.
  std::vector<std::vector<ProtocolEvent>> events();
  /// Per cell first_ban_round, last_ban_round, byzantine_left, honest_left and the bytes that a peer has sent. Waits.
  std::vector<Observations> observe() const;

 private:
  template <class T>
  T* table(Array<T>& array, std::size_t size);

  Exec& exec_;
  CouncilView view_;
  Array<double> tau_, median_, bytes_, statements_, rounding_;
  Array<std::uint64_t> seeds_;
  Array<Misconduct> misconduct_;
  Array<std::uint8_t> active_, validates_, redo_, computed_, forged_, shifted_, wrong_;
  Array<int> parts_, pairs_, validator_, target_, first_ban_, last_ban_, bans_, ban_list_, events_, owner_, parts_then_;
  Array<EventRow> event_rows_;
};

}  // namespace gauntlet
