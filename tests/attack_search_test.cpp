// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "kernels/defenses/aggregate.cuh"
#include "kernels/protocols/messages.cuh"
#include "tests/attack_reference.hpp"
#include "tests/backends.hpp"
#include "tests/support.hpp"

// Attacks that search a strength against the defense, compared with a search by hand: the inbox is written out message
// by message, as floats, and the whole defense runs on it for every strength of a fine grid.
namespace gauntlet {
namespace {

using namespace reference;

constexpr int n = 11, d = 60;

/// The defense's error A − mu when the f attackers send b; always on the CPU, since it is asked for thousands of times.
Vector error_under(const std::string& defense, const Matrix& honest, const Vector& b) {
  static Exec exec(Backend::cpu);
  Matrix inbox = honest;
  while (static_cast<int>(inbox.size()) < n) inbox.push_back(b);
  const int f = n - static_cast<int>(honest.size());
  const auto output = aggregate_rows(exec, defense, f, n, static_cast<int>(b.size()), flat(inbox).data());
  return Vector(output.begin(), output.end()) - mean(honest);
}

/// Strengths from `maximum` / 2^`octaves` to `maximum`, each `ratio` times the one before.
std::vector<double> fine_grid(double maximum, double octaves, double ratio = 1.005) {
  std::vector<double> grid;
  for (double s = maximum * std::exp2(-octaves); s < maximum; s *= ratio) grid.push_back(s);
  grid.push_back(maximum);
  return grid;
}

/// The largest strength at which the output still moves along e by half of what it moved at most.
double reach(const std::string& defense, const Matrix& honest, const Vector& e, double maximum) {
  double best = 0, chosen = 0;
  for (const double gamma : fine_grid(maximum, 31)) {
    const double progress = dot(error_under(defense, honest, mean(honest) + gamma * e), e);
    best = std::max(best, progress);
    if (progress > 0 && 2 * progress >= best) chosen = gamma;
  }
  return chosen;
}

Vector first_message(const std::vector<float>& sent) { return Vector(sent.begin(), sent.begin() + d); }

}  // namespace

TEST_CASE("finite-norm and infinite-norm go as far as a search by hand finds that the defense follows", "[attacks]") {
  for (const auto& exec : test_backends())
    for (const char* defense : {"mean", "median", "krum", "geometric-median", "trimmed-mean", "nnm | trimmed-mean"})
      for (const int f : {1, 3}) {
        const Matrix rows = random_rows(50 + static_cast<std::uint64_t>(f), n, d);
        const Matrix honest(rows.begin(), rows.end() - f);
        const Vector mu = mean(honest), sigma = deviation(honest);
        const std::size_t k = widest_coordinate(honest);
        INFO(defense << ", f = " << f << " on " << backend_name(*exec));

        Vector e(d);
        e[k] = 1;
        const auto one = attack_rows(*exec, "finite-norm(maximum=1000)", defense, f, n, d, flat(rows).data());
        CHECK(dot(first_message(one) - mu, e) == Approx(reach(defense, honest, e, 1000 * sigma[k])).epsilon(0.05));
        CHECK(norm(first_message(one) - mu) == Approx(dot(first_message(one) - mu, e)).epsilon(1e-4));

        const Vector ones(d, 1.0);
        const double unit = norm(sigma) / std::sqrt(d);
        const auto all = attack_rows(*exec, "infinite-norm(maximum=1000)", defense, f, n, d, flat(rows).data());
        CHECK(dot(first_message(all) - mu, ones) / d ==
              Approx(reach(defense, honest, ones, 1000 * unit)).epsilon(0.05));
      }
}

TEST_CASE("attacks that maximize harm do as well as a fine grid searched by hand", "[attacks]") {
  struct Searched {
    std::string attack;
    double maximum;
    std::function<Vector(const Matrix&, double)> message;
  };
  const std::vector<Searched> attacks = {
      {"seesaw(budget=search, maximum=8)", 8, seesaw_norm},
      {"seesaw(pivot=round, budget=search, maximum=8)", 8, seesaw_end},
      {"optimal-ipm", 20, [](const Matrix& honest, double t) { return -t * mean(honest); }},
      {"optimal-alie(maximum=8)", 8, alie},
      {"optimal(direction=std, maximum=8)", 8, alie},
      {"optimal(direction=plus-std, maximum=8)", 8, [](const Matrix& honest, double z) { return alie(honest, -z); }},
      {"optimal(direction=mean, candidates=100)", 20,
       [](const Matrix& honest, double t) {
         return (1 - t * norm(deviation(honest)) / norm(mean(honest))) * mean(honest);
       }},
      {"optimal(direction=sign)", 20,
       [](const Matrix& honest, double t) {
         Vector b = mean(honest);
         const double step = t * norm(deviation(honest)) / std::sqrt(b.size());
         for (double& v : b) v -= v > 0 ? step : -step;
         return b;
       }},
  };
  for (const auto& exec : test_backends())
    for (const Searched& attack : attacks)
      for (const char* defense : {"mean", "median", "krum", "geometric-median", "nnm | trimmed-mean", "median | ctma"})
        for (const int f : {1, 3}) {
          const Matrix rows = random_rows(60 + static_cast<std::uint64_t>(f), n, d);
          const Matrix honest(rows.begin(), rows.end() - f);
          INFO(attack.attack << " against " << defense << ", f = " << f << " on " << backend_name(*exec));
          double most = 0;
          for (const double z : fine_grid(attack.maximum, 12))
            most = std::max(most, norm(error_under(defense, honest, attack.message(honest, z))));
          const auto sent = attack_rows(*exec, attack.attack, defense, f, n, d, flat(rows).data());
          CHECK(norm(error_under(defense, honest, first_message(sent))) > 0.97 * most);
          for (int b = 1; b < f; ++b)
            CHECK(Vector(sent.begin() + b * d, sent.begin() + (b + 1) * d) == first_message(sent));
        }
}

// Like the gradient of a network on MNIST: a few hundred coordinates hold most of the norm.
TEST_CASE("a search on a sample of the coordinates finds what a search on all of them finds", "[attacks]") {
  constexpr int many = 50'000, f = 3;
  const auto scales = random_rows(80, 1, many);
  Matrix honest = random_rows(81, n - f, many);
  const auto common = random_rows(82, 1, many);
  for (Vector& row : honest)
    for (std::size_t k = 0; k < many; ++k) row[k] = std::exp(0.67 * scales[0][k]) * (row[k] + common[0][k]);
  const Vector mu = mean(honest), sigma = deviation(honest);
  Matrix rows = honest;
  rows.resize(n, mu);
  for (const auto& exec : test_backends())
    for (const std::string attack : {"optimal-alie", "optimal-ipm"})
      for (const char* defense : {"median", "trimmed-mean", "meamed", "phocas", "nnm | trimmed-mean"}) {
        INFO(attack << " against " << defense << " on " << backend_name(*exec));
        double most = 0;
        for (const double z : fine_grid(20, 8, 1.1)) {
          const Vector sent = attack == "optimal-ipm" ? -z * mu : mu - z * sigma;
          most = std::max(most, norm(error_under(defense, honest, sent)));
        }
        const auto sent = attack_rows(*exec, attack, defense, f, n, many, flat(rows).data());
        const Vector first(sent.begin(), sent.begin() + many);
        CHECK(norm(error_under(defense, honest, first)) > 0.97 * most);
      }
}

TEST_CASE("a search leaves the defense's memory as it was", "[attacks]") {
  for (const auto& exec : test_backends()) {
    const int f = 3;
    AttackTrial watched(*exec, "finite-norm", "centered-clipping(tau=0.5)", n, f, d, {0});
    std::vector<Vector> sent;
    for (int round = 0; round < 3; ++round) {
      const Matrix rows = random_rows(70 + static_cast<std::uint64_t>(round), n, d);
      sent.push_back(first_message(watched.act(round, flat(rows).data())));
      CHECK(std::isfinite(norm(sent.back())));
    }
    AttackTrial again(*exec, "finite-norm", "centered-clipping(tau=0.5)", n, f, d, {0});
    for (int round = 0; round < 3; ++round) {
      const Matrix rows = random_rows(70 + static_cast<std::uint64_t>(round), n, d);
      CHECK(first_message(again.act(round, flat(rows).data())) == sent[static_cast<std::size_t>(round)]);
    }
  }
}

TEST_CASE("mistakes in an attack are explained in one line", "[attacks]") {
  Exec exec(Backend::cpu);
  const std::vector<float> rows(10 * 4, 1.0f);
  const auto message = [&](const std::string& attack, const std::string& defense, int f) {
    return user_error([&] { attack_rows(exec, attack, defense, f, 10, 4, rows.data()); });
  };
  CHECK(message("ipn", "", 2) == "unknown attack 'ipn'; did you mean 'ipm'?");
  CHECK(contains(message("ipm(epsilonn=1)", "", 2), "did you mean 'epsilon'?"));
  CHECK(contains(message("alie", "", 7), "alie: z = auto needs 0 < s < n - f"));
  CHECK(message("alie(z=1)", "", 7) == "");
  for (const char* attack : {"finite-norm", "infinite-norm", "seesaw(budget=search)", "optimal"}) {
    CHECK(contains(message(attack, "", 2), "give --defense"));
    CHECK(message(attack, "mean", 2) == "");
  }
  CHECK(contains(message("finite-norm", "", 2), "or gamma a number"));
  CHECK(contains(message("finite-norm", "nnm", 2), "has no rule"));
  CHECK(contains(message("finite-norm(coordinate=4, gamma=1)", "", 2), "out of range 0..3"));
  CHECK(contains(message("mimic(target=8)", "", 2), "out of range 0..7"));
  CHECK(contains(message("ipm(epsilon=-1)", "", 2), "at least 0"));
  CHECK(contains(message("none", "", 10), "out of range 0..9"));
  CHECK(contains(message("seesaw(pivot=rounds)", "", 2), "did you mean 'round'?"));
}

}  // namespace gauntlet
