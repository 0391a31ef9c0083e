// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <string>
#include <vector>

#include "tests/attacks/messages.hpp"

/// Attacks that move away from the honest mean as far as they may.
namespace gauntlet {
namespace {

using namespace reference;

TEST_CASE("min-max and min-sum go as far as bisection on their definitions", "[attacks]") {
  for (const auto& exec : test_backends())
    for (const int f : {1, 3})
      for (const double common : {0.0, 1.0, 1e3})
        for (const char* direction : {"std", "mean", "sign"}) {
          const int n = 11, d = 150;
          const Matrix rows = random_rows(80 + static_cast<std::uint64_t>(f), n, d, common),
                       honest = honest_of(rows, f);
          const Vector mu = mean(honest);
          Vector p = std::string(direction) == "std" ? -1.0 * deviation(honest) : -1.0 * mu;
          if (std::string(direction) == "sign")
            for (double& v : p) v = v > 0 ? 1 : v < 0 ? -1 : 0;
          INFO(direction << ", f = " << f << ", common = " << common << " on " << backend_name(*exec));
          double widest = 0, farthest = 0;
          for (const Vector& row : honest) {
            widest = std::max(widest, largest_distance(honest, row));
            farthest = std::max(farthest, total_distance2(honest, row));
          }
          const auto expect = [&](const std::string& name, const auto& allowed) {
            double low = 0, high = 1e6;
            for (int i = 0; i < 200; ++i) (allowed(mu + (low + high) / 2 * p) ? low : high) = (low + high) / 2;
            const std::string attack = name + "(direction=" + direction + ")";
            check_close(attack_rows(*exec, attack, "", f, n, d, flat(rows).data()), repeated(mu + low * p, f), 1e-5);
          };
          expect("min-max", [&](const Vector& b) { return largest_distance(honest, b) <= widest; });
          expect("min-sum", [&](const Vector& b) { return total_distance2(honest, b) <= farthest; });
        }
}

TEST_CASE("seesaw keeps the norm of the honest mean and spends its budget", "[attacks]") {
  for (const auto& exec : test_backends()) {
    const int n = 9, f = 2, d = 400;
    const Matrix rows = reference::random_rows(5, n, d), honest = honest_of(rows, f);
    const auto sent = attack_rows(*exec, "seesaw(z=0.4)", "", f, n, d, reference::flat(rows).data());
    const Vector b(sent.begin(), sent.begin() + d), mu = reference::mean(honest);
    CHECK(reference::norm(b) == Approx(reference::norm(mu)).epsilon(1e-5));
    CHECK(reference::norm(b - mu) == Approx(0.4 * reference::norm(reference::deviation(honest))).epsilon(1e-5));
    CHECK(reference::dot(b - mu, reference::seesaw_direction(honest)) > 0);
  }
}

TEST_CASE("seesaw turns every period rounds, or never", "[attacks]") {
  for (const auto& exec : test_backends()) {
    const int n = 9, f = 2, d = 40;
    const Matrix rows = reference::random_rows(6, n, d), honest = honest_of(rows, f);
    const auto input = reference::flat(rows);
    Trial two(*exec, "seesaw(pivot=round, period=2, z=1)", "", n, f, d, {0});
    Trial never(*exec, "seesaw(pivot=round, period=inf, z=1)", "", n, f, d, {0});
    for (int round = 0; round < 6; ++round) {
      const double side = round / 2 % 2 == 0 ? 1 : -1;
      check_close(two.act(round, input.data()), repeated(reference::seesaw_end(honest, side), f), 1e-5);
      check_close(never.act(round, input.data()), repeated(reference::seesaw_end(honest, 1), f), 1e-5);
    }
  }
}

TEST_CASE("seesaw's workers change ends with the sign of the defense's last error", "[attacks]") {
  for (const auto& exec : test_backends()) {
    const int n = 9, f = 3, d = 40;
    const std::string attack = "seesaw(pivot=workers, z=1)";
    const Matrix rows = reference::random_rows(7, n, d), honest = honest_of(rows, f);
    const auto input = reference::flat(rows);
    const Matrix leaning = {reference::seesaw_end(honest, 1), reference::seesaw_end(honest, 1),
                            reference::seesaw_end(honest, -1)};
    Matrix opposed = leaning;
    for (Vector& b : opposed) b = 2.0 * reference::mean(honest) - b;
    // The mean follows the majority of the attackers, who therefore stay where they are.
    Trial mean(*exec, attack, "mean", n, f, d, {0});
    for (int round = 0; round < 3; ++round) check_close(mean.act(round, input.data()), leaning, 1e-5);
    // Monna averages the messages nearest the last worker's, who stands at the other end.
    Trial last(*exec, attack, "monna(pivot=n-1)", n, f, d, {0});
    check_close(last.act(0, input.data()), leaning, 1e-5);
    const auto seen = aggregate_rows(*exec, "monna(pivot=n-1)", f, n, d,
                                     [&] {
                                       Matrix inbox = honest;
                                       inbox.insert(inbox.end(), leaning.begin(), leaning.end());
                                       return reference::flat(inbox);
                                     }()
                                         .data());
    const double error =
        reference::dot(Vector(seen.begin(), seen.end()) - reference::mean(honest), reference::seesaw_direction(honest));
    check_close(last.act(1, input.data()), error < 0 ? opposed : leaning, 1e-5);
    CHECK(error < 0);
  }
}

TEST_CASE("rop pushes the last aggregate across the direction of descent", "[attacks]") {
  for (const auto& exec : test_backends()) {
    const int n = 11, d = 300, f = 2;
    const double z = 3, lambda = 0.6;
    Trial trial(*exec, "rop(lambda=0.6, theta=250, z=3)", "mean", n, f, d, {7});
    Vector last(static_cast<std::size_t>(d));
    for (int round = 0; round < 4; ++round) {
      const Matrix rows = random_rows(95 + static_cast<std::uint64_t>(round), n, d, 0.5);
      Matrix inbox(rows.begin(), rows.end() - f);
      const Vector mu = mean(inbox);
      const Vector r = round == 0 ? mu : lambda * last + (1 - lambda) * mu;
      Vector p(static_cast<std::size_t>(d), 1.0);
      p = p - dot(p, r) / dot(r, r) * r;
      const double theta = 250 * std::acos(-1.0) / 180;
      const Vector want = last + z * std::sin(theta) / norm(p) * p + z * std::cos(theta) / norm(r) * r;
      const auto sent = trial.act(round, flat(rows).data());
      for (int b = 0; b < f; ++b) {
        CHECK(norm(message(sent, d, b) - want) < 1e-5 * norm(want));
        inbox.push_back(want);
      }
      CHECK(trial.padding_is_zero());
      last = mean(inbox);
    }
  }
}

}  // namespace
}  // namespace gauntlet
