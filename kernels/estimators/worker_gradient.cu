// SPDX-License-Identifier: Apache-2.0
#include "kernels/estimators/worker_gradient.cuh"

#include <cmath>

#include "kernels/exec/launch.cuh"
#include "kernels/exec/philox.cuh"

namespace gauntlet {
namespace {

constexpr int block = 8;              // numbers added up by one thread at a time
constexpr int chunk_blocks = 1 << 9;  // blocks summed by one team

struct PartialNorms {
  int blocks, chunks;
  const float* const* rows;
  double* partial;

  GAUNTLET_HD void operator()(const Team& team, int i) const {
    const int first = i % chunks * chunk_blocks;
    const int count = blocks - first < chunk_blocks ? blocks - first : chunk_blocks;
    const float* row = rows[i / chunks] + std::int64_t{first} * block;
    const double sum = team.sum(count, [row](int b) {
      double squares = 0;
      for (int j = 0; j < block; ++j) {
        const double value = row[std::int64_t{b} * block + j];
        squares += value * value;
      }
      return squares;
    });
    double* const to = partial + i;
    team.once([to, sum] { *to = sum; });
  }
};

struct Factors {
  int chunks;
  float clip;
  const double* partial;
  float* factors;

  GAUNTLET_HD void operator()(std::int64_t unit) const {
    double squares = 0;
    for (int c = 0; c < chunks; ++c) squares += partial[unit * chunks + c];
    const double norm = sqrt(squares);
    factors[unit] = norm > clip ? static_cast<float>(clip / norm) : 1.0f;
  }
};

struct Accumulate {
  float alpha, beta;
  const float* factors;
  const float* const* gradients;
  float* const* rows;

  GAUNTLET_HD void operator()(int unit, std::int64_t k) const {
    const float scale = alpha * factors[unit];
    const float* __restrict__ from = gradients[unit] + k;
    float* __restrict__ to = rows[unit] + k;
    if (beta == 0) {
      for (int j = 0; j < span_width; ++j) to[j] = scale * from[j];
    } else {
      for (int j = 0; j < span_width; ++j) to[j] = beta * to[j] + scale * from[j];
    }
  }
};

/// The bits of a random number's worker that name the worker; a spec has at most a million. The rest name the draw.
constexpr int worker_bits = 20;

/// Noise on the first d coordinates; the padding stays zero.
struct AddNoise {
  float deviation;
  std::int64_t d;
  int workers, draw;
  const std::uint64_t* seeds;
  const int* numbers;
  const int* round;
  float* const* rows;

  GAUNTLET_HD void operator()(int unit, std::int64_t k) const {
    const std::uint64_t seed = seeds[unit / workers];
    const auto who = static_cast<std::uint32_t>(numbers[unit]) | static_cast<std::uint32_t>(draw) << worker_bits;
    float* row = rows[unit] + k;
    for (int j = 0; j < span_width; j += 2) {
      const Random random(seed, Purpose::noise, who, static_cast<std::uint32_t>(*round),
                          static_cast<std::uint32_t>((k + j) / 2));
      for (int i = 0; i < 2; ++i)
        if (k + j + i < d) row[j + i] += deviation * random.normal(i);
    }
  }
};

}  // namespace

double GradientTreatment::noise(int batch) const {
  return std::isinf(privacy_epsilon)
             ? 0
             : 2 * clip / batch * std::sqrt(2 * std::log(1.25 / privacy_delta)) / privacy_epsilon;
}

int GradientTreatment::rows() const { return std::isinf(clip) ? 0 : 1; }

std::vector<ParameterSpec> with_treatment(std::vector<ParameterSpec> own) {
  own.push_back(
      number("clip", "none", "bound on the Euclidean norm of every worker's gradient", 0, no_limit, {"none"}));
  own.push_back(number("privacy_epsilon", "none",
                       "hides every gradient in normal noise of deviation 2 clip / batch * "
                       "sqrt(2 ln(1.25 / privacy_delta)) / privacy_epsilon; none: no noise",
                       1e-9, no_limit, {"none"}));
  own.push_back(number("privacy_delta", "1e-6", "the probability that privacy fails", 1e-100, 1));
  return own;
}

GradientTreatment treatment_of(const std::string& owner, const Arguments& arguments) {
  const auto limit = [&](const char* name) { return arguments.is(name, "none") ? no_limit : arguments.number(name); };
  const GradientTreatment treatment{limit("clip"), limit("privacy_epsilon"), arguments.number("privacy_delta")};
  if (!std::isinf(treatment.privacy_epsilon) && std::isinf(treatment.clip))
    throw UserError(owner + ": privacy_epsilon needs clip, the bound that its noise is scaled by, as in '" + owner +
                    "(clip=1, privacy_epsilon=0.5)'");
  return treatment;
}

WorkerGradient::WorkerGradient(Exec& exec, const EstimatorJob& job, const GradientTreatment& treatment)
    : exec_(exec),
      d_(job.model->parameters()),
      clip_(static_cast<float>(treatment.clip)),
      noise_(static_cast<float>(treatment.noise(job.gradient.batch))),
      units_(static_cast<int>(job.gradient.gradients.size())),
      workers_(units_ / static_cast<int>(job.query.size())),
      seeds_(job.seeds),
      round_(job.round),
      rows_(exec, job.gradient.gradients),
      numbers_(exec, job.worker_numbers()) {
  GradientJob gradient = job.gradient;
  if (treatment.rows() > 0) {
    own_ = {exec, units_, d_};
    gradient.gradients = own_.pointers();
    own_rows_ = {exec, std::vector<const float*>(gradient.gradients.begin(), gradient.gradients.end())};
    const auto chunks = static_cast<std::size_t>((padded(d_) / block + chunk_blocks - 1) / chunk_blocks);
    partial_norms_ = {exec, static_cast<std::size_t>(units_) * chunks};
    factors_ = {exec, static_cast<std::size_t>(units_)};
  }
  pass_ = job.model->gradient_pass(exec, gradient);
}

void WorkerGradient::run(float alpha, float beta, int draw) {
  if (own_.rows() == 0) return pass_->run(alpha, beta);
  pass_->run(1, 0);
  const auto blocks = static_cast<int>(padded(d_) / block);
  const int chunks = (blocks + chunk_blocks - 1) / chunk_blocks;
  for_teams(exec_, "clip_norms", units_ * chunks, 128,
            PartialNorms{blocks, chunks, own_rows_.data(), partial_norms_.data()});
  parallel_for(exec_, "clip_factors", units_, Factors{chunks, clip_, partial_norms_.data(), factors_.data()});
  parallel_spans(exec_, "clip", units_, d_, Accumulate{alpha, beta, factors_.data(), own_rows_.data(), rows_.data()});
  if (noise_ > 0)
    parallel_spans(exec_, "privacy_noise", units_, d_,
                   AddNoise{alpha * noise_, d_, workers_, draw, seeds_, numbers_.data(), round_, rows_.data()});
}

}  // namespace gauntlet
