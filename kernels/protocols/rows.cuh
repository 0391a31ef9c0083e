// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/defenses/engine/mixing.cuh"
#include "kernels/exec/array.cuh"

/// What protocols do with whole rows.
namespace gauntlet {

/// Pairs of rows of which one is to become the other.
class RowCopies {
 public:
  RowCopies() = default;
  RowCopies(Exec& exec, const std::vector<float*>& from, const std::vector<float*>& to)
      : count_(static_cast<int>(to.size())),
        from_(exec, std::vector<const float*>(from.begin(), from.end())),
        to_(exec, to) {}
  void run(Exec& exec, std::int64_t d) const {
    if (count_ > 0) parallel_spans(exec, "copy rows", count_, d, CopyRows{from_.data(), to_.data()});
  }

 private:
  int count_ = 0;
  Array<const float*> from_;
  Array<float*> to_;
};

/// `copies` rows become the mean of `rows` others, cell by cell.
struct AverageRows {
  int rows, copies;
  const float* const* from;  ///< [cells][rows]
  float* const* to;          ///< [cells][copies]

  GAUNTLET_HD void operator()(int c, std::int64_t k) const {
    for (int l = 0; l < span_width; ++l) {
      double sum = 0;
      for (int i = 0; i < rows; ++i) sum += from[c * rows + i][k + l];
      for (int i = 0; i < copies; ++i) to[c * copies + i][k + l] = static_cast<float>(sum / rows);
    }
  }
};

}  // namespace gauntlet
