// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>

#include "kernels/estimators/estimator.cuh"
#include "kernels/exec/philox.cuh"
#include "tests/backends.hpp"
#include "tests/support.hpp"

/// A cohort small enough to follow every estimator in double precision.
namespace gauntlet {

using Vector = std::vector<double>;
constexpr int workers = 3, batch = 4, replicas = 2, units = replicas * workers, rounds = 5;
const TaskShape shape{90, 5, 0, 0, 0};

inline std::vector<float> random_numbers(std::size_t count, std::uint32_t stream, float scale) {
  std::vector<float> result;
  for (std::size_t i = 0; i < count; ++i)
    result.push_back(scale * Random(3, Purpose::noise, stream, 0, static_cast<std::uint32_t>(i)).normal());
  return result;
}

/// A small cohort whose samples change from round to round, with plain gradients to build references from.
class Cohort {
 public:
  explicit Cohort(Exec& exec)
      : exec_(exec),
        model_(
            Registry<ModelFamily>::find("mlp", "model").create(parse_component("mlp(hidden=[8])"), 1, 0)->build(shape)),
        d_(model_->parameters()),
        query_(exec, replicas, d_),
        iterate_(exec, replicas, d_),
        probe_(exec, replicas, d_),
        messages_(exec, units, d_),
        plain_(exec, units, d_),
        inputs_(exec, replicas * workers * batch * static_cast<std::size_t>(shape.features)),
        labels_(exec, replicas * workers * batch),
        aggregates_(exec, replicas, d_),
        round_(exec, 1),
        seeds_(exec, std::vector<std::uint64_t>{5, 6}) {
    for (int r = 0; r < replicas; ++r)
      set(query_, r, as_double(random_numbers(size(), 90 + static_cast<std::uint32_t>(r), 0.2f)));
    job_.model = model_.get();
    job_.gradient = gradient_job(query_, messages_);
    job_.query = query_.pointers();
    job_.iterate = iterate_.pointers();
    job_.features = shape.features;
    job_.draw_batch = [this](int k) { draw(k); };
    for (int r = 0; r < replicas; ++r) job_.aggregates.push_back(aggregates_.row(r));
    job_.seeds = seeds_.data();
    job_.round = round_.data();
    plain_pass_ = model_->gradient_pass(exec, gradient_job(probe_, plain_));
  }

  std::unique_ptr<BoundEstimator> bind(const std::string& text) {
    const ComponentText component = parse_component(text);
    const auto estimator = Registry<Estimator>::find(component.name, "estimator").create(component, 5, 1);
    if (!estimator->averages()) job_.iterate = job_.query;
    return estimator->bind(exec_, job_);
  }

  /// Draws round t's samples and sets the counter.
  void begin(int t) {
    t_ = t;
    draw(0);
    round_.upload({t});
  }

  /// All workers' gradients on this round's samples at the given points, clipped in double precision.
  std::vector<Vector> gradients_at(const std::vector<Vector>& points, double clip = 0) {
    for (int r = 0; r < replicas; ++r) set(probe_, r, points[r]);
    plain_pass_->run(1, 0);
    std::vector<Vector> result;
    for (int u = 0; u < units; ++u) {
      result.push_back(get(plain_, u));
      double norm = 0;
      for (const double value : result.back()) norm += value * value;
      norm = std::sqrt(norm);
      if (clip > 0 && norm > clip) {
        ++clipped;
        for (double& value : result.back()) value *= clip / norm;
      }
    }
    return result;
  }

  std::vector<Vector> queries() { return {get(query_, 0), get(query_, 1)}; }
  std::vector<Vector> iterates() { return {get(iterate_, 0), get(iterate_, 1)}; }
  std::vector<Vector> messages() {
    std::vector<Vector> result;
    for (int u = 0; u < units; ++u) result.push_back(get(messages_, u));
    return result;
  }
  /// Whether all messages are zero beyond d.
  bool padding_is_zero() {
    const std::vector<float> all = messages_.values().download();
    for (std::size_t i = 0; i < all.size(); ++i)
      if (i % static_cast<std::size_t>(padded(d_)) >= size() && all[i] != 0) return false;
    return true;
  }
  void set_seeds(const std::vector<std::uint64_t>& seeds) { seeds_.upload(seeds); }
  void set_aggregate(int r, const Vector& to) { set(aggregates_, r, to); }
  void move_query(int r, const Vector& to) { set(query_, r, to); }
  void move_iterate(int r, const Vector& to) { set(iterate_, r, to); }
  std::size_t size() const { return static_cast<std::size_t>(d_); }

  int clipped = 0;  ///< gradients that the bound has shortened

 private:
  /// The k-th mini-batch of the round.
  void draw(int k) {
    inputs_.upload(random_numbers(inputs_.size(), static_cast<std::uint32_t>(t_ + 1000 * k), 1));
    std::vector<std::int32_t> labels;
    for (std::size_t i = 0; i < labels_.size(); ++i)
      labels.push_back(static_cast<int>((i * 3 + static_cast<std::size_t>(t_ + k)) % 5));
    labels_.upload(labels);
  }

  static Vector as_double(const std::vector<float>& values) { return {values.begin(), values.end()}; }

  GradientJob gradient_job(RowStore& points, RowStore& rows) {
    GradientJob job;
    job.workers = workers, job.batch = batch;
    for (int r = 0; r < replicas; ++r) {
      job.parameters.push_back(points.row(r));
      job.inputs.push_back(inputs_.data() + r * workers * batch * shape.features);
      job.labels.push_back(labels_.data() + r * workers * batch);
    }
    job.gradients = rows.pointers();
    return job;
  }

  Vector get(const RowStore& store, int i) const {
    std::vector<float> row(size());
    copy_from(exec_, row.data(), store.row(i), row.size() * sizeof(float));
    return as_double(row);
  }
  void set(RowStore& store, int i, const Vector& values) {
    const std::vector<float> row(values.begin(), values.end());
    copy_to(exec_, store.row(i), row.data(), row.size() * sizeof(float));
  }

  Exec& exec_;
  std::unique_ptr<Model> model_;
  std::int64_t d_;
  RowStore query_, iterate_, probe_, messages_, plain_;
  Array<float> inputs_;
  Array<std::int32_t> labels_;
  RowStore aggregates_;
  Array<int> round_;
  Array<std::uint64_t> seeds_;
  int t_ = 0;
  EstimatorJob job_;
  std::unique_ptr<GradientPass> plain_pass_;
};

/// The greatest difference between two sets of messages.
inline double distance(const std::vector<Vector>& a, const std::vector<Vector>& b) {
  double worst = 0;
  for (std::size_t u = 0; u < a.size(); ++u)
    for (std::size_t i = 0; i < a[u].size(); ++i) worst = std::max(worst, std::abs(a[u][i] - b[u][i]));
  return worst;
}

}  // namespace gauntlet
