// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "kernels/estimators/worker_gradient.cuh"
#include "kernels/exec/launch.cuh"

namespace gauntlet {
namespace {

/// The schedules of double momentum at t = round + 1. A negative fixed value means: by its formula.
struct Mu2Settings {
  bool growing;      ///< α_t = t, else 1
  bool scaled_step;  ///< the optimizer's step is multiplied by α_t
  bool as_code;      ///< β and γ as the authors' code has them: rounded, not below 0.01, γ one step late
  double fixed_beta, fixed_gamma;
  GradientTreatment treatment;

  GAUNTLET_HD double alpha(int t) const { return growing ? t : 1; }
  /// β_t = 1/t.
  GAUNTLET_HD double beta(int t) const { return fixed_beta >= 0 ? fixed_beta : told(1.0 / t); }
  /// γ_{t+1} = α_{t+1} / (α_1 + … + α_{t+1}), the weight of iterate t + 1 in the query point x_{t+1}.
  GAUNTLET_HD double next_gamma(int t) const {
    if (fixed_gamma >= 0) return fixed_gamma;
    const int last = as_code ? t : t + 1;
    return told(growing ? 2.0 / (last + 1) : 1.0 / last);
  }

 private:
  GAUNTLET_HD double told(double weight) const {
    if (!as_code) return weight;
    const double rounded = floor(1000 * weight + 0.5) / 1000;  // 1/80 lies above 0.0125, if only just
    return rounded > 0.01 ? rounded : 0.01;
  }
};

/// The vectors of each replica.
struct Points {
  float* const* query;
  float* const* iterate;
  float* const* last_query;
};

/// In round 0 everything stands where the query point does.
struct StartPoints {
  const int* round;
  Points points;

  GAUNTLET_HD void operator()(int r, std::int64_t k) const {
    if (*round != 0) return;
    for (int j = 0; j < span_width; ++j) {
      const float x = points.query[r][k + j];
      points.iterate[r][k + j] = x;
      points.last_query[r][k + j] = x;
    }
  }
};

/// message ← (1 − β_t) message; at t = 1 there is nothing to keep unless β is fixed below 1, and then it is zero.
struct Discount {
  Mu2Settings settings;
  const int* round;
  float* const* rows;

  GAUNTLET_HD void operator()(int unit, std::int64_t k) const {
    const auto kept = *round == 0 ? 0.0f : static_cast<float>(1 - settings.beta(*round + 1));
    float* row = rows[unit] + k;
    for (int j = 0; j < span_width; ++j) row[j] = kept == 0 ? 0.0f : kept * row[j];
  }
};

/// The next query point x ← (1 − γ_{t+1}) x + γ_{t+1} w.
struct MoveQuery {
  Mu2Settings settings;
  const int* round;
  Points points;

  GAUNTLET_HD void operator()(int r, std::int64_t k) const {
    const auto gamma = static_cast<float>(settings.next_gamma(*round + 1));
    float* __restrict__ x = points.query[r] + k;
    const float* __restrict__ w = points.iterate[r] + k;
    float* __restrict__ last_x = points.last_query[r] + k;
    for (int j = 0; j < span_width; ++j) {
      last_x[j] = x[j];
      x[j] += gamma * (w[j] - x[j]);
    }
  }
};

/// Keeps the round for moved(), whatever has happened to the counter by then.
struct NoteRound {
  const int* round;
  int* noted;
  GAUNTLET_HD void operator()(std::int64_t) const { *noted = *round; }
};

class BoundMu2 : public BoundEstimator {
 public:
  BoundMu2(Exec& exec, const EstimatorJob& job, const Mu2Settings& settings)
      : exec_(exec),
        settings_(settings),
        d_(job.model->parameters()),
        replicas_(static_cast<int>(job.query.size())),
        round_(exec, 1),
        counter_(job.round),
        last_query_(exec, replicas_, d_),
        query_table_(exec, job.query),
        iterate_table_(exec, job.iterate),
        last_query_table_(exec, last_query_.pointers()),
        rows_(exec, job.gradient.gradients),
        here_(exec, job, settings.treatment),
        before_(exec, at_last_query(job), settings.treatment) {}

  void run() override {
    parallel_for(exec_, "mu2_round", 1, NoteRound{counter_, round_.data()});
    parallel_spans(exec_, "mu2_start", replicas_, d_, StartPoints{round_.data(), points()});
    // d ← ∇f(x_t; z_t) + (1 − β_t)(d − ∇f(x_{t−1}; z_t)), both gradients added in their GEMM's epilogue. Each is told
    // to the server, in effect, so each has noise of its own.
    before_.run(-1, 1, 1);
    parallel_spans(exec_, "mu2_discount", static_cast<int>(rows_.size()), d_,
                   Discount{settings_, round_.data(), rows_.data()});
    here_.run(1, 1, 0);
  }

  void moved() override {
    parallel_spans(exec_, "mu2_move", replicas_, d_, MoveQuery{settings_, round_.data(), points()});
  }

 private:
  Points points() { return {query_table_.data(), iterate_table_.data(), last_query_table_.data()}; }

  EstimatorJob at_last_query(EstimatorJob job) {
    const std::vector<float*> pointers = last_query_.pointers();
    job.gradient.parameters.assign(pointers.begin(), pointers.end());
    job.gradient.losses = nullptr;
    return job;
  }

  Exec& exec_;
  Mu2Settings settings_;
  std::int64_t d_;
  int replicas_;
  Array<int> round_;
  const int* counter_;
  RowStore last_query_;
  Array<float*> query_table_, iterate_table_, last_query_table_, rows_;
  WorkerGradient here_, before_;
};

class Mu2 : public Estimator {
 public:
  explicit Mu2(const Mu2Settings& settings) : settings_(settings) {}
  std::unique_ptr<BoundEstimator> bind(Exec& exec, const EstimatorJob& job) const override {
    return std::make_unique<BoundMu2>(exec, job, settings_);
  }
  bool averages() const override { return true; }
  double step_factor(int round) const override { return settings_.scaled_step ? settings_.alpha(round + 1) : 1; }
  int rows_per_worker() const override { return 2 * settings_.treatment.rows(); }

 private:
  Mu2Settings settings_;
};

const Registered<Estimator> registered([](Entry<Estimator>& entry) {
  entry.name = "mu2";
  entry.summary = "Double momentum: corrected momentum (STORM) at an average of the iterates (AnyTime)";
  entry.formula =
      "d <- grad(x_t; z_t) + (1 - beta_t)(d - grad(x_{t-1}; z_t)); message = d; w <- w + alpha_t (optimizer's step); "
      "x <- (1 - gamma) x + gamma w with gamma = alpha_{t+1} / (alpha_1 + ... + alpha_{t+1})";
  entry.source = "Dahan, Levy, ICML 2024; Levy, ICLR 2025";
  entry.parameters = with_treatment(
      {word("alpha", "t", "weight of iterate t in the average, and of step t", {"t", "1"}),
       flag("scaled-step", true,
            "multiply the optimizer's step by alpha_t, as in the paper; its authors' code does not"),
       number("beta", "1/t", "weight of the new gradient; 1/t or a fixed value", 0, 1, {"1/t"}),
       number("gamma", "auto", "weight of the iterate in the query point; auto: from alpha; or a fixed value", 0, 1,
              {"auto"}),
       word("schedules", "paper",
            "of beta and gamma; code: its authors', which round both to three decimals, keep them from 0.01 on and "
            "take gamma one step late, 2/(t+1)",
            {"paper", "code"})});
  entry.make = [](const Arguments& arguments) {
    return std::make_unique<Mu2>(
        Mu2Settings{arguments.is("alpha", "t"), arguments.flag("scaled-step"), arguments.is("schedules", "code"),
                    arguments.is("beta", "1/t") ? -1 : arguments.number("beta"),
                    arguments.is("gamma", "auto") ? -1 : arguments.number("gamma"), treatment_of("mu2", arguments)});
  };
});

}  // namespace
}  // namespace gauntlet
