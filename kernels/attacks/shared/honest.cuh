// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/attacks/attack.cuh"

/// What many attacks compute of the honest messages.
namespace gauntlet {

/// Extra row i of cell c, writable.
GAUNTLET_HD inline float* extra_data(const AttackView& view, int c, int i) {
  return view.extra[std::int64_t{c} * (view.m - view.extra_row(0)) + i];
}

/// How many honest messages from i on lie in the same row: clients that have agreed hold one.
GAUNTLET_HD inline int run_of_rows(const AttackView& view, int c, int i) {
  int same = 1;
  while (i + same < view.honest && view.row(c, i + same) == view.row(c, i)) ++same;
  return same;
}

/// Mean of the honest messages in columns [k, k + span_width), span_width numbers. Padding gives zero.
GAUNTLET_HD inline void honest_mean(const AttackView& view, int c, std::int64_t k, double* mean) {
  for (int l = 0; l < span_width; ++l) mean[l] = 0;
  for (int i = 0, same = 0; i < view.honest; i += same) {
    same = run_of_rows(view, c, i);
    const float* x = view.row(c, i) + k;
    for (int l = 0; l < span_width; ++l) mean[l] += same * static_cast<double>(x[l]);
  }
  for (int l = 0; l < span_width; ++l) mean[l] /= view.honest;
}

/// The same and the standard deviation (ddof 1; zero for one message).
GAUNTLET_HD inline void honest_moments(const AttackView& view, int c, std::int64_t k, double* mean, double* deviation) {
  honest_mean(view, c, k, mean);
  for (int l = 0; l < span_width; ++l) deviation[l] = 0;
  if (view.honest < 2) return;
  for (int i = 0, same = 0; i < view.honest; i += same) {
    same = run_of_rows(view, c, i);
    const float* x = view.row(c, i) + k;
    for (int l = 0; l < span_width; ++l) deviation[l] += same * ((x[l] - mean[l]) * (x[l] - mean[l]));
  }
  for (int l = 0; l < span_width; ++l) deviation[l] = sqrt(deviation[l] / (view.honest - 1));
}

/// Fills extra row 0 with the honest standard deviation.
struct WriteDeviation {
  AttackView view;

  GAUNTLET_HD void operator()(int c, std::int64_t k) const {
    double mean[span_width], deviation[span_width];
    honest_moments(view, c, k, mean, deviation);
    float* out = extra_data(view, c, 0) + k;
    for (int l = 0; l < span_width; ++l) out[l] = static_cast<float>(deviation[l]);
  }
};

namespace detail {

struct DeviationStrength {
  const double* deviation;  ///< [cells]: squared norms
  double square;
  double* strength;

  GAUNTLET_HD void operator()(std::int64_t c) const {
    strength[c] = deviation[c] > 0 ? sqrt(deviation[c] / square) : 1;
  }
};

}  // namespace detail

/// The strength at which a move along a vector of a given squared norm is as long as the honest deviation; 1 if there
/// is none.
class HonestScale {
 public:
  HonestScale(Exec& exec, const AttackView& view, double square)
      : exec_(exec),
        view_(view),
        square_(square),
        scratch_(exec, gram_scratch(exec, deviation())),
        squares_(exec, static_cast<std::size_t>(view.cells)),
        strength_(exec, static_cast<std::size_t>(view.cells)) {}

  /// Computes it for all cells, and leaves the deviation in extra row 0.
  void compute() {
    parallel_spans(exec_, "deviation", view_.cells, view_.d, WriteDeviation{view_});
    gram(exec_, deviation(), GramPart::norms, scratch_.data(), squares_.data());
    parallel_for(exec_, "deviation", view_.cells,
                 detail::DeviationStrength{squares_.data(), square_, strength_.data()});
  }
  const double* strength() const { return strength_.data(); }  ///< [cells]

 private:
  Rows deviation() const { return {view_.cells, 1, view_.d, view_.extra}; }

  Exec& exec_;
  AttackView view_;
  double square_;
  Array<double> scratch_, squares_, strength_;
};

}  // namespace gauntlet
