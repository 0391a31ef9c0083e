// SPDX-License-Identifier: Apache-2.0
#include "kernels/defenses/shared/eigenpair.cuh"

#include <random>

#include "kernels/exec/array.cuh"
#include "kernels/exec/launch.cuh"
#include "tests/backends.hpp"
#include "tests/reference/spectral.hpp"
#include "tests/support.hpp"

using namespace gauntlet;
using reference::Matrix;
using reference::Vector;

namespace {

struct Solve {
  int n;
  const double* entries;  ///< [n][n]
  double* scratch;        ///< holds the first guess
  double* value;
  double enough;

  GAUNTLET_HD void operator()(Team& team, int) const {
    const double* a = entries;
    const int size = n;
    const double found = leading_eigenpair(
        team, n, [=](int i, int j) { return a[i * size + j]; }, enough, scratch);
    team.once([=, out = value] { *out = found; });
  }
};

struct Pair {
  double value = 0;
  Vector vector;
};

Pair solve(Exec& exec, const Matrix& a, double enough = INFINITY) {
  const int n = static_cast<int>(a.size());
  std::vector<double> flat, guess(eigenpair_scratch(n), 0.0);
  for (const auto& row : a) flat.insert(flat.end(), row.begin(), row.end());
  for (int i = 0; i < n; ++i) guess[i] = std::cos(1.0 + i) + 0.1 * std::cos(2.3 * i);
  Array<double> entries(exec, flat), scratch(exec, guess), value(exec, 1);
  for_teams(exec, "eigenpair", 1, n, Solve{n, entries.data(), scratch.data(), value.data(), enough});
  Pair pair;
  pair.value = value.download()[0];
  pair.vector = scratch.download();
  pair.vector.resize(static_cast<std::size_t>(n));
  return pair;
}

/// The symmetric matrix with these eigenvalues and random eigenvectors.
Matrix with_spectrum(const Vector& spectrum, std::mt19937& generator) {
  const std::size_t n = spectrum.size();
  std::normal_distribution<double> normal;
  Matrix basis(n, Vector(n)), result(n, Vector(n, 0.0));
  for (std::size_t i = 0; i < n; ++i) {
    for (double& x : basis[i]) x = normal(generator);
    for (int twice = 0; twice < 2; ++twice)
      for (std::size_t j = 0; j < i; ++j)
        basis[i] = reference::add(basis[i], basis[j], -reference::dot(basis[i], basis[j]));
    basis[i] = reference::scaled(basis[i], 1 / reference::norm(basis[i]));
  }
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j <= i; ++j) {
      for (std::size_t k = 0; k < n; ++k) result[i][j] += spectrum[k] * basis[k][i] * basis[k][j];
      result[j][i] = result[i][j];
    }
  return result;
}

/// Against Jacobi's method: the value to rounding, and a unit vector whose image is that many times itself.
void check(const Matrix& a) {
  Matrix diagonal = a;
  reference::diagonalize(diagonal);
  double top = 0;
  for (std::size_t i = 0; i < a.size(); ++i) top = std::max(top, diagonal[i][i]);
  for (const auto& exec : test_backends()) {
    const Pair pair = solve(*exec, a);
    INFO("n = " << a.size() << ", eigenvalue " << top << " on " << backend_name(*exec));
    CHECK(std::abs(pair.value - top) <= 1e-13 * top);
    CHECK(std::abs(reference::norm(pair.vector) - 1) <= 1e-14);
    Vector residual = reference::scaled(pair.vector, -pair.value);
    for (std::size_t i = 0; i < a.size(); ++i) residual[i] += reference::dot(a[i], pair.vector);
    CHECK(reference::norm(residual) <= 2e-13 * top);
  }
}

}  // namespace

TEST_CASE("the leading eigenpair is that of Jacobi's method, however far the eigenvalues spread") {
  std::mt19937 generator(1);
  std::uniform_real_distribution<double> uniform;
  const std::vector<std::function<double(int i, double decades)>> spectra = {
      [&](int, double decades) { return std::pow(10, decades * uniform(generator)); },
      [&](int i, double decades) { return i == 0 ? std::pow(10, decades) : uniform(generator); },
      [&](int i, double decades) { return i < 2 ? std::pow(10, decades) : uniform(generator); },
      [&](int i, double decades) { return std::pow(10, i % 2 == 0 ? decades : decades * uniform(generator)); },
      [&](int i, double decades) { return i == 0 ? std::pow(10, decades) : 0; },
      [&](int, double) { return uniform(generator); },
      [&](int, double) { return 1 - 1e-3 * uniform(generator); },
      [&](int, double) { return 7.0; },
  };
  for (const auto& spectrum : spectra)
    for (int n = 2; n <= 20; ++n)
      for (const double decades : {0.0, 3.0, 8.0, 11.0, 16.0, 24.0}) {
        Vector values;
        for (int i = 0; i < n; ++i) values.push_back(spectrum(i, decades));
        check(with_spectrum(values, generator));
      }
}

TEST_CASE("the leading eigenvalue of nothing is zero, and of one number itself") {
  for (const auto& exec : test_backends()) {
    const Pair nothing = solve(*exec, Matrix(5, Vector(5, 0.0)));
    CHECK(nothing.value == 0);
    CHECK(reference::norm(nothing.vector) == Approx(1));
    CHECK(solve(*exec, {{3}}).value == Approx(3));
  }
}

TEST_CASE("a search for the leading eigenvalue ends once it is large enough") {
  std::mt19937 generator(2);
  Vector spectrum;
  for (int i = 0; i < 12; ++i) spectrum.push_back(1 - 0.01 * i);
  const Matrix a = with_spectrum(spectrum, generator);
  for (const auto& exec : test_backends()) {
    const double bound = solve(*exec, a, 0.5).value;
    CHECK(bound > 0.5);
    CHECK(bound < 0.9999);
    CHECK(solve(*exec, a, 2).value == Approx(1).epsilon(1e-12));
  }
}
