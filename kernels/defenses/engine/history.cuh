// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/defenses/defense.cuh"
#include "kernels/defenses/engine/pipeline_kernels.cuh"
#include "kernels/exec/array.cuh"
#include "kernels/passes/passes.cuh"

/// What rules share that judge workers by the sums of their messages over the rounds.
namespace gauntlet {

/// A message that is not finite does not enter its worker's sum. What enters is written as a row of weights over the
/// base rows and, behind them, the `kept` sums as they were: the worker's own, if they lie in the same table.
struct AdmitMessages {
  const double* products;  ///< [count][m + kept][m + kept], of which the norms are enough
  const double* mixing;    ///< [count][n][m]
  int n, m, kept;
  double* entering;  ///< [count][n][m + kept]
  double* admitted;  ///< [count][n], 1 or 0

  GAUNTLET_HD void operator()(std::int64_t index) const {
    const std::int64_t c = index / n, i = index % n;
    const int width = m + kept;
    const double* g = products + c * width * width;
    const double* mix = mixing + index * m;
    double square = 0;
    for (int p = 0; p < m; ++p) add_weighted(square, mix[p] * mix[p], g[std::int64_t{p} * width + p]);
    admitted[index] = square < INFINITY;
    double* row = entering + index * width;
    for (int p = 0; p < m; ++p) row[p] = square < INFINITY ? mix[p] : 0;
    for (int j = 0; j < kept; ++j) row[m + j] = j == i;
  }
};

/// Adds what enters to the sums. With a window they start anew every `window` rounds.
struct AddToSums {
  Rows rows;
  const double* entering;  ///< [count][n][width]
  int n, width;
  float* sums;            ///< [count][n] padded rows
  const double* divisor;  ///< [count], of what enters; null: 1
  const int* round;
  int window;  ///< 0: none

  GAUNTLET_HD void operator()(int c, std::int64_t k) const {
    const float* const* table = rows.of(c);
    const bool anew = window > 0 && *round % window == 0;
    const double share = divisor != nullptr ? 1 / divisor[c] : 1;
    for (int i = 0; i < n; ++i) {
      const double* row = entering + (std::int64_t{c} * n + i) * width;
      float* own = sums + (std::int64_t{c} * n + i) * padded(rows.d) + k;
      double sum[span_width];
      for (int l = 0; l < span_width; ++l) sum[l] = anew ? 0 : own[l];
      for (int p = 0; p < rows.m; ++p)
        for (int l = 0; l < span_width && row[p] != 0; ++l) sum[l] += share * row[p] * table[p][k + l];
      for (int l = 0; l < span_width; ++l) own[l] = static_cast<float>(sum[l]);
    }
  }
};

namespace detail {

/// Base rows and then the sums, as one table.
struct AppendSums {
  const float* const* base;
  const float* sums;
  std::int64_t stride;
  int m, n;
  const float** out;

  GAUNTLET_HD void operator()(std::int64_t index) const {
    const std::int64_t c = index / (m + n), p = index % (m + n);
    out[index] = p < m ? base[c * m + p] : sums + (c * n + p - m) * stride;
  }
};

}  // namespace detail

/// The sum of each worker's messages from the first round on, and the inner products of these sums as they are with
/// the round's messages, before they are made to last. 4 n d bytes an inbox; one Gram pass over m + n rows per
/// compute(), one pass over the messages and the sums per add().
class MessageSums {
 public:
  MessageSums(Exec& exec, const CustomStage::Job& job)
      : n_(job.inboxes.n),
        m_(job.inboxes.base.m),
        count_(job.inboxes.base.count),
        sums_(exec, std::int64_t{count_} * n_, job.inboxes.base.d),
        table_(exec, static_cast<std::size_t>(count_) * (m_ + n_)) {
    parallel_for(
        exec, "sums table", static_cast<std::int64_t>(table_.size()),
        detail::AppendSums{job.inboxes.base.row, sums_.row(0), padded(job.inboxes.base.d), m_, n_, table_.data()});
    const auto inboxes = static_cast<std::size_t>(count_), rows = static_cast<std::size_t>(m_ + n_);
    parts_ = Array<double>(exec, gram_scratch(exec, all(job)));
    products_ = Array<double>(exec, inboxes * rows * rows);
    entering_ = Array<double>(exec, inboxes * n_ * rows);
    admitted_ = Array<double>(exec, inboxes * n_);
    seen_ = Array<double>(exec, inboxes * n_ * n_);
  }

  int width() const { return m_ + n_; }
  /// Of compute(): [count][n], 1 for a message that is finite, or else 0.
  const double* admitted() const { return admitted_.data(); }
  /// Of compute(): [count][n][width], each sum as weights over the base rows and the sums before.
  const double* entering() const { return entering_.data(); }
  /// Of compute(): [count][width][width], of the base rows and the sums before.
  const double* products() const { return products_.data(); }

  /// The inner products [count][n][n] of the sums, valid until the next call.
  const double* compute(Exec& exec, const CustomStage::Job& job) {
    gram(exec, all(job), GramPart::full, parts_.data(), products_.data());
    parallel_for(exec, "admit", std::int64_t{count_} * n_,
                 AdmitMessages{products_.data(), job.inboxes.mixing, n_, m_, n_, entering_.data(), admitted_.data()});
    detail::mix_gram(exec, count_,
                     {products_.data(), m_ + n_, 1, entering_.data(), n_, m_ + n_, 0, 0, true, seen_.data()});
    return seen_.data();
  }

  /// Makes the messages of the last compute() part of the sums.
  void add(Exec& exec, const CustomStage::Job& job) {
    const Rows& base = job.inboxes.base;
    parallel_spans(exec, "add to sums", count_, base.d,
                   AddToSums{base, entering_.data(), n_, m_ + n_, sums_.row(0), nullptr, job.round, 0});
  }

 private:
  Rows all(const CustomStage::Job& job) const { return {count_, m_ + n_, job.inboxes.base.d, table_.data()}; }

  int n_, m_, count_;
  RowStore sums_;
  Array<const float*> table_;
  Array<double> parts_, products_, entering_, admitted_, seen_;
};

}  // namespace gauntlet
