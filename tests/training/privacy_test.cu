// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <functional>

#include "tests/training/estimators.hpp"

using namespace gauntlet;

namespace {

/// clip = 1.5, privacy_epsilon = 0.5, privacy_delta = 1e-5 and batches of 4, put into the formula by hand:
/// (2 · 1.5 / 4) √(2 ln 125000) / 0.5.
constexpr double deviation = 7.26721;
const std::string privacy = "clip=1.5, privacy_epsilon=0.5, privacy_delta=1e-5";

/// All messages of some rounds at fixed query points, [round][unit][coordinate].
std::vector<std::vector<Vector>> messages_of(Exec& exec, const std::string& text, int count,
                                             const std::vector<std::uint64_t>& seeds = {5, 6}) {
  Cohort cohort(exec);
  cohort.set_seeds(seeds);
  const auto bound = cohort.bind(text);
  std::vector<std::vector<Vector>> result;
  for (int t = 0; t < count; ++t) {
    cohort.begin(t);
    bound->run();
    result.push_back(cohort.messages());
  }
  return result;
}

std::vector<Vector> difference(std::vector<Vector> a, const std::vector<Vector>& b) {
  for (std::size_t u = 0; u < a.size(); ++u)
    for (std::size_t i = 0; i < a[u].size(); ++i) a[u][i] -= b[u][i];
  return a;
}

double mean_product(const std::vector<Vector>& a, const std::vector<Vector>& b, std::size_t shift = 0) {
  double sum = 0, count = 0;
  for (std::size_t u = 0; u < a.size(); ++u)
    for (std::size_t i = 0; i + shift < a[u].size(); ++i, ++count) sum += a[u][i] * b[u][i + shift];
  return sum / count;
}

double variance(const std::vector<Vector>& values) { return mean_product(values, values); }

/// The noise of the plain gradient in each round.
std::vector<std::vector<Vector>> gradient_noise(Exec& exec, int count,
                                                const std::vector<std::uint64_t>& seeds = {5, 6}) {
  auto noise = messages_of(exec, "gradient(" + privacy + ")", count, seeds);
  const auto clean = messages_of(exec, "gradient(clip=1.5)", count, seeds);
  for (std::size_t t = 0; t < noise.size(); ++t) noise[t] = difference(noise[t], clean[t]);
  return noise;
}

}  // namespace

TEST_CASE("Privacy noise is normal with the deviation of its formula", "[estimators]") {
  for (const auto& exec : test_backends()) {
    std::vector<Vector> noise;
    for (const auto& round : gradient_noise(*exec, 8)) noise.insert(noise.end(), round.begin(), round.end());
    double sum = 0, count = 0, fourth = 0, within = 0;
    for (const Vector& each : noise)
      for (const double value : each) {
        sum += value, ++count;
        fourth += std::pow(value / deviation, 4);
        within += std::abs(value) < deviation;
      }
    INFO(backend_name(*exec) << ", " << count << " draws");
    REQUIRE(count > 30000);
    CHECK(sum / count == Approx(0).margin(4 * deviation / std::sqrt(count)));
    CHECK(variance(noise) == Approx(deviation * deviation).epsilon(0.03));
    CHECK(fourth / count == Approx(3).epsilon(0.08));
    CHECK(within / count == Approx(0.6827).margin(0.01));
  }
}

TEST_CASE("Privacy noise differs by coordinate, worker, round and seed, and by nothing else", "[estimators]") {
  for (const auto& exec : test_backends()) {
    const auto noise = gradient_noise(*exec, 2, {7, 8}), again = gradient_noise(*exec, 2, {8, 8});
    const double bound = 0.05 * deviation * deviation;
    CHECK(std::abs(mean_product(noise[0], noise[1])) < bound);
    CHECK(std::abs(mean_product(noise[0], noise[0], 1)) < bound);
    std::vector<Vector> next = noise[0];
    std::rotate(next.begin(), next.begin() + 1, next.end());
    CHECK(std::abs(mean_product(noise[0], next)) < bound);
    const std::vector<Vector> seven(noise[0].begin(), noise[0].begin() + workers),
        eight(noise[0].begin() + workers, noise[0].end());
    CHECK(std::abs(mean_product(seven, eight)) < bound);
    // Wherever in the cohort a cell stands.
    CHECK(distance({again[0].begin(), again[0].begin() + workers}, eight) < 1e-5);
    CHECK(distance({again[0].begin() + workers, again[0].end()}, eight) < 1e-5);
  }
}

TEST_CASE("Momentum and signs are taken of the noisy gradient", "[estimators]") {
  for (const auto& exec : test_backends()) {
    const auto gradients = messages_of(*exec, "gradient(" + privacy + ")", 3);
    const auto momenta = messages_of(*exec, "momentum(beta=0.8, " + privacy + ")", 3);
    const auto signs = messages_of(*exec, "sign(beta=0.8, " + privacy + ")", 3);
    const auto first_steps = messages_of(*exec, "local-steps(steps=1, learning_rate=0.5, " + privacy + ")", 3);
    std::vector<Vector> expected(units, Vector(gradients[0][0].size(), 0.0));
    for (std::size_t t = 0; t < 3; ++t) {
      for (std::size_t u = 0; u < units; ++u)
        for (std::size_t i = 0; i < expected[u].size(); ++i) {
          expected[u][i] = 0.8 * expected[u][i] + 0.2 * gradients[t][u][i];
          if (std::abs(expected[u][i]) > 1e-4) REQUIRE(signs[t][u][i] == (expected[u][i] > 0 ? 1 : -1));
          REQUIRE(first_steps[t][u][i] == Approx(0.5 * gradients[t][u][i]).margin(1e-5));
        }
      REQUIRE(distance(momenta[t], expected) < 1e-5);
    }
    // Double momentum that keeps nothing is the gradient at the query point.
    CHECK(distance(messages_of(*exec, "mu2(beta=1, " + privacy + ")", 1)[0], gradients[0]) < 1e-5);
  }
}

TEST_CASE("Each gradient of a round has noise of its own", "[estimators]") {
  for (const auto& exec : test_backends()) {
    // At fixed query points the correction of double momentum is the difference of two noises.
    const auto mu2 = messages_of(*exec, "mu2(beta=0, " + privacy + ")", 2);
    CHECK(variance(difference(mu2[1], mu2[0])) == Approx(2 * deviation * deviation).epsilon(0.08));
    // Under noise this loud the gradients count for nothing.
    const auto local = messages_of(*exec,
                                   "local-steps(steps=4, learning_rate=0.01, clip=1.5, privacy_epsilon=0.005, "
                                   "privacy_delta=1e-5)",
                                   2);
    for (const auto& round : local)
      CHECK(variance(round) == Approx(4 * std::pow(0.01 * 100 * deviation, 2)).epsilon(0.08));
  }
}

TEST_CASE("Every estimator keeps the padding zero under noise, and refuses noise without a bound", "[estimators]") {
  for (const auto& entry : Registry<Estimator>::all()) {
    INFO(entry.name);
    for (const auto& exec : test_backends()) {
      Cohort cohort(*exec);
      const auto bound = cohort.bind(entry.name + "(clip=1, privacy_epsilon=1)");
      for (int t = 0; t < 2; ++t) {
        cohort.begin(t);
        bound->run();
        bound->moved();
      }
      CHECK(cohort.padding_is_zero());
      CHECK(variance(cohort.messages()) > 0);
    }
    Exec cpu(Backend::cpu);
    CHECK(contains(user_error([&] { Cohort(cpu).bind(entry.name + "(privacy_epsilon=0.5)"); }),
                   entry.name + ": privacy_epsilon needs clip"));
  }
}
