// SPDX-License-Identifier: Apache-2.0
#include "kernels/defenses/engine/custom_gram.cuh"

namespace gauntlet {
namespace {

/// Rows k w_i mixing_i of the messages that are not hidden; the others become NaN, which a column sorts last.
struct HideMessages {
  const double* weights;  ///< [count][n]
  const double* mixing;   ///< [count][n][m]
  int n, m;
  double* out;  ///< [count][n][m]

  GAUNTLET_HD void operator()(std::int64_t index) const {
    const std::int64_t message = index / m;
    const double* own = weights + message / n * n;
    if (weights[message] == 0) {
      out[index] = NAN;
      return;
    }
    int left = 0;
    for (int i = 0; i < n; ++i) left += own[i] != 0;
    out[index] = left * weights[message] * mixing[index];
  }
};

/// The median of a column's finite values, of an even number the mean of the middle two; zero without any.
struct MedianOfFinite {
  static constexpr bool sorted = true;

  template <class Values>
  GAUNTLET_HD typename Values::Number operator()(const Values& column) const {
    using T = typename Values::Number;
    const T zero(0.0f), one(1.0f), two(2.0f), half(0.5f), most(3.4028235e38f);
    T finite = zero;
    for (int i = 0; i < column.n; ++i) finite = finite + if_not_above(column.at(i), most, one, zero);
    const T middle = half * (finite - one);
    T total = zero, counted = zero;
    for (int i = 0; i < column.n; ++i) {
      const T value = column.at(i), place(static_cast<float>(i));
      const T share = if_not_above(upper(place - middle, middle - place), half, one, zero);
      const T known = if_not_above(value, most, share, zero);
      total = total + half * if_not_above(one, known, value, zero);
      counted = counted + known;
    }
    return total * (two / upper(counted, one));
  }
};

}  // namespace

void WeightedOutput::write(Exec& exec, const CustomStage::Job& job, const double* weights) {
  const Inboxes& inboxes = job.inboxes;
  const Rows& rows = inboxes.base;
  const auto size = static_cast<std::int64_t>(base_.size());
  if (median_) {
    parallel_for(exec, "hide", size, HideMessages{weights, inboxes.mixing, inboxes.n, rows.m, base_.data()});
    reduce_columns(exec, Inboxes{rows, inboxes.n, base_.data()}, MedianOfFinite{}, job.out);
    return;
  }
  parallel_for(exec, "compose", size, detail::Multiply{weights, inboxes.mixing, 1, inboxes.n, rows.m, base_.data()});
  combine(exec, rows, base_.data(), rows.m, job.out);
}

}  // namespace gauntlet
