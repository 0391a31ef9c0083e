// SPDX-License-Identifier: Apache-2.0
#include "kernels/estimators/worker_gradient.cuh"
#include "kernels/exec/launch.cuh"

namespace gauntlet {
namespace {

struct MomentumSettings {
  double beta;
  double weight;  ///< of the new gradient
  bool first;     ///< the first message is the gradient itself
  GradientTreatment treatment;
};

/// In round 0 a momentum that started at zero is the weighted gradient: this makes it the gradient.
struct ScaleFirst {
  const int* round;
  float factor;
  float* const* rows;

  GAUNTLET_HD void operator()(int unit, std::int64_t k) const {
    if (*round != 0) return;
    float* row = rows[unit] + k;
    for (int j = 0; j < span_width; ++j) row[j] *= factor;
  }
};

class BoundMomentum : public BoundEstimator {
 public:
  BoundMomentum(Exec& exec, const EstimatorJob& job, const MomentumSettings& settings)
      : exec_(exec),
        settings_(settings),
        d_(job.model->parameters()),
        round_(job.round),
        rows_(exec, job.gradient.gradients),
        gradient_(exec, job, settings.treatment) {}

  void run() override {
    gradient_.run(static_cast<float>(settings_.weight), static_cast<float>(settings_.beta));
    if (settings_.first && settings_.weight != 1)
      parallel_spans(exec_, "first_momentum", static_cast<int>(rows_.size()), d_,
                     ScaleFirst{round_, static_cast<float>(1 / settings_.weight), rows_.data()});
  }

 private:
  Exec& exec_;
  MomentumSettings settings_;
  std::int64_t d_;
  const int* round_;
  Array<float*> rows_;
  WorkerGradient gradient_;
};

class Momentum : public Estimator {
 public:
  explicit Momentum(const MomentumSettings& settings) : settings_(settings) {}
  std::unique_ptr<BoundEstimator> bind(Exec& exec, const EstimatorJob& job) const override {
    return std::make_unique<BoundMomentum>(exec, job, settings_);
  }
  int rows_per_worker() const override { return settings_.treatment.rows(); }

 private:
  MomentumSettings settings_;
};

const Registered<Estimator> registered([](Entry<Estimator>& entry) {
  entry.name = "momentum";
  entry.summary = "The worker's momentum, kept in its message and updated in the gradient's last GEMM";
  entry.formula = "m <- beta m + (1 - damping) g, damping = beta (ema) or 0 (heavy-ball); message = m";
  entry.source = "Karimireddy, He, Jaggi, ICML 2021; El-Mhamdi, Guerraoui, Rouault, ICLR 2021";
  entry.parameters = with_treatment(
      {number("beta", "0.9", "how much of the old momentum is kept", 0, 0.999999),
       word("form", "ema", "weight of the new gradient: 1 - beta (ema) or 1 (heavy-ball)", {"ema", "heavy-ball"}),
       number("damping", "form", "the weight of the new gradient is 1 - damping; form: as the form says", 0, 0.999999,
              {"form"}),
       word("start", "zero", "the momentum before round 0: zero, or such that the first message is the first gradient",
            {"zero", "first"})});
  entry.make = [](const Arguments& arguments) {
    const double beta = arguments.number("beta"), by_form = arguments.is("form", "ema") ? beta : 0;
    const double damping = arguments.is("damping", "form") ? by_form : arguments.number("damping");
    return std::make_unique<Momentum>(
        MomentumSettings{beta, 1 - damping, arguments.is("start", "first"), treatment_of("momentum", arguments)});
  };
});

}  // namespace
}  // namespace gauntlet
