// SPDX-License-Identifier: Apache-2.0
#include "kernels/estimators/worker_gradient.cuh"
#include "kernels/exec/launch.cuh"

namespace gauntlet {
namespace {

/// Every worker's message starts from the last aggregate of its replica.
struct StartFromAggregate {
  int workers;
  const float* const* aggregates;
  float* const* rows;

  GAUNTLET_HD void operator()(int unit, std::int64_t k) const {
    const float* __restrict__ from = aggregates[unit / workers] + k;
    float* __restrict__ to = rows[unit] + k;
    for (int j = 0; j < span_width; ++j) to[j] = from[j];
  }
};

struct ServerMomentumSettings {
  double beta, damping;
  GradientTreatment treatment;
};

class BoundServerMomentum : public BoundEstimator {
 public:
  BoundServerMomentum(Exec& exec, const EstimatorJob& job, const ServerMomentumSettings& settings)
      : exec_(exec),
        settings_(settings),
        d_(job.model->parameters()),
        workers_(job.gradient.workers),
        aggregates_(exec, job.aggregates),
        rows_(exec, job.gradient.gradients),
        gradient_(exec, job, settings.treatment) {}

  void run() override {
    parallel_spans(exec_, "server_momentum", static_cast<int>(rows_.size()), d_,
                   StartFromAggregate{workers_, aggregates_.data(), rows_.data()});
    gradient_.run(static_cast<float>(1 - settings_.damping), static_cast<float>(settings_.beta));
  }

 private:
  Exec& exec_;
  ServerMomentumSettings settings_;
  std::int64_t d_;
  int workers_;
  Array<const float*> aggregates_;
  Array<float*> rows_;
  WorkerGradient gradient_;
};

class ServerMomentum : public Estimator {
 public:
  explicit ServerMomentum(const ServerMomentumSettings& settings) : settings_(settings) {}
  std::unique_ptr<BoundEstimator> bind(Exec& exec, const EstimatorJob& job) const override {
    return std::make_unique<BoundServerMomentum>(exec, job, settings_);
  }
  int rows_per_worker() const override { return settings_.treatment.rows(); }

 private:
  ServerMomentumSettings settings_;
};

const Registered<Estimator> registered([](Entry<Estimator>& entry) {
  entry.name = "server-momentum";
  entry.summary = "The gradient on top of the server's momentum, which is the last aggregate; for optimizer sgd";
  entry.formula =
      "message_i = (1 - damping) g_i + beta (last aggregate, zero at first); with sgd x <- x - rate aggregate";
  entry.source = "El-Mhamdi, Guerraoui, Rouault, ICLR 2021 (momentum at the server)";
  entry.parameters =
      with_treatment({number("beta", "0.9", "how much of the last aggregate is kept", 0, 0.999999),
                      number("damping", "0", "the weight of the new gradient is 1 - damping", 0, 0.999999)});
  entry.make = [](const Arguments& arguments) {
    return std::make_unique<ServerMomentum>(ServerMomentumSettings{
        arguments.number("beta"), arguments.number("damping"), treatment_of("server-momentum", arguments)});
  };
});

}  // namespace
}  // namespace gauntlet
