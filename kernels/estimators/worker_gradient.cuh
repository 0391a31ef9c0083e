// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kernels/estimators/estimator.cuh"

namespace gauntlet {

/// What is done to a worker's gradient before anything else uses it, in every estimator: first it is shortened to the
/// Euclidean norm C = clip, then it gets the noise of differential privacy, N(0, s² I) with
/// s = (2C/b) √(2 ln(1.25/δ)) / ε for a batch of b: the Gaussian mechanism, which makes one gradient (ε, δ)-private
/// (for ε < 1) towards who sees it. What many rounds give away together is not accounted for. Dwork, Roth 2014,
/// theorem 3.22; Guerraoui, Gupta, Pinot, Rouault, Stephan, PODC 2021.
struct GradientTreatment {
  double clip = no_limit;             ///< C; infinity: as long as it is
  double privacy_epsilon = no_limit;  ///< ε; infinity: no noise
  double privacy_delta = 1e-6;        ///< δ

  double noise(int batch) const;  ///< s
  int rows() const;               ///< padded vectors of d numbers that WorkerGradient keeps per worker
};

/// An estimator's own parameters and after them the treatment's.
std::vector<ParameterSpec> with_treatment(std::vector<ParameterSpec> own);
/// The treatment that estimator `owner` is told. \throws UserError for noise without a bound, which scales it.
GradientTreatment treatment_of(const std::string& owner, const Arguments& arguments);

/// Workers' gradients, treated. The norm is summed in double in a fixed order. Without a bound the gradient goes
/// straight to the rows, inside the GEMM's epilogue; with one it takes rows of its own and two more passes, and noise a
/// third.
class WorkerGradient {
 public:
  /// For the workers and rows of job.gradient; noise is drawn by the seeds, the numbers and the round of the job.
  WorkerGradient(Exec& exec, const EstimatorJob& job, const GradientTreatment& treatment);
  /// job.gradient.gradients ← beta · themselves + alpha · treated gradient; beta = 0 does not read the rows. Gradients
  /// of one round need different `draw`s, below 4096, to have different noise.
  void run(float alpha, float beta, int draw = 0);

 private:
  Exec& exec_;
  std::int64_t d_;
  float clip_, noise_;
  int units_, workers_;
  const std::uint64_t* seeds_;
  const int* round_;
  Array<float*> rows_;
  Array<int> numbers_;
  RowStore own_;  // the gradients before they are clipped
  Array<const float*> own_rows_;
  Array<double> partial_norms_;
  Array<float> factors_;
  std::unique_ptr<GradientPass> pass_;
};

}  // namespace gauntlet
