// SPDX-License-Identifier: Apache-2.0
#include "kernels/protocols/btard/aggregation.cuh"

#include "kernels/exec/launch.cuh"
#include "kernels/protocols/btard/fixed_point.cuh"

namespace gauntlet {
namespace {

using View = PartAggregation::View;

/// One team: the fixed point of a part, and how its rows are weighed in what is published.
struct SolvePart {
  View view;

  GAUNTLET_HD void operator()(const Team& team, int at) const {
    const CouncilView& council = view.council;
    const int n = council.rules.n, c = at / n, j = at % n, m = view.m, rows = view.rows;
    const Record record = council.record(c);
    const int g = record.parts;
    if (j >= (g > 0 ? g : 1)) return;
    const int* owner = record.owner;
    const View v = view;
    const double* base = v.products + std::int64_t{at} * rows * rows;
    double* between = v.between + std::int64_t{at} * n * n;
    double* weights = v.weights + std::int64_t{at} * n;
    double* scratch = v.scratch + std::int64_t{at} * v.per_part;
    double* mixed = scratch + 5 * n;  // [g][m]: of the messages that are no rows, their products with the rows

    team.each(g * m, [=](int e) {
      const int peer = owner[e / m], p = e % m;
      if (v.is_row(peer)) return;
      double total = 0;
      for (int q = 0; q < m; ++q) add_weighted(total, v.mix(c, peer, q), base[std::int64_t{p} * rows + q]);
      mixed[e] = total;
    });
    team.each(g * g, [=](int e) {
      const int a = e / g, b = e % g, one = owner[a], other = owner[b];
      if (a > b) return;  // Byzantine peers come last
      double product = 0;
      if (v.is_row(other)) {
        product = base[std::int64_t{one} * rows + other];
      } else if (v.is_row(one)) {
        product = mixed[b * m + one];
      } else {
        for (int p = 0; p < m; ++p) add_weighted(product, v.mix(c, one, p), mixed[b * m + p]);
      }
      between[a * n + b] = between[b * n + a] = product;
    });
    const double square = clipping_fixed_point(team, g, between, n, council.tau[c], weights, scratch);
    team.once([=] { v.squares[at] = square; });
    team.each(g, [=](int a) {
      const double own = between[a * n + a];
      record.norms[owner[a] * n + j] = own >= 0 && own < INFINITY ? sqrt(own) : INFINITY;
    });
    double* right = v.right + std::int64_t{at} * rows;
    double* published = v.published + std::int64_t{at} * rows;
    team.each(rows, [=](int p) {
      double weight = 0;
      for (int a = 0; a < g; ++a) add_weighted(weight, weights[a], p < m ? v.mix(c, owner[a], p) : 0.0);
      double moved = weight;
      if (v.has_shift && p == m + 1 && (v.shift_is_exact || (g > 0 && record.shifted[j] != 0))) {
        const double length = sqrt(base[std::int64_t{p} * rows + p]);
        const double size = council.what(c, Misconduct::Kind::wrong_aggregation).size * council.tau[c];
        moved = v.shift_is_exact ? 1 : length > 0 ? size / length : 0;
      }
      right[p] = weight, published[p] = moved;
    });
  }
};

/// One team: the true statements on a part.
struct StatePart {
  View view;

  GAUNTLET_HD void operator()(const Team& team, int at) const {
    const CouncilView& council = view.council;
    const int n = council.rules.n, c = at / n, j = at % n, m = view.m, rows = view.rows;
    const Record record = council.record(c);
    if (j >= record.parts) return;
    const int g = record.parts;
    const int* owner = record.owner;
    const View v = view;
    const double tau = council.tau[c], tolerance = council.rules.tolerance;
    const double* base = v.products + std::int64_t{at} * rows * rows;
    const double* dots = v.dots + std::int64_t{at} * (rows + 1);
    const double* between = v.between + std::int64_t{at} * n * n;
    const double* weights = v.weights + std::int64_t{at} * n;
    double* with_published = v.scratch + std::int64_t{at} * v.per_part;  // [g] ⟨g_i(j), p(j)⟩
    const double square = dots[rows], along_z = dots[m];
    team.each(g, [=](int a) {
      const int peer = owner[a];
      double along = 0, random = 0;
      if (v.is_row(peer)) {
        along = dots[peer], random = base[std::int64_t{m} * rows + peer];
      } else {
        for (int p = 0; p < m; ++p) {
          add_weighted(along, v.mix(c, peer, p), dots[p]);
          add_weighted(random, v.mix(c, peer, p), base[std::int64_t{m} * rows + p]);
        }
      }
      const double gap = between[a * n + a] - 2 * along + square;
      const double r = gap < INFINITY ? sqrt(gap > 0 ? gap : 0) : INFINITY;  // NaN is infinitely far, too
      const double factor = clip_factor(r, tau);
      const double s = factor > 0 ? (random - along_z) * factor : 0;
      const int entry = peer * n + j;
      record.true_r[entry] = record.r[entry] = r;
      record.true_s[entry] = record.s[entry] = s;
      with_published[a] = along;
    });
    const double inner = team.sum(g, [=](int a) { return weights[a] != 0 ? weights[a] * with_published[a] : 0.0; });
    const double lengths = team.sum(g, [=](int a) { return clipped_length(record.true_r[owner[a] * n + j], tau); });
    const double byzantine = team.sum(g, [=](int a) { return council.is_honest(owner[a]) ? 0.0 : weights[a]; });
    team.once([=] {
      const double gap = square - 2 * inner + v.squares[at];
      const double rounding = float_rounding * sqrt(square) + least_float * static_cast<double>(v.d);
      record.rounding[j] = rounding;
      v.shares[at] = byzantine;
      record.wrong[j] = !(square < INFINITY) || sqrt(gap > 0 ? gap : 0) > tolerance * lengths / g + rounding;
    });
  }

  /// Of a vector that is rounded to floats, 2⁻²⁴ of each number: what that moves, times a direction of unit variance,
  /// is less than this share of its norm (a normal number beyond 8 standard deviations).
  static constexpr double float_rounding = 1.0 / (1 << 21);
  /// Below it floats have no relative precision, or are zero.
  static constexpr double least_float = 1.1754944e-38;
};

}  // namespace

PartAggregation::PartAggregation(Exec& exec, const CouncilView& council, const SentRows& sent) : exec_(exec) {
  const std::size_t cells = static_cast<std::size_t>(council.cells), n = static_cast<std::size_t>(council.rules.n);
  const bool has_shift = !sent.shift.empty();
  const std::size_t m = static_cast<std::size_t>(sent.m), rows = m + 1 + has_shift;
  std::vector<const float*> table;
  for (std::size_t c = 0; c < cells; ++c) {
    for (std::size_t p = 0; p < m; ++p) table.push_back(sent.base[c * m + p]);
    table.push_back(sent.direction[c]);
    if (has_shift) table.push_back(sent.shift[c]);
  }
  table_ = {exec, table};
  messages_ = {exec, sent, council.honest()};
  aggregates_ = {exec, sent.aggregates};
  rows_ = {council.cells, static_cast<int>(rows), sent.d, table_.data()};
  parts_ = {council.rules.n, council.parts, sent.d};
  const std::size_t places = cells * n, per_part = 5 * n + n * m;
  products_ = {exec, places * rows * rows}, dots_ = {exec, places * (rows + 1)};
  between_ = {exec, places * n * n}, weights_ = {exec, places * n}, squares_ = {exec, places};
  shares_ = {exec, places};
  right_ = {exec, places * rows}, published_ = {exec, places * rows};
  scratch_ = {exec, places * per_part};
  gram_scratch_ = {exec, part_gram_scratch(exec, rows_, parts_)};
  dot_scratch_ = {exec, part_dot_scratch(exec, rows_, parts_)};
  view_ = {council,
           sent.m,
           static_cast<int>(rows),
           sent.d,
           has_shift,
           sent.shift_is_exact,
           messages_.view(),
           products_.data(),
           dots_.data(),
           between_.data(),
           weights_.data(),
           squares_.data(),
           shares_.data(),
           right_.data(),
           published_.data(),
           scratch_.data(),
           static_cast<int>(per_part)};
}

void PartAggregation::run() {
  const int teams = view_.council.cells * view_.council.rules.n, size = view_.council.rules.n;
  part_gram(exec_, rows_, parts_, gram_scratch_.data(), products_.data());
  for_teams(exec_, "fixed points", teams, size * size, SolvePart{view_});
  part_combine(exec_, rows_, parts_, published_.data(), view_.rows, aggregates_.data());
  part_dots(exec_, rows_, parts_, aggregates_.data(), dot_scratch_.data(), dots_.data());
  for_teams(exec_, "statements", teams, size, StatePart{view_});
}

void PartAggregation::correct() {
  part_combine(exec_, rows_, parts_, right_.data(), view_.rows, aggregates_.data(), view_.council.redo);
}

std::vector<double> PartAggregation::byzantine_share() const {
  const CouncilView& council = view_.council;
  const int n = council.rules.n;
  std::vector<int> counts(static_cast<std::size_t>(council.cells));
  copy_from(exec_, counts.data(), council.parts, counts.size() * sizeof(int));
  const std::vector<double> shares = shares_.download();
  const Parts parts{n, counts.data(), view_.d};
  std::vector<double> means;
  for (int c = 0; c < council.cells; ++c) {
    double sum = 0;
    for (int j = 0; j < counts[static_cast<std::size_t>(c)]; ++j)
      sum += shares[static_cast<std::size_t>(c * n + j)] * static_cast<double>(parts.end(c, j) - parts.begin(c, j));
    means.push_back(sum / static_cast<double>(view_.d));
  }
  return means;
}

}  // namespace gauntlet
