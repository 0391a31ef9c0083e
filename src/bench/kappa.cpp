// SPDX-License-Identifier: Apache-2.0
#include "src/bench/kappa.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "kernels/protocols/trial.cuh"

namespace gauntlet {

namespace {

/// Grids of strengths, and what the searches find with other directions and larger ranges than their defaults.
const char* const stronger[] = {
    "ipm(epsilon=0.1)",
    "ipm(epsilon=1)",
    "ipm(epsilon=10)",
    "ipm(epsilon=1000)",
    "alie(z=0.5)",
    "alie(z=1)",
    "alie(z=2)",
    "alie(z=4)",
    "alie(z=-2)",
    "finite-norm(gamma=1)",
    "finite-norm(gamma=10)",
    "finite-norm(gamma=100)",
    "infinite-norm(gamma=1)",
    "infinite-norm(gamma=10)",
    "optimal(direction=mean, maximum=1000)",
    "optimal(direction=sign)",
    "optimal(direction=random)",
    "optimal-ipm(maximum=1000)",
    "seesaw(budget=search)",
    "seesaw(pivot=round, budget=search)",
    "seesaw(pivot=workers, z=4)",
    "sign-flip(scale=1000)",
    "random-direction(scale=1)",
};

bool works(const std::string& text, int n, int f) {
  const ComponentText component = parse_component(text);
  const auto* entry = Registry<Attack>::lookup(component.name);
  if (entry == nullptr || !entry->needs(n, f).empty()) return false;
  try {
    entry->create(component, n, f);
    return true;
  } catch (const UserError&) {  // a default that has no value for this n and f
    return false;
  }
}

/// The honest messages of one inbox in double precision.
struct HonestMoments {
  std::vector<double> mean;
  double variance = 0;

  HonestMoments(const float* rows, int honest, std::int64_t d) : mean(static_cast<std::size_t>(d)) {
    const auto value = [=](int i, std::size_t k) {
      return static_cast<double>(rows[i * d + static_cast<std::int64_t>(k)]);
    };
    for (std::size_t k = 0; k < mean.size(); ++k) {
      for (int i = 0; i < honest; ++i) mean[k] += value(i, k) / honest;
      for (int i = 0; i < honest; ++i) variance += (value(i, k) - mean[k]) * (value(i, k) - mean[k]) / honest;
    }
    // Below that the rounding of an aggregate to floats, not the defense, would be measured.
    variance = std::max(variance, 1e-12 * std::inner_product(mean.begin(), mean.end(), mean.begin(), 0.0));
  }

  double coefficient(const float* aggregate) const {
    double square = 0;
    for (std::size_t k = 0; k < mean.size(); ++k) square += (aggregate[k] - mean[k]) * (aggregate[k] - mean[k]);
    if (square == 0) return 0;
    return std::isfinite(square) ? square / variance : INFINITY;
  }
};

}  // namespace

std::vector<std::string> kappa_attacks(int n, int f) {
  std::vector<std::string> all = Registry<Attack>::names();
  all.insert(all.end(), std::begin(stronger), std::end(stronger));
  for (int i = 0; i < n - f; ++i) all.push_back("mimic(target=" + std::to_string(i) + ")");
  all.erase(std::remove_if(all.begin(), all.end(), [=](const std::string& text) { return !works(text, n, f); }),
            all.end());
  return all;
}

MeasuredKappa measure_kappa(Exec& exec, const std::string& defense, const std::string& attack, int f,
                            const std::vector<InboxSample>& samples) {
  MeasuredKappa most;
  most.attack = attack;
  for (const InboxSample& sample : samples) {
    std::vector<std::uint64_t> seeds(sample.names.size());
    std::iota(seeds.begin(), seeds.end(), std::uint64_t{0});
    Trial trial(exec, attack, defense, sample.n, f, sample.d, seeds);
    // A rule that takes a trusted message trusts the first worker's, who is honest.
    std::vector<float> trusted;
    const auto width = static_cast<std::size_t>(sample.d);
    for (std::size_t c = 0; c < seeds.size(); ++c) {
      const auto first = sample.rows.begin() + static_cast<std::ptrdiff_t>(c * sample.n * width);
      trusted.insert(trusted.end(), first, first + static_cast<std::ptrdiff_t>(width));
    }
    const std::vector<float> aggregates = trial.play(0, sample.rows.data(), trusted.data());
    for (std::size_t c = 0; c < seeds.size(); ++c) {
      const HonestMoments honest(sample.rows.data() + c * sample.n * width, sample.n - f, sample.d);
      const double value = honest.coefficient(aggregates.data() + c * width);
      if (value <= most.value) continue;
      most.value = value;
      most.inbox = sample.names[c];
    }
  }
  return most;
}

}  // namespace gauntlet
