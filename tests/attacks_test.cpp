// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "kernels/protocols/trial.cuh"
#include "tests/attack_reference.hpp"
#include "tests/backends.hpp"
#include "tests/support.hpp"

namespace gauntlet {
namespace {

using namespace reference;

bool same(double got, double want, double scale, double tolerance) {
  if (std::isnan(want)) return std::isnan(got);
  return got == want || std::abs(got - want) <= tolerance * scale;
}

/// Every value within `tolerance` of the greatest magnitude wanted (at least 1).
void check_close(const std::vector<float>& got, const Matrix& want, double tolerance) {
  double scale = 1;
  std::size_t count = 0;
  for (const Vector& row : want)
    for (const double v : row) {
      ++count;
      if (std::isfinite(v)) scale = std::max(scale, std::abs(v));
    }
  REQUIRE(got.size() == count);
  std::size_t i = 0, worst = count;
  for (const Vector& row : want)
    for (const double v : row) {
      if (!same(got[i], v, scale, tolerance) && worst == count) worst = i;
      ++i;
    }
  INFO("first difference at value " << worst);
  CHECK(worst == count);
}

Matrix repeated(const Vector& message, int f) { return Matrix(static_cast<std::size_t>(f), message); }

Matrix honest_of(const Matrix& rows, int f) { return Matrix(rows.begin(), rows.end() - f); }

/// The attack's text with what makes it run without special care: a defense where it asks for one.
struct Case {
  std::string attack, defense;
};

std::vector<Case> every_attack() {
  std::vector<Case> cases;
  for (const auto& entry : Registry<Attack>::all()) {
    const auto made = entry.create({entry.name, {}}, 11, 3);
    cases.push_back({entry.name, made->knows_defense() ? "krum" : ""});
  }
  for (const char* text : {"mimic(target=2)", "seesaw(pivot=round, z=1, period=2)", "gaussian(mean=2, std=3)",
                           "finite-norm(gamma=3)", "infinite-norm(gamma=3)"})
    cases.push_back({text, ""});
  for (const char* text : {"seesaw(budget=search)", "seesaw(pivot=workers)", "seesaw(pivot=workers, budget=search)",
                           "seesaw(pivot=round, budget=search)", "finite-norm", "infinite-norm"})
    for (const char* defense : {"median", "nnm | trimmed-mean", "geometric-median"}) cases.push_back({text, defense});
  return cases;
}

std::vector<float> stacked(const std::vector<Matrix>& cells) {
  std::vector<float> values;
  for (const Matrix& rows : cells) {
    const std::vector<float> one = reference::flat(rows);
    values.insert(values.end(), one.begin(), one.end());
  }
  return values;
}

}  // namespace

TEST_CASE("every attack gives its known answers on every back end", "[attacks]") {
  for (const auto& exec : test_backends())
    for (const auto& entry : Registry<Attack>::all()) {
      // Only what cannot be done without a defense may lack one: attack_search_test.cpp has those.
      if (entry.known_answers.empty() && !entry.create({entry.name, {}}, 11, 3)->knows_defense())
        FAIL_CHECK(entry.name << " has no known answer");
      for (const KnownAnswer& known : entry.known_answers) {
        const std::string text = entry.name + "(" + known.arguments + ")";
        INFO(text << " on " << backend_name(*exec));
        Matrix input, output;
        for (const auto& row : known.input) input.emplace_back(row.begin(), row.end());
        for (const auto& row : known.output) output.emplace_back(row.begin(), row.end());
        const auto n = static_cast<int>(input.size()), d = static_cast<int>(input[0].size());
        check_close(attack_rows(*exec, text, "", known.f, n, d, reference::flat(input).data()), output, 1e-6);
      }
    }
}

TEST_CASE("attacks agree with their definitions in double precision", "[attacks]") {
  for (const auto& exec : test_backends())
    for (const int f : {1, 3})
      for (const std::int64_t d : {1, 2, 7, 130, 1000, 5000})
        for (const double common : {1.0, 1e3}) {
          const int n = 11;
          const Matrix rows = reference::random_rows(100 * f + static_cast<std::uint64_t>(d), n, d, common);
          const Matrix honest = honest_of(rows, f);
          const std::vector<float> input = reference::flat(rows);
          INFO("f = " << f << ", d = " << d << ", common = " << common << " on " << backend_name(*exec));
          const auto expect = [&](const std::string& attack, const Vector& message) {
            INFO(attack);
            check_close(attack_rows(*exec, attack, "", f, n, d, input.data()), repeated(message, f), 1e-5);
          };
          const Matrix own(rows.end() - f, rows.end());
          check_close(attack_rows(*exec, "none", "", f, n, d, input.data()), own, 0);
          check_close(attack_rows(*exec, "label-flip", "", f, n, d, input.data()), own, 0);
          Matrix flipped = own;
          for (Vector& row : flipped) row = -2.0 * row;
          check_close(attack_rows(*exec, "sign-flip(scale=2)", "", f, n, d, input.data()), flipped, 1e-6);

          expect("ipm(epsilon=0.7)", -0.7 * reference::mean(honest));
          expect("alie(z=1.5)", reference::alie(honest, 1.5));
          expect("alie(z=-2)", reference::alie(honest, -2));
          const int s = n / 2 + 1 - f;
          expect("alie", reference::alie(honest, reference::normal_quantile((n - f - s) / double(n - f))));
          expect("finite-norm(gamma=10)", reference::finite_norm(honest, reference::widest_coordinate(honest), 10));
          expect("finite-norm(coordinate=0, gamma=10)", reference::finite_norm(honest, 0, 10));
          expect("infinite-norm(gamma=10)", reference::infinite_norm(honest, 10));
          expect("mimic(target=4)", honest[4]);
          expect("zero", Vector(static_cast<std::size_t>(d)));
          expect("nan", Vector(static_cast<std::size_t>(d), std::numeric_limits<double>::quiet_NaN()));
          expect("inf", Vector(static_cast<std::size_t>(d), std::numeric_limits<double>::infinity()));
          if (d > 1) {
            expect("seesaw(z=0.5)", reference::seesaw_norm(honest, 0.5));
            expect("seesaw(z=1000000)", reference::seesaw_norm(honest, 1e6));
          }
          expect("seesaw(pivot=round, z=2)", reference::seesaw_end(honest, 2));
          if (f == 3)
            check_close(
                attack_rows(*exec, "seesaw(pivot=workers, z=2)", "", f, n, d, input.data()),
                {reference::seesaw_end(honest, 2), reference::seesaw_end(honest, 2), reference::seesaw_end(honest, -2)},
                1e-5);
        }
}

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

TEST_CASE("random-direction keeps its direction and scales with each worker's own norm", "[attacks]") {
  for (const auto& exec : test_backends()) {
    const int n = 7, f = 2, d = 300;
    const Matrix rows = reference::random_rows(8, n, d), later = reference::random_rows(9, n, d);
    Trial trial(*exec, "random-direction(scale=10)", "", n, f, d, {3});
    const auto first = trial.act(0, reference::flat(rows).data());
    const auto second = trial.act(1, reference::flat(later).data());
    const Vector a(first.begin(), first.begin() + d), b(first.begin() + d, first.end());
    const Vector next(second.begin(), second.begin() + d);
    CHECK(reference::norm(a) == Approx(10 * reference::norm(rows[5])).epsilon(1e-5));
    CHECK(reference::norm(b) == Approx(10 * reference::norm(rows[6])).epsilon(1e-5));
    CHECK(reference::dot(a, b) == Approx(reference::norm(a) * reference::norm(b)).epsilon(1e-6));
    CHECK(reference::dot(a, next) == Approx(reference::norm(a) * reference::norm(next)).epsilon(1e-6));
    const auto other = attack_rows(*exec, "random-direction(scale=10)", "", f, n, d, reference::flat(rows).data(), 4);
    CHECK(std::abs(reference::dot(a, Vector(other.begin(), other.begin() + d))) <
          0.5 * reference::norm(a) * reference::norm(a));
  }
}

TEST_CASE("gaussian noise has its mean and deviation and is new every round", "[attacks]") {
  for (const auto& exec : test_backends()) {
    const int n = 4, f = 1, d = 20000;
    const std::vector<float> input(static_cast<std::size_t>(n) * d);
    Trial trial(*exec, "gaussian(mean=3, std=2)", "", n, f, d, {1});
    const auto first = trial.act(0, input.data());
    double sum = 0, square = 0;
    for (const float v : first) sum += v, square += (v - 3.0) * (v - 3.0);
    CHECK(sum / d == Approx(3).margin(0.08));
    CHECK(std::sqrt(square / d) == Approx(2).margin(0.08));
    CHECK(trial.act(1, input.data()) != first);
    CHECK(trial.act(0, input.data()) == first);
  }
}

TEST_CASE("learned mimicry finds the worker that stands apart and stays with it", "[attacks]") {
  for (const auto& exec : test_backends()) {
    const int n = 8, f = 2, d = 500;
    const auto round_rows = [&](std::uint64_t seed) {
      Matrix rows = reference::random_rows(20, n, d, 0, 0.01);
      const Matrix noise = reference::random_rows(seed, n, d, 0, 0.01);
      for (int i = 0; i < n; ++i) rows[i] = rows[i] + noise[i];
      for (double& v : rows[3]) v += 5;
      for (double& v : rows[1]) v -= 5;
      return rows;
    };
    // Of the two that carry the variance it takes the one on the random direction's side, and keeps it.
    Trial trial(*exec, "mimic(target=learned, warmup=3)", "", n, f, d, {11, 12, 13, 14});
    Trial opposite(*exec, "mimic(target=learned, warmup=3, least=true)", "", n, f, d, {11, 12, 13, 14});
    std::vector<int> kept;
    for (int round = 0; round < 6; ++round) {
      const Matrix rows = round_rows(30 + static_cast<std::uint64_t>(round));
      const auto sent = trial.act(round, stacked({rows, rows, rows, rows}).data());
      const auto against = opposite.act(round, stacked({rows, rows, rows, rows}).data());
      for (std::size_t c = 0; c < 4; ++c) {
        const auto at = sent.begin() + static_cast<std::ptrdiff_t>(c * f * d);
        const Vector message(at, at + d);
        const int target = reference::norm(message - rows[3]) < 1e-4 ? 3 : 1;
        CHECK(reference::norm(message - rows[static_cast<std::size_t>(target)]) < 1e-4);
        const Vector other(against.begin() + static_cast<std::ptrdiff_t>(c * f * d),
                           against.begin() + static_cast<std::ptrdiff_t>(c * f * d + d));
        CHECK(reference::norm(other - rows[static_cast<std::size_t>(4 - target)]) < 1e-4);
        if (round == 0) kept.push_back(target);
        CHECK(kept[c] == target);
      }
    }
  }
}

TEST_CASE("cells in a batch get the same bytes as alone, and rows stay zero beyond d", "[attacks]") {
  const std::vector<std::uint64_t> seeds = {7, 8, 7};
  for (const auto& exec : test_backends())
    for (const Case& test : every_attack())
      for (const int f : {1, 3}) {
        const int n = 11, d = 201;
        INFO(test.attack << " against '" << test.defense << "', f = " << f << " on " << backend_name(*exec));
        Trial batch(*exec, test.attack, test.defense, n, f, d, seeds);
        std::vector<std::unique_ptr<Trial>> alone;
        for (const std::uint64_t seed : seeds)
          alone.push_back(
              std::make_unique<Trial>(*exec, test.attack, test.defense, n, f, d, std::vector<std::uint64_t>{seed}));
        for (int round = 0; round < 3; ++round) {
          std::vector<Matrix> cells;
          for (std::uint64_t c = 0; c < 3; ++c)
            cells.push_back(reference::random_rows(c + 10 * static_cast<std::uint64_t>(round), n, d));
          const auto together = batch.act(round, stacked(cells).data());
          for (std::size_t c = 0; c < 3; ++c) {
            const auto one = alone[c]->act(round, reference::flat(cells[c]).data());
            const auto at = together.begin() + static_cast<std::ptrdiff_t>(c * f * d);
            const std::vector<float> part(at, at + f * d);
            bool equal = true;
            for (std::size_t k = 0; k < one.size(); ++k)
              equal &= one[k] == part[k] || (std::isnan(one[k]) && std::isnan(part[k]));
            CHECK(equal);
          }
        }
        CHECK(batch.padding_is_zero());
      }
}

TEST_CASE("every attack keeps to its window and sends the own messages outside it", "[attacks]") {
  for (const auto& exec : test_backends())
    for (const Case& test : every_attack()) {
      const bool plain = test.attack.find('(') == std::string::npos;
      if (!plain) continue;
      const int n = 7, f = 2, d = 20;
      const Matrix rows = reference::random_rows(3, n, d);
      const auto input = reference::flat(rows);
      const std::vector<float> own(input.end() - f * d, input.end());
      INFO(test.attack);
      Trial windowed(*exec, test.attack + "(start=2, stop=7, every=3)", test.defense, n, f, d, {0});
      Trial always(*exec, test.attack, test.defense, n, f, d, {0});
      for (int round = 0; round < 10; ++round) {
        const auto got = windowed.act(round, input.data()), attacked = always.act(round, input.data());
        const bool acts = round == 2 || round == 5;
        check_close(got, {Vector(acts ? attacked.begin() : own.begin(), acts ? attacked.end() : own.end())}, 0);
      }
    }
}

TEST_CASE("equal honest messages and a single honest worker leave every attack well defined", "[attacks]") {
  for (const auto& exec : test_backends())
    for (const Case& test : every_attack()) {
      const ComponentText text = parse_component(test.attack);
      const auto& entry = Registry<Attack>::find(text.name, "attack");
      if (!entry.traits.sends_finite) continue;
      for (const auto& [n, f] : {std::pair(7, 2), std::pair(2, 1)}) {
        if (!entry.needs(n, f).empty()) continue;
        if (!test.defense.empty() && !unmet_need(parse_pipeline(test.defense), n, f).empty()) continue;
        const std::vector<float> ones(static_cast<std::size_t>(n) * 5, 1.5f);
        INFO(test.attack << " against '" << test.defense << "', n = " << n);
        for (const float v : attack_rows(*exec, test.attack, test.defense, f, n, 5, ones.data()))
          CHECK(std::isfinite(v));
      }
    }
}

}  // namespace gauntlet
