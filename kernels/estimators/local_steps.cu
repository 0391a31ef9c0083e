// SPDX-License-Identifier: Apache-2.0
#include "kernels/estimators/worker_gradient.cuh"
#include "kernels/exec/launch.cuh"

namespace gauntlet {
namespace {

struct LocalSettings {
  int steps;
  double learning_rate, momentum;
  GradientTreatment treatment;
};

/// Where a worker stands: the global model minus what its message says it has moved; at first the global model.
struct LocalModel {
  int workers;
  bool first;
  const float* const* start;
  const float* const* messages;
  float* const* local;

  GAUNTLET_HD void operator()(int unit, std::int64_t k) const {
    const float* __restrict__ from = start[unit / workers] + k;
    const float* __restrict__ moved = messages[unit] + k;
    float* __restrict__ to = local[unit] + k;
    for (int j = 0; j < span_width; ++j) to[j] = first ? from[j] : from[j] - moved[j];
  }
};

struct AddVelocity {
  bool first;
  const float* const* velocities;
  float* const* messages;

  GAUNTLET_HD void operator()(int unit, std::int64_t k) const {
    const float* __restrict__ step = velocities[unit] + k;
    float* __restrict__ to = messages[unit] + k;
    for (int j = 0; j < span_width; ++j) to[j] = first ? step[j] : to[j] + step[j];
  }
};

std::vector<const float*> readable(const std::vector<float*>& rows) { return {rows.begin(), rows.end()}; }

class BoundLocalSteps : public BoundEstimator {
 public:
  BoundLocalSteps(Exec& exec, const EstimatorJob& job, const LocalSettings& settings)
      : exec_(exec),
        settings_(settings),
        d_(job.model->parameters()),
        units_(static_cast<int>(job.gradient.gradients.size())),
        workers_(job.gradient.workers),
        draw_batch_(job.draw_batch),
        round_losses_(job.gradient.losses),
        models_(exec, units_, d_),
        velocities_(exec, settings.momentum > 0 ? units_ : 0, d_),
        losses_(exec, job.gradient.gradients.size()),
        start_table_(exec, readable(job.query)),
        message_table_(exec, readable(job.gradient.gradients)),
        velocity_table_(exec, readable(velocities_.pointers())),
        model_table_(exec, models_.pointers()),
        message_rows_(exec, job.gradient.gradients),
        gradient_(exec, at_own_models(job), settings.treatment) {}

  void run() override {
    const bool heavy = settings_.momentum > 0;  // or else the steps add up in the message, in the GEMM's epilogue
    for (int s = 0; s < settings_.steps; ++s) {
      const bool first = s == 0;
      if (!first) draw_batch_(s);
      parallel_spans(exec_, "local_model", units_, d_,
                     LocalModel{workers_, first, start_table_.data(), message_table_.data(), model_table_.data()});
      const double kept = first ? 0 : heavy ? settings_.momentum : 1;
      gradient_.run(static_cast<float>(settings_.learning_rate), static_cast<float>(kept), s);
      if (heavy)
        parallel_spans(exec_, "local_velocity", units_, d_,
                       AddVelocity{first, velocity_table_.data(), message_rows_.data()});
      // The round's loss is that of the global model.
      if (first && round_losses_ != nullptr) copy_within(exec_, round_losses_, losses_.data(), losses_.bytes());
    }
  }

 private:
  /// To the model every worker is a replica of its own, with one worker.
  EstimatorJob at_own_models(EstimatorJob job) {
    job.numbers = job.worker_numbers();  // while its replicas still say who is who
    const GradientJob shared = job.gradient;
    GradientJob& own = job.gradient;
    own.workers = 1;
    own.parameters = readable(models_.pointers());
    own.inputs.clear(), own.labels.clear(), own.targets.clear();
    for (int unit = 0; unit < units_; ++unit) {
      const auto replica = static_cast<std::size_t>(unit / workers_);
      const std::int64_t first = std::int64_t{unit % workers_} * shared.batch;
      own.inputs.push_back(shared.inputs[replica] + first * job.features);
      if (!shared.labels.empty()) own.labels.push_back(shared.labels[replica] + first);
      if (!shared.targets.empty()) own.targets.push_back(shared.targets[replica] + first);
    }
    if (velocities_.rows() > 0) own.gradients = velocities_.pointers();
    own.losses = losses_.data();
    return job;
  }

  Exec& exec_;
  LocalSettings settings_;
  std::int64_t d_;
  int units_, workers_;
  std::function<void(int)> draw_batch_;
  float* round_losses_;
  RowStore models_, velocities_;
  Array<float> losses_;  // of the last step
  Array<const float*> start_table_, message_table_, velocity_table_;
  Array<float*> model_table_, message_rows_;
  WorkerGradient gradient_;
};

class LocalSteps : public Estimator {
 public:
  explicit LocalSteps(const LocalSettings& settings) : settings_(settings) {}
  std::unique_ptr<BoundEstimator> bind(Exec& exec, const EstimatorJob& job) const override {
    return std::make_unique<BoundLocalSteps>(exec, job, settings_);
  }
  int rows_per_worker() const override { return 1 + (settings_.momentum > 0 ? 1 : 0) + settings_.treatment.rows(); }

 private:
  LocalSettings settings_;
};

const Registered<Estimator> registered([](Entry<Estimator>& entry) {
  entry.name = "local-steps";
  entry.summary =
      "What the worker moves in some SGD steps of its own: FedAvg, but workers count alike however many samples they "
      "have; sgd with learning rate 1 averages the models";
  entry.formula =
      "y = x; repeat: v <- momentum v + grad(y; fresh mini-batch), y <- y - learning_rate v; message = x - y";
  entry.source = "McMahan, Moore, Ramage, Hampson, Aguera y Arcas, AISTATS 2017";
  entry.parameters =
      with_treatment({count("steps", "20", "local steps, each on a mini-batch of its own", 1, 1000),
                      number("learning_rate", "0.1", "of the local steps; the server's multiplies the message", 0),
                      number("momentum", "0", "of the local steps, from zero in every round", 0, 0.999999)});
  entry.make = [](const Arguments& arguments) {
    return std::make_unique<LocalSteps>(LocalSettings{arguments.count("steps"), arguments.number("learning_rate"),
                                                      arguments.number("momentum"),
                                                      treatment_of("local-steps", arguments)});
  };
});

}  // namespace
}  // namespace gauntlet
