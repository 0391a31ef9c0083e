// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "kernels/protocols/btard/draws.cuh"
#include "tests/support.hpp"

/// Who is convicted when, by the draws of btard alone: no gradients, every check of a cheater by an honest peer
/// convicts.
namespace gauntlet {
namespace {

struct Mean {
  double sum = 0, squares = 0;
  int count = 0;

  void add(double value) { sum += value, squares += value * value, ++count; }
  double value() const { return sum / count; }
  double error() const { return std::sqrt((squares / count - value() * value()) / count); }
};

/// Peers of which the last `byzantine` are lazy validators; of these the last `cheaters` cheat whenever they compute.
struct Convictions {
  int n, byzantine, cheaters, validators;
  Mean steps = {}, poisoned = {};  ///< to the last conviction; gradients of cheaters until each is convicted

  void run(std::uint64_t seed) {
    const auto size = static_cast<std::size_t>(n);
    std::vector<std::uint8_t> active(size, 1), computed(size, 1);
    std::vector<int> validator(size), target(size);
    int pairs = 0, left = cheaters, gradients = 0, round = 0;
    for (; left > 0; ++round) {
      computed = active;
      for (int k = 0; k < pairs; ++k) computed[at(validator, k)] = 0;
      for (int i = n - cheaters; i < n; ++i) gradients += computed[static_cast<std::size_t>(i)];
      pairs = draw_pairs(seed, round, n, active.data(), computed.data(), validators, validator.data(), target.data());
      for (int k = 0; k < pairs; ++k) {
        if (validator[static_cast<std::size_t>(k)] >= n - byzantine) continue;
        if (target[static_cast<std::size_t>(k)] < n - cheaters) continue;
        active[at(target, k)] = 0;
        --left;
      }
    }
    steps.add(round), poisoned.add(gradients);
  }

 private:
  static std::size_t at(const std::vector<int>& peers, int k) {
    return static_cast<std::size_t>(peers[static_cast<std::size_t>(k)]);
  }
};

constexpr int runs = 4000;

TEST_CASE("a cheater among honest and lazy peers is convicted after n (n - 1) / ((n - b) m) steps", "[btard]") {
  for (const int m : {1, 2})
    for (const int b : {1, 3, 7}) {
      const int n = 16;
      Convictions convictions{n, b, 1, m};
      for (int seed = 0; seed < runs; ++seed) convictions.run(static_cast<std::uint64_t>(seed));
      INFO("m = " << m << ", b = " << b << ": " << convictions.steps.value() << " +- " << convictions.steps.error());
      const double expected = n * (n - 1.0) / ((n - b) * m);
      CHECK(std::abs(convictions.steps.value() - expected) <= 3 * convictions.steps.error());
    }
}

/// With k peers left a step convicts one with probability (k - h) m h / (k (k - 1)), and (k - h) (k - m) / k cheat in
/// it: the steps to the last conviction, and the poisoned gradients before.
struct Expected {
  double steps = 0, poisoned = 0;
  Expected(int n, int b, int m) {
    const double h = n - b;
    for (double k = h + 1; k <= n; ++k)
      steps += k * (k - 1) / ((k - h) * h * m), poisoned += (k - 1) * (k - m) / (h * m);
  }
};

TEST_CASE("when all Byzantine peers cheat, the last one is convicted as the sums have it", "[btard]") {
  for (const int b : {3, 7}) {
    Convictions convictions{16, b, b, 1};
    for (int seed = 0; seed < runs; ++seed) convictions.run(static_cast<std::uint64_t>(seed));
    const Expected expected(16, b, 1);
    INFO("b = " << b << ": " << convictions.steps.value() << " +- " << convictions.steps.error() << " of "
                << expected.steps << ", " << convictions.poisoned.value() << " +- " << convictions.poisoned.error()
                << " of " << expected.poisoned);
    CHECK(std::abs(convictions.steps.value() - expected.steps) <= 3 * convictions.steps.error());
    CHECK(std::abs(convictions.poisoned.value() - expected.poisoned) <= 3 * convictions.poisoned.error());
  }
  // With two validators both may convict in one step, and in the first step all compute: a little later than the sum.
  Convictions convictions{16, 7, 7, 2};
  for (int seed = 0; seed < runs; ++seed) convictions.run(static_cast<std::uint64_t>(seed));
  CHECK(std::abs(convictions.steps.value() - Expected(16, 7, 2).steps) <= 3 * convictions.steps.error());
}

TEST_CASE("pairs are of different peers: those who checked may check again, whoever computed may be checked",
          "[btard]") {
  for (int n = 1; n <= 9; ++n)
    for (int seed = 0; seed < 200; ++seed) {
      std::vector<std::uint8_t> active(9, 1), computed(9, 1);
      for (int i = 0; i < n; ++i) {
        const Random random(static_cast<std::uint64_t>(seed), Purpose::sample, static_cast<std::uint32_t>(i), 0, 0);
        active[static_cast<std::size_t>(i)] = random.uniform(0) < 0.8f;
        computed[static_cast<std::size_t>(i)] = random.uniform(1) < 0.8f;
      }
      std::vector<int> validator(9, -1), target(9, -1);
      const int m = draw_pairs(static_cast<std::uint64_t>(seed), 5, n, active.data(), computed.data(), 4,
                               validator.data(), target.data());
      int peers = 0, computing = 0;
      for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i)
        peers += active[i], computing += active[i] != 0 && computed[i] != 0;
      CHECK(m == std::max(0, std::min({4, computing, (peers - 1) / 2})));
      std::vector<int> used(9, 0);
      for (std::size_t k = 0; k < static_cast<std::size_t>(m); ++k) {
        const auto v = static_cast<std::size_t>(validator[k]), t = static_cast<std::size_t>(target[k]);
        CHECK(active[v] != 0);
        CHECK((active[t] != 0 && computed[t] != 0));
        CHECK((++used[v] == 1 && ++used[t] == 1));
      }
    }
}

}  // namespace
}  // namespace gauntlet
