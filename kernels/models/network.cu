// SPDX-License-Identifier: Apache-2.0
#include "kernels/models/network.cuh"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/exec/philox.cuh"
#include "kernels/models/loss.cuh"

namespace gauntlet {
namespace {

/// Rows of an evaluation are scored in chunks of about this many floats of activations.
std::int64_t evaluation_floats(const Exec& exec) { return exec.cuda() ? std::int64_t{1} << 27 : std::int64_t{1} << 20; }

/// The layers bound to one set of inputs, with their activations.
class Tape {
 public:
  Tape(Exec& exec, const Layers& layers, LayerJob job, const std::vector<const float*>& parameters,
       const std::vector<float*>& gradients) {
    const auto samples = static_cast<std::size_t>(job.replicas * job.rows());
    std::size_t widest = 0;
    for (std::size_t l = 0; l + 1 < layers.size(); ++l)
      widest = std::max(widest, static_cast<std::size_t>(layers[l]->outputs()));
    if (!gradients.empty())
      for (Array<float>& delta : deltas_) delta = {exec, samples * widest};

    std::int64_t offset = 0;
    for (std::size_t l = 0; l < layers.size(); ++l) {
      const Layer& layer = *layers[l];
      outputs_.emplace_back(exec, samples * static_cast<std::size_t>(layer.outputs()));
      job.parameters = parameters;
      for (const float*& row : job.parameters) row += offset;
      job.gradients = gradients;
      for (float*& row : job.gradients) row += offset;
      job.outputs = outputs_.back().data();
      // The loss writes its derivative over the last layer's outputs.
      job.output_delta = l + 1 == layers.size() ? job.outputs : deltas_[l % 2].data();
      job.input_delta = l == 0 || gradients.empty() ? nullptr : deltas_[(l - 1) % 2].data();
      passes_.push_back(layer.bind(exec, job));
      job.inputs = spaced<const float>(job.outputs, job.replicas, job.rows() * layer.outputs());
      offset += layer.parameters();
    }
  }

  /// The last layer's outputs.
  float* forward() {
    for (auto& pass : passes_) pass->forward();
    return outputs_.back().data();
  }

  void backward(float alpha, float beta) {
    for (auto pass = passes_.rbegin(); pass != passes_.rend(); ++pass) (*pass)->backward(alpha, beta);
  }

 private:
  std::vector<Array<float>> outputs_;
  Array<float> deltas_[2];
  std::vector<std::unique_ptr<LayerPass>> passes_;
};

LayerJob layer_job(int replicas, int workers, int batch, const std::vector<const float*>& inputs) {
  LayerJob job;
  job.replicas = replicas, job.workers = workers, job.batch = batch, job.inputs = inputs;
  return job;
}

class NetworkGradient : public GradientPass {
 public:
  NetworkGradient(Exec& exec, const Layers& layers, int classes, const GradientJob& job)
      : exec_(exec),
        units_(static_cast<int>(job.parameters.size()) * job.workers),
        tape_(exec, layers, layer_job(static_cast<int>(job.parameters.size()), job.workers, job.batch, job.inputs),
              job.parameters, job.gradients),
        labels_(exec, job.labels),
        targets_(exec, job.targets),
        flips_(exec, job.flips),
        sample_losses_(exec, static_cast<std::size_t>(units_) * static_cast<std::size_t>(job.batch)),
        losses_(job.losses) {
    loss_ = {static_cast<int>(job.parameters.size()),
             job.workers,
             job.batch,
             classes,
             labels_.data(),
             targets_.data(),
             flips_.data(),
             job.round};
  }

  void run(float alpha, float beta) override {
    loss_and_delta(exec_, loss_, tape_.forward(), sample_losses_.data());
    if (losses_ != nullptr) mean_losses(exec_, units_, loss_.batch, sample_losses_.data(), losses_);
    tape_.backward(alpha, beta);
  }

 private:
  Exec& exec_;
  int units_;
  Tape tape_;
  Array<const std::int32_t*> labels_;
  Array<const float*> targets_;
  Array<RoundWindow> flips_;
  Array<float> sample_losses_;
  float* losses_;
  LossJob loss_;
};

class NetworkEvaluation : public EvaluationPass {
 public:
  NetworkEvaluation(Exec& exec, const Layers& layers, int classes, int rows,
                    const std::vector<const float*>& parameters, const Features& samples)
      : exec_(exec),
        replicas_(static_cast<int>(parameters.size())),
        rows_(rows),
        classes_(classes),
        samples_(samples),
        inputs_(exec, static_cast<std::size_t>(rows) * static_cast<std::size_t>(samples.features)),
        totals_(exec, 2 * parameters.size()),
        tape_(exec, layers, layer_job(replicas_, 1, rows, std::vector<const float*>(parameters.size(), inputs_.data())),
              parameters, {}) {}

  std::vector<Score> run() override {
    totals_.zero();
    for (std::int64_t next = 0; next < samples_.count; next += rows_) {
      // The last chunk reaches back over rows that are scored already, so that all have one shape.
      const std::int64_t first = std::min(next, samples_.count - rows_);
      gather_range(exec_, samples_, first, rows_, inputs_.data());
      score(exec_, replicas_, rows_, static_cast<int>(next - first), classes_, tape_.forward(),
            samples_.labels == nullptr ? nullptr : samples_.labels + first,
            samples_.targets == nullptr ? nullptr : samples_.targets + first, totals_.data());
    }
    const std::vector<double> totals = totals_.download();
    std::vector<Score> scores;
    const auto count = static_cast<double>(samples_.count);
    for (std::size_t r = 0; r < totals.size() / 2; ++r)
      scores.push_back({totals[2 * r] / count,
                        classes_ == 0 ? std::numeric_limits<double>::quiet_NaN() : totals[2 * r + 1] / count});
    return scores;
  }

 private:
  Exec& exec_;
  int replicas_, rows_, classes_;
  Features samples_;
  Array<float> inputs_;
  Array<double> totals_;
  Tape tape_;
};

class Network : public Model {
 public:
  Network(const TaskShape& shape, Layers layers, Start start)
      : shape_(shape), layers_(std::move(layers)), start_(start) {}

  double operations_per_sample() const override {
    // Forward, the weights' gradient and the inputs' gradient, which the first layer does without.
    double total = 0;
    for (const auto& layer : layers_) total += 6.0 * static_cast<double>(layer->products());
    return total - 2.0 * static_cast<double>(layers_.front()->products());
  }
  std::int64_t parameters() const override {
    std::int64_t total = 0;
    for (const auto& layer : layers_) total += layer->parameters();
    return total;
  }

  void initialize(std::uint64_t seed, float* to) const override {
    for (std::size_t l = 0; l < layers_.size(); ++l) {
      const float bound = 1 / std::sqrt(static_cast<float>(layers_[l]->fan_in()));
      const std::int64_t count = layers_[l]->parameters();
      for (std::int64_t i = 0; i < count; ++i) {
        const Random random(seed, Purpose::initialize, static_cast<std::uint32_t>(l), 0,
                            static_cast<std::uint32_t>(i / 4));
        to[i] = start_ == Start::zero ? 0 : (2 * random.uniform(static_cast<int>(i % 4)) - 1) * bound;
      }
      to += count;
    }
  }

  std::unique_ptr<GradientPass> gradient_pass(Exec& exec, const GradientJob& job) const override {
    return std::make_unique<NetworkGradient>(exec, layers_, shape_.classes, job);
  }

  std::unique_ptr<EvaluationPass> evaluation_pass(Exec& exec, const std::vector<const float*>& parameters,
                                                  const Features& samples) const override {
    const auto replicas = static_cast<std::int64_t>(parameters.size());
    const std::int64_t fitting = evaluation_floats(exec) / (shape_.features + replicas * activations());
    const std::int64_t rows = std::min<std::int64_t>(samples.count, std::clamp<std::int64_t>(fitting, 16, 2048));
    return std::make_unique<NetworkEvaluation>(exec, layers_, shape_.classes, static_cast<int>(rows), parameters,
                                               samples);
  }

  std::size_t bytes_per_replica(int workers, int batch) const override {
    std::int64_t widest = 0;
    std::size_t scratch = sizeof(float);  // its loss
    for (const auto& layer : layers_) scratch += layer->scratch_bytes();
    for (std::size_t l = 0; l + 1 < layers_.size(); ++l) widest = std::max(widest, layers_[l]->outputs());
    const auto floats = static_cast<std::size_t>(activations() + 2 * widest);
    return static_cast<std::size_t>(workers) * static_cast<std::size_t>(batch) * (floats * sizeof(float) + scratch);
  }

 private:
  /// Outputs of all layers for one sample.
  std::int64_t activations() const {
    std::int64_t total = 0;
    for (const auto& layer : layers_) total += layer->outputs();
    return total;
  }

  TaskShape shape_;
  Layers layers_;
  Start start_;
};

}  // namespace

std::unique_ptr<Model> make_network(const TaskShape& shape, Layers layers, Start start) {
  return std::make_unique<Network>(shape, std::move(layers), start);
}

LayerStack::LayerStack(std::string owner, const TaskShape& shape)
    : owner_(std::move(owner)),
      shape_(shape),
      height_(shape.height),
      width_(shape.width),
      channels_(shape.channels),
      features_(shape.features) {}

void LayerStack::conv(int outputs, int kernel, int padding, int pool) {
  if (height_ == 0) throw UserError(owner_ + ": a convolution needs an image, and its input is a plain vector");
  const ConvShape shape{height_, width_, channels_, outputs, kernel, padding, pool};
  const auto size = [](int h, int w) { return std::to_string(h) + " x " + std::to_string(w); };
  if (shape.out_height() < pool || shape.out_width() < pool)
    throw UserError(owner_ + ": a convolution of " + size(kernel, kernel) + " with pooling of " + size(pool, pool) +
                    " does not fit its input of " + size(height_, width_));
  layers_.push_back(conv_layer(shape));
  height_ = shape.pooled_height(), width_ = shape.pooled_width(), channels_ = outputs;
  features_ = std::int64_t{height_} * width_ * channels_;
}

void LayerStack::dense(int outputs) {
  layers_.push_back(dense_layer(static_cast<int>(features_), outputs, true, true));
  height_ = 0, features_ = outputs;
}

std::unique_ptr<Model> LayerStack::finish() {
  layers_.push_back(dense_layer(static_cast<int>(features_), std::max(shape_.classes, 1), true, false));
  return make_network(shape_, std::move(layers_));
}

}  // namespace gauntlet
