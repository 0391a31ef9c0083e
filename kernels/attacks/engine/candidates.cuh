// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kernels/attacks/shared/honest.cuh"

/// Attacks whose message has one free number, its strength, that is either given or searched against the cell's own
/// defense. A family is a functor `GAUNTLET_HD double operator()(const AttackView&, int c, double strength, int b, int
/// p) const`: the coefficient of base row p in the message of Byzantine worker b.
namespace gauntlet {

/// What the search looks for.
enum class Goal {
  /// The strength that carries the defense's output farthest from the honest mean, the least tried of several. Whose
  /// message the output follows is not asked: where a rule that picks one message errs most with an honest one, that is
  /// the harm, and the attack stays out of its way.
  harm,
  /// The largest strength at which the output follows the messages: where the direction itself pulls the output by at
  /// least half of the farthest that it does at any. Zero if it never does. An honest message's lead does not count.
  reach,
};

struct SearchSpec {
  Goal goal = Goal::harm;
  double maximum = 1;   ///< largest strength tried, in the cell's unit
  int candidates = 32;  ///< of the first batch; 1: no second one
  int direction = -1;   ///< base row along which progress is measured, for Goal::reach and progress()
  double octaves = 16;  ///< the first batch runs from maximum / 2^octaves up to maximum, in equal ratios
  int finer = 32;       ///< candidates of the second batch
  int near = 0;         ///< of the first batch, those from 1/8 to 4 times the honest deviation instead
};

/// To go as far as the defense follows. A rule that selects messages lets go at about the honest deviation, and may
/// have followed only within a narrow range before: there the candidates are close, an eighth of an octave apart.
inline SearchSpec farthest_followed(double maximum, int direction) {
  return {Goal::reach, maximum, 72, direction, 31, 32, 40};
}

/// The base rows' weights that give the honest mean, for all cells.
inline std::vector<double> honest_mean_weights(const AttackView& view) {
  std::vector<double> weights(static_cast<std::size_t>(view.cells) * view.m);
  for (std::size_t i = 0; i < weights.size(); ++i)
    weights[i] = static_cast<int>(i % view.m) < view.honest ? 1.0 / view.honest : 0;
  return weights;
}

namespace detail {

/// Candidate j of a cell's first batch, as octaves from the top: equal steps to the near ones, among them, and on.
struct CoarseGrid {
  SearchSpec spec;
  const double* unit;   ///< [cells], or null: 1
  const double* scale;  ///< [cells]: the strength of the honest deviation; null if none are to be near it

  GAUNTLET_HD double top(std::int64_t c) const { return unit == nullptr ? spec.maximum : spec.maximum * unit[c]; }
  GAUNTLET_HD double operator()(std::int64_t c, int j) const { return top(c) * exp2(octave(c, j)); }

  GAUNTLET_HD double octave(std::int64_t c, int j) const {
    const int last = spec.candidates - 1, below = (last - spec.near) / 2, above = below + spec.near;
    if (scale == nullptr) return last > 0 ? between(-spec.octaves, 0, j, last) : 0;
    const double at = log2(scale[c] / top(c)), from = within(at - 3), to = within(at + 2);
    if (j <= below) return between(-spec.octaves, from, j, below);
    return j <= above ? between(from, to, j - below, spec.near) : between(to, 0, j - above, last - above);
  }
  /// To see who follows, candidate 0 of a batch goes to the other end instead.
  GAUNTLET_HD double or_opposite(double strength, std::int64_t c, std::int64_t j) const {
    return spec.goal == Goal::reach && j == 0 ? -top(c) : strength;
  }
  GAUNTLET_HD double within(double octave) const { return fmin(0.0, fmax(-spec.octaves, octave)); }
  GAUNTLET_HD static double between(double from, double to, int j, int steps) { return from + (to - from) * j / steps; }
};

struct FirstCandidates {
  CoarseGrid grid;
  double* strengths;  ///< [cells][candidates]

  GAUNTLET_HD void operator()(std::int64_t index) const {
    const std::int64_t c = index / grid.spec.candidates, j = index % grid.spec.candidates;
    strengths[index] = grid.or_opposite(grid(c, static_cast<int>(j)), c, j);
  }
};

/// Between the best of the first batch and its neighbors: above it for reach, on both sides for harm.
struct FinerCandidates {
  CoarseGrid grid;
  const int* place;  ///< [cells]: which of the first batch is the best; −1: none
  double* strengths;

  GAUNTLET_HD void operator()(std::int64_t index) const {
    const SearchSpec& spec = grid.spec;
    const std::int64_t c = index / spec.finer, j = index % spec.finer;
    const int best = place[c], last = spec.candidates - 1;
    const double low = best < 0 ? 0 : grid(c, spec.goal == Goal::harm && best > 0 ? best - 1 : best);
    const double high = grid(c, best < last ? best + 1 : last);
    const double strength = low + (high - low) * static_cast<double>(j + 1) / (spec.finer + 1);
    strengths[index] = grid.or_opposite(strength, c, j);
  }
};

struct PickCandidate {
  SearchSpec spec;
  int candidates;           ///< of this batch
  const double* strengths;  ///< [cells][candidates], ascending
  const double* outcome;    ///< [cells][candidates][2]
  const double* pull;       ///< [cells][candidates], for Goal::reach
  bool first;
  double* best;  ///< [cells]: greatest goal value so far
  int* place;    ///< [cells]: of the one chosen in its batch
  double* chosen;
  double* progress;

  GAUNTLET_HD void operator()(std::int64_t c) const {
    if (first) best[c] = spec.goal == Goal::harm ? -1 : 0, place[c] = -1, chosen[c] = progress[c] = 0;
    for (int j = 0; j < candidates; ++j) {
      const std::int64_t candidate = c * candidates + j;
      const double value = spec.goal == Goal::harm ? outcome[2 * candidate] : pull[candidate];
      const bool record = value > best[c];  // false for NaN
      if (record) best[c] = value;
      if (!record && !(spec.goal == Goal::reach && value > 0 && 2 * value >= best[c])) continue;
      place[c] = j;
      chosen[c] = strengths[candidate];
      progress[c] = outcome[2 * candidate + 1];
    }
  }
};

template <class Family>
struct CandidateMixings {
  AttackView view;
  Family family;
  int candidates;
  const double* strengths;
  double* mixings;  ///< [cells][candidates][n][m]

  GAUNTLET_HD void operator()(std::int64_t index) const {
    const int p = static_cast<int>(index % view.m), i = static_cast<int>(index / view.m % view.n);
    const std::int64_t candidate = index / view.m / view.n;
    mixings[index] = i < view.honest ? p == i
                                     : family(view, static_cast<int>(candidate / candidates), strengths[candidate],
                                              i - view.honest, p);
  }
};

template <class Family>
struct FinalMixing {
  AttackView view;
  Family family;
  const double* chosen;

  GAUNTLET_HD void operator()(std::int64_t index) const {
    const std::int64_t per_cell = std::int64_t{view.f} * view.m;
    const int c = static_cast<int>(index / per_cell), b = static_cast<int>(index % per_cell / view.m);
    const int p = static_cast<int>(index % view.m);
    view.mixing[c][std::int64_t{view.honest + b} * view.m + p] = family(view, c, chosen[c], b, p);
  }
};

}  // namespace detail

/// Writes messages of given strength.
template <class Family>
void write_messages(Exec& exec, const AttackView& view, const Family& family, const double* strengths) {
  parallel_for(exec, "attack mixing", std::int64_t{view.cells} * view.f * view.m,
               detail::FinalMixing<Family>{view, family, strengths});
}

/// The search for the strength, all cells and all candidates of a batch at once and without the host: two rehearsals a
/// round, a coarse grid and a fine one around its best. In a pipeline of Gram stages no candidate touches d.
/// Memory: candidates · n · m doubles per cell.
class StrengthSearch {
 public:
  StrengthSearch(Exec& exec, const AttackView& view, Rehearsal& rehearsal, SearchSpec spec)
      : exec_(exec),
        view_(view),
        rehearsal_(rehearsal),
        spec_(spec),
        reference_(exec, honest_mean_weights(view)),
        strengths_(exec, tries()),
        mixings_(exec, tries() * view.n * view.m),
        outcome_(exec, tries() * 2),
        pull_(exec, spec.goal == Goal::reach ? tries() : 0),
        place_(exec, static_cast<std::size_t>(view.cells)),
        best_(exec, static_cast<std::size_t>(view.cells)),
        chosen_(exec, static_cast<std::size_t>(view.cells)),
        progress_(exec, static_cast<std::size_t>(view.cells)) {}

  /// Leaves the strengths found in chosen(). `unit` scales the maximum of a cell, [cells], or null for 1; `scale` is
  /// the strength around which the spec's near candidates lie.
  template <class Family>
  void run(const Family& family, const double* unit = nullptr, const double* scale = nullptr) {
    const detail::CoarseGrid grid{spec_, unit, scale};
    parallel_for(exec_, "candidates", std::int64_t{view_.cells} * spec_.candidates,
                 detail::FirstCandidates{grid, strengths_.data()});
    try_all(family, spec_.candidates, true);
    if (spec_.candidates == 1) return;
    parallel_for(exec_, "candidates", std::int64_t{view_.cells} * spec_.finer,
                 detail::FinerCandidates{grid, place_.data(), strengths_.data()});
    try_all(family, spec_.finer, false);
  }

  const double* chosen() const { return chosen_.data(); }      ///< [cells]
  const double* progress() const { return progress_.data(); }  ///< [cells]: along `direction`, at the chosen strength

 private:
  std::size_t tries() const {
    return static_cast<std::size_t>(view_.cells) * (spec_.candidates > spec_.finer ? spec_.candidates : spec_.finer);
  }

  template <class Family>
  void try_all(const Family& family, int candidates, bool first) {
    parallel_for(exec_, "candidate mixings", std::int64_t{view_.cells} * candidates * view_.n * view_.m,
                 detail::CandidateMixings<Family>{view_, family, candidates, strengths_.data(), mixings_.data()});
    rehearsal_.rehearse(mixings_.data(), candidates, reference_.data(), spec_.direction, outcome_.data(), pull_.data());
    parallel_for(exec_, "pick candidate", view_.cells,
                 detail::PickCandidate{spec_, candidates, strengths_.data(), outcome_.data(), pull_.data(), first,
                                       best_.data(), place_.data(), chosen_.data(), progress_.data()});
  }

  Exec& exec_;
  AttackView view_;
  Rehearsal& rehearsal_;
  SearchSpec spec_;
  Array<double> reference_, strengths_, mixings_, outcome_, pull_;
  Array<int> place_;
  Array<double> best_, chosen_, progress_;
};

/// The rehearsal, or a UserError that says how to do without: `alternative` is what else to give.
inline Rehearsal& required(Rehearsal* rehearsal, const std::string& what, const std::string& alternative) {
  if (rehearsal == nullptr)
    throw UserError(what + " searches against a defense; give --defense" +
                    (alternative.empty() ? "" : ", or " + alternative));
  return *rehearsal;
}

/// b = base_scale · mu + direction_scale · strength · (extra row 0).
struct AlongExtraRow {
  double base_scale = 1, direction_scale = 1;

  GAUNTLET_HD double operator()(const AttackView& view, int, double strength, int, int p) const {
    return p < view.honest ? base_scale / view.honest : p == view.extra_row(0) ? direction_scale * strength : 0;
  }
};

}  // namespace gauntlet
