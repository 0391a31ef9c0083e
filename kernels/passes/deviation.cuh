// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/exec/array.cuh"
#include "kernels/passes/passes.cuh"

/// Distances between vectors that observers ask for.
namespace gauntlet {

/// What an aggregate did to the honest messages.
struct Deviation {
  double norm;    ///< ‖aggregate‖
  double error;   ///< ‖aggregate − honest mean‖
  double cosine;  ///< of the two
};

/// Compares each cell's aggregate with the mean of its honest messages. Allocates once; measure() waits for the result.
/// Three passes: mean of h rows, a Gram matrix of two rows.
class DeviationMeter {
 public:
  /// honest: per cell the table of its h honest rows; aggregates: per cell its aggregate row.
  DeviationMeter(Exec& exec, const std::vector<std::vector<const float*>>& honest,
                 const std::vector<const float*>& aggregates, std::int64_t d);
  std::vector<Deviation> measure();

 private:
  Exec& exec_;
  int cells_, honest_;
  std::int64_t d_;
  RowStore means_;
  Array<const float*> honest_table_, pair_table_;
  Array<float*> mean_rows_;
  Array<double> scratch_, products_;
};

/// ‖x − target‖ for each of the vectors, in double.
std::vector<double> distances_to(Exec& exec, const std::vector<const float*>& vectors, const float* target,
                                 std::int64_t d);

}  // namespace gauntlet
