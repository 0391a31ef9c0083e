// SPDX-License-Identifier: Apache-2.0
#include "kernels/protocols/btard/fixed_point.cuh"

#include <cmath>
#include <cstdint>
#include <vector>

#include "kernels/exec/philox.cuh"
#include "tests/support.hpp"

/// What owners of btard publish stands still under centered clipping, or its statements would not add up.
namespace gauntlet {
namespace {

struct Vectors {
  int g, d;
  std::vector<double> values;

  /// Normal numbers, of which all but the first coordinate are `flat` times as large.
  Vectors(int g_, int d_, std::uint32_t seed, double flat) : g(g_), d(d_) {
    for (int i = 0; i < g; ++i)
      for (int k = 0; k < d; ++k) {
        const Random random(seed, Purpose::sample, static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(k), 0);
        values.push_back(static_cast<double>(random.normal(0)) * (k == 0 ? 1 : flat));
      }
  }
  double at(int i, int k) const { return values[static_cast<std::size_t>(i * d + k)]; }

  /// ‖Σ clip(x_i − v, tau)‖ as a share of Σ min(‖x_i − v‖, tau), at the point that is found.
  double unrest(double tau) const {
    const auto count = static_cast<std::size_t>(g);
    std::vector<double> products(count * count), weights(count), scratch(5 * count), v(static_cast<std::size_t>(d)),
        sum(v.size());
    for (int a = 0; a < g; ++a)
      for (int b = 0; b < g; ++b)
        for (int k = 0; k < d; ++k) products[static_cast<std::size_t>(a * g + b)] += at(a, k) * at(b, k);
    clipping_fixed_point(Team{}, g, products.data(), g, tau, weights.data(), scratch.data());
    for (int i = 0; i < g; ++i)
      for (int k = 0; k < d; ++k) v[static_cast<std::size_t>(k)] += weights[static_cast<std::size_t>(i)] * at(i, k);
    double clipped = 0, square = 0;
    for (int i = 0; i < g; ++i) {
      double gap = 0;
      for (int k = 0; k < d; ++k) gap += std::pow(at(i, k) - v[static_cast<std::size_t>(k)], 2);
      const double r = std::sqrt(gap), factor = r <= tau ? 1 : tau / r;
      clipped += std::fmin(r, tau);
      for (int k = 0; k < d; ++k)
        sum[static_cast<std::size_t>(k)] += factor * (at(i, k) - v[static_cast<std::size_t>(k)]);
    }
    for (const double value : sum) square += value * value;
    return std::sqrt(square) / clipped;
  }
};

TEST_CASE("the point stands still, also where vectors lie near one line", "[btard]") {
  for (const double flat : {1.0, 0.03, 0.001})
    for (const double tau : {0.001, 0.03, 0.3, 3.0})
      for (const int g : {2, 3, 4, 6, 9, 16})
        for (std::uint32_t seed = 0; seed < 20; ++seed) {
          INFO("flat " << flat << ", tau " << tau << ", g = " << g << ", seed " << seed);
          CHECK(Vectors(g, 30, seed, flat).unrest(tau) <= 2e-5);
        }
}

}  // namespace
}  // namespace gauntlet
