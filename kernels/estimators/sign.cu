// SPDX-License-Identifier: Apache-2.0
#include "kernels/estimators/worker_gradient.cuh"
#include "kernels/exec/launch.cuh"

namespace gauntlet {
namespace {

/// Zero and NaN have no sign.
struct TakeSigns {
  const float* const* momenta;
  float* const* rows;

  GAUNTLET_HD void operator()(int unit, std::int64_t k) const {
    const float* __restrict__ from = momenta[unit] + k;
    float* __restrict__ to = rows[unit] + k;
    for (int j = 0; j < span_width; ++j) to[j] = static_cast<float>(from[j] > 0) - static_cast<float>(from[j] < 0);
  }
};

EstimatorJob redirected(EstimatorJob job, RowStore& rows) {
  job.gradient.gradients = rows.pointers();
  return job;
}

class BoundSign : public BoundEstimator {
 public:
  BoundSign(Exec& exec, const EstimatorJob& job, double beta, const GradientTreatment& treatment)
      : exec_(exec),
        beta_(beta),
        momenta_(exec, static_cast<std::int64_t>(job.gradient.gradients.size()), job.model->parameters()),
        rows_(exec, job.gradient.gradients),
        gradient_(exec, redirected(job, momenta_), treatment) {
    const std::vector<float*> pointers = momenta_.pointers();
    momentum_rows_ = {exec, std::vector<const float*>(pointers.begin(), pointers.end())};
  }

  void run() override {
    gradient_.run(static_cast<float>(1 - beta_), static_cast<float>(beta_));
    parallel_spans(exec_, "sign", static_cast<int>(rows_.size()), momenta_.d(),
                   TakeSigns{momentum_rows_.data(), rows_.data()});
  }

 private:
  Exec& exec_;
  double beta_;
  RowStore momenta_;
  Array<const float*> momentum_rows_;
  Array<float*> rows_;
  WorkerGradient gradient_;
};

class Sign : public Estimator {
 public:
  Sign(double beta, const GradientTreatment& treatment) : beta_(beta), treatment_(treatment) {}
  std::unique_ptr<BoundEstimator> bind(Exec& exec, const EstimatorJob& job) const override {
    return std::make_unique<BoundSign>(exec, job, beta_, treatment_);
  }
  int rows_per_worker() const override { return 1 + treatment_.rows(); }

 private:
  double beta_;
  GradientTreatment treatment_;
};

const Registered<Estimator> registered([](Entry<Estimator>& entry) {
  entry.name = "sign";
  entry.summary = "The signs of the gradient, or of the worker's momentum (signum)";
  entry.formula = "m <- beta m + (1 - beta) g; message = sign(m)";
  entry.source = "Bernstein, Zhao, Azizzadenesheli, Anandkumar, ICLR 2019";
  entry.parameters = with_treatment({number("beta", "0", "how much of the old momentum is kept", 0, 0.999999)});
  entry.make = [](const Arguments& arguments) {
    return std::make_unique<Sign>(arguments.number("beta"), treatment_of("sign", arguments));
  };
});

}  // namespace
}  // namespace gauntlet
