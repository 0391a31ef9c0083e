// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "kernels/exec/launch.cuh"
#include "kernels/optimizers/optimizer.cuh"
#include "kernels/passes/passes.cuh"

namespace gauntlet {
namespace {

struct Shorten {
  double radius;
  const double* squares;  ///< [R]
  float* const* rows;     ///< [R]

  GAUNTLET_HD void operator()(int r, std::int64_t k) const {
    const double length = sqrt(squares[r]);
    if (!(length > radius)) return;
    const auto factor = static_cast<float>(radius / length);
    for (int j = 0; j < span_width; ++j) rows[r][k + j] *= factor;
  }
};

class Projected final : public Optimizer {
 public:
  Projected(std::unique_ptr<Optimizer> inner, double radius) : inner_(std::move(inner)), radius_(radius) {}

  std::unique_ptr<BoundOptimizer> bind(Exec& exec, const OptimizerJob& job) const override {
    return std::make_unique<Bound>(exec, job, *inner_, radius_);
  }
  int rows_per_replica() const override { return inner_->rows_per_replica(); }

 private:
  struct Bound final : BoundOptimizer {
    Bound(Exec& exec_, const OptimizerJob& job, const Optimizer& inner_, double radius_)
        : exec(exec_),
          inner(inner_.bind(exec, job)),
          radius(radius_),
          writable(exec, job.parameters),
          readable(exec, std::vector<const float*>(job.parameters.begin(), job.parameters.end())),
          rows{static_cast<int>(job.parameters.size()), 1, job.d, readable.data()},
          parts(exec, gram_scratch(exec, rows)),
          squares(exec, job.parameters.size()) {}

    void step() override {
      inner->step();
      gram(exec, rows, GramPart::norms, parts.data(), squares.data());
      parallel_spans(exec, "project", rows.count, rows.d, Shorten{radius, squares.data(), writable.data()});
    }

    Exec& exec;
    std::unique_ptr<BoundOptimizer> inner;
    double radius;
    Array<float*> writable;
    Array<const float*> readable;
    Rows rows;
    Array<double> parts, squares;
  };

  std::unique_ptr<Optimizer> inner_;
  double radius_;
};

}  // namespace

std::unique_ptr<Optimizer> projected(std::unique_ptr<Optimizer> optimizer, double radius) {
  return std::make_unique<Projected>(std::move(optimizer), radius);
}

}  // namespace gauntlet
