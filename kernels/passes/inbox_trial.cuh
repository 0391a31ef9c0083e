// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "kernels/passes/column.cuh"

/// Variants of an inbox that an attacker tries on a column rule, as the CPU works through them.
namespace gauntlet {

/// The coordinates on which variants are compared, in packets of lane_count: all of them, or one packet of each stretch
/// of neighboring ones, at a place that follows no pattern that the layers of a network could have.
struct ColumnSample {
  static constexpr std::int64_t enough = 1024;  ///< packets: from twice as many on, only some are looked at

  std::int64_t all;      ///< packets there are
  std::int64_t stretch;  ///< packets for each that is looked at

  GAUNTLET_HD ColumnSample(std::int64_t d, bool sparse)
      : all((d + lane_count - 1) / lane_count), stretch(sparse && all >= 2 * enough ? all / enough : 1) {}

  GAUNTLET_HD std::int64_t packets() const { return (all + stretch - 1) / stretch; }
  /// What sums over the sample are multiplied by to estimate the sums over everything.
  GAUNTLET_HD double weight() const { return static_cast<double>(all) / static_cast<double>(packets()); }
  /// First coordinate of packet j: Fibonacci hashing of the stretch's number.
  GAUNTLET_HD std::int64_t first(std::int64_t j) const {
    const std::uint64_t hash = static_cast<std::uint32_t>(j) * 2654435769u;
    const std::int64_t packet =
        j * stretch + static_cast<std::int64_t>((hash * static_cast<std::uint64_t>(stretch)) >> 32);
    return (packet < all ? packet : all - 1) * lane_count;
  }
};

/// The variants of some inboxes: neighboring views of the same base rows, which differ in the mixing.
struct ColumnTrial {
  Inboxes views;  ///< `variants` of each inbox, one after the other
  int variants = 1;
  const double* reference = nullptr;  ///< [inboxes][m]: the point Σ_p reference[c][p] x_p
  int direction = -1;                 ///< base row to project on, or −1

  int inboxes() const { return views.base.count / variants; }
  /// A direction may be a single coordinate, which a sample would miss.
  GAUNTLET_HD ColumnSample sample() const { return {views.base.d, direction < 0}; }
};

namespace detail {

/// Whether the messages are `honest` plain rows and then copies of one mixture, as an attack without pre-aggregators
/// makes them: the plain ones can then be sorted once for all variants.
inline bool one_mixture_at_the_end(const std::vector<int>& kinds, int honest) {
  const int n = static_cast<int>(kinds.size());
  for (int i = 0; i < n; ++i) {
    const int kind = kinds[static_cast<std::size_t>(i)];
    if (i < honest ? kind != i : i > honest && kind != message_same) return false;
  }
  return true;
}

/// The sorted column of honest values and copies of one more, which is never written down: value i is s_i or
/// s_(i − copies) clamped by the copy.
struct MergedColumn {
  using Number = Lanes;
  const Lanes* sorted;  ///< the honest values, `copies` times −∞ before and +∞ after them
  int copies, n;
  Lanes copy;

  GAUNTLET_HD Lanes at(int i) const { return upper(sorted[i - copies], lower(sorted[i], copy)); }
  GAUNTLET_HD Lanes sum(int from, int to) const {
    Lanes even(0.0f), odd(0.0f);  // two sums, since an addition waits for the one before it
    int i = from;
    for (; i + 1 < to; i += 2) even = even + at(i), odd = odd + at(i + 1);
    return i < to ? even + odd + at(i) : even + odd;
  }
};

/// What the attackers send in the variants of one inbox when it always lies on one line: row_t = start + step_t ·
/// along.
struct MixtureLine {
  std::vector<double> start, along;  ///< [m] weights
  std::vector<float> step;           ///< [variants]
  float reach = 0;                   ///< the largest magnitude of a step
};

/// The line through one mixture of m base rows in every variant, `stride` apart, or nothing.
inline std::optional<MixtureLine> line_of(const double* mixtures, int variants, std::int64_t stride, int m) {
  const auto row = [=](int t) { return mixtures + t * stride; };
  MixtureLine line;
  line.start.assign(row(0), row(0) + m);
  line.along.assign(static_cast<std::size_t>(m), 0.0);
  double length = 0, largest = 0;
  for (int t = 0; t < variants; ++t) {
    double square = 0;
    for (int p = 0; p < m; ++p) square += (row(t)[p] - row(0)[p]) * (row(t)[p] - row(0)[p]);
    if (!(square > length)) continue;
    length = square;
    for (int p = 0; p < m; ++p) line.along[static_cast<std::size_t>(p)] = row(t)[p] - row(0)[p];
  }
  for (int t = 0; t < variants; ++t) {
    double step = 0, off = 0;
    for (int p = 0; p < m; ++p) {
      const auto q = static_cast<std::size_t>(p);
      step += length > 0 ? (row(t)[p] - row(0)[p]) * line.along[q] / length : 0;
      largest = std::max(largest, std::abs(row(t)[p]));
    }
    for (int p = 0; p < m; ++p)
      off = std::max(off, std::abs(row(0)[p] + step * line.along[static_cast<std::size_t>(p)] - row(t)[p]));
    if (!(off <= 1e-12 * largest)) return std::nullopt;
    line.step.push_back(static_cast<float>(step));
    line.reach = std::max(line.reach, std::abs(line.step.back()));
  }
  return line;
}

/// Weights of base rows without the zeros.
struct SparseRow {
  std::vector<std::pair<int, float>> terms;

  explicit SparseRow(const std::vector<double>& weights) {
    for (std::size_t p = 0; p < weights.size(); ++p)
      if (const auto w = static_cast<float>(weights[p]); w != 0) terms.emplace_back(static_cast<int>(p), w);
  }
  Lanes at(const float* const* table, std::int64_t k) const {
    Lanes value(0.0f);
    for (const auto& [p, w] : terms) value = value + Lanes(w) * Lanes::load(table[p] + k);
    return value;
  }
};

/// All variants of one inbox. Messages that several of them share, such as the honest ones, are read once.
template <class Reducer>
class InboxTrial {
 public:
  InboxTrial(const ColumnTrial& trial, const Reducer& reducer, int c)
      : reducer_(reducer_without(reducer, trial.views.absent(std::int64_t{c} * trial.variants))),
        table_(trial.views.base.of(c * trial.variants)),
        n_(trial.views.messages(std::int64_t{c} * trial.variants)),
        variants_(trial.variants),
        values_(size(n_)) {
    const int m = trial.views.base.m;
    const std::int64_t stride = std::int64_t{trial.views.n} * m;
    const double* mixings = trial.views.mixing + c * variants_ * stride;
    std::vector<std::vector<int>> kinds;
    for (int t = 0; t < variants_; ++t) kinds.push_back(classify_messages(mixings + t * stride, n_, m));
    while (honest_ < n_ && kinds.front()[size(honest_)] == honest_) ++honest_;
    bool one_mixture = honest_ > 0 && honest_ < n_;
    for (const auto& kind : kinds) one_mixture = one_mixture && one_mixture_at_the_end(kind, honest_);
    if (one_mixture) line_ = line_of(mixings + honest_ * m, variants_, stride, m);
    if (line_) {
      messages_ = {SparseRow(line_->start), SparseRow(line_->along)};
      values_.assign(size(n_ - honest_), Lanes(-INFINITY));
      values_.resize(size(2 * n_ - honest_), Lanes(INFINITY));
      return;
    }
    std::map<std::vector<double>, int> known;
    for (int t = 0; t < variants_; ++t)
      for (const double* row = mixings + t * stride; row < mixings + t * stride + n_ * m; row += m) {
        const auto [place, fresh] =
            known.emplace(std::vector<double>(row, row + m), static_cast<int>(messages_.size()));
        if (fresh) messages_.emplace_back(place->first);
        places_.push_back(place->second);
      }
    read_.resize(messages_.size());
  }

  /// Calls take(t, result) with the rule's output for every variant in columns [k, k + lane_count).
  template <class Take>
  void operator()(std::int64_t k, Take take) {
    if (line_) return along_line(k, take);
    for (std::size_t i = 0; i < messages_.size(); ++i) read_[i] = clean(messages_[i].at(table_, k));
    for (int t = 0; t < variants_; ++t) {
      for (int i = 0; i < n_; ++i) values_[size(i)] = read_[size(places_[size(t * n_ + i)])];
      if constexpr (Reducer::sorted) sort_lanes(values_.data(), n_);
      take(t, reduce_values<0>(reducer_, values_.data(), n_));
    }
  }

 private:
  static std::size_t size(int i) { return static_cast<std::size_t>(i); }
  static Lanes clean(const Lanes& value) { return Reducer::sorted ? without_nan(value) : value; }

  /// The honest values are sorted once for all variants.
  template <class Take>
  void along_line(std::int64_t k, Take take) {
    const int copies = n_ - honest_;
    Lanes* values = values_.data() + copies;
    for (int i = 0; i < honest_; ++i) values[i] = clean(Lanes::load(table_[i] + k));
    if constexpr (Reducer::sorted) sort_lanes(values, honest_);
    const Lanes start = messages_[0].at(table_, k), along = messages_[1].at(table_, k);
    const Lanes farthest = absolute(start) + Lanes(line_->reach) * absolute(along);  // may be NaN
    const bool safe = !Reducer::sorted || !any_above(upper(farthest, magnitude_of(Column<Lanes, 0>{values, honest_})),
                                                     Lanes(safe_magnitude));
    for (int t = 0; t < variants_; ++t) {
      const Lanes sent = clean(start + Lanes(line_->step[size(t)]) * along);
      if constexpr (Reducer::sorted) {
        const MergedColumn merged{values, copies, n_, sent};
        take(t, safe ? reducer_(merged) : reduce_copy(merged));
      } else {
        std::fill(values + honest_, values + n_, sent);
        take(t, reducer_(Column<Lanes, 0>{values, n_}));
      }
    }
  }

  Lanes reduce_copy(const MergedColumn& merged) {
    read_.resize(size(n_));
    for (int i = 0; i < n_; ++i) read_[size(i)] = merged.at(i);
    return reduce_values<0>(reducer_, read_.data(), n_);
  }

  const Reducer reducer_;
  const float* const* table_;
  int n_, variants_, honest_ = 0;
  std::optional<MixtureLine> line_;
  std::vector<SparseRow> messages_;  ///< of a line its start and direction, else every message that differs
  std::vector<int> places_;          ///< [variants][n]: in messages_
  std::vector<Lanes> values_, read_;
};

}  // namespace detail
}  // namespace gauntlet
