// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "tests/attacks/messages.hpp"

/// What holds of every attack.
namespace gauntlet {
namespace {

using namespace reference;

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
      if (!Registry<Attack>::find(parse_component(test.attack).name, "attack").traits.sends_finite) continue;
      for (const auto& [n, f] : {std::pair(7, 2), std::pair(2, 1)}) {
        if (!test.defense.empty() && !accepts(test.defense, n, f)) continue;
        const std::vector<float> ones(static_cast<std::size_t>(n) * 5, 1.5f);
        INFO(test.attack << " against '" << test.defense << "', n = " << n);
        std::vector<float> sent;
        const std::string refused = user_error(
            [&, n = n, f = f] { sent = attack_rows(*exec, test.attack, test.defense, f, n, 5, ones.data()); });
        CHECK((refused.empty() || n == 2));  // with one honest worker an attack may ask for more
        for (const float v : sent) CHECK(std::isfinite(v));
      }
    }
}

}  // namespace
}  // namespace gauntlet
