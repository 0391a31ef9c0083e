// SPDX-License-Identifier: Apache-2.0
#include "kernels/estimators/worker_gradient.cuh"

namespace gauntlet {
namespace {

class BoundGradient : public BoundEstimator {
 public:
  BoundGradient(Exec& exec, const EstimatorJob& job, const GradientTreatment& treatment)
      : gradient_(exec, job, treatment) {}
  void run() override { gradient_.run(1, 0); }

 private:
  WorkerGradient gradient_;
};

class Gradient : public Estimator {
 public:
  explicit Gradient(const GradientTreatment& treatment) : treatment_(treatment) {}
  std::unique_ptr<BoundEstimator> bind(Exec& exec, const EstimatorJob& job) const override {
    return std::make_unique<BoundGradient>(exec, job, treatment_);
  }
  int rows_per_worker() const override { return treatment_.rows(); }
  bool repeatable() const override { return !(treatment_.privacy_epsilon < no_limit); }

 private:
  GradientTreatment treatment_;
};

const Registered<Estimator> registered([](Entry<Estimator>& entry) {
  entry.name = "gradient";
  entry.summary = "The gradient of the worker's mini-batch";
  entry.formula = "message = g";
  entry.source = "standard";
  entry.parameters = with_treatment({});
  entry.make = [](const Arguments& arguments) {
    return std::make_unique<Gradient>(treatment_of("gradient", arguments));
  };
});

}  // namespace
}  // namespace gauntlet
