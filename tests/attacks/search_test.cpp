// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "tests/attacks/messages.hpp"

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

/// An attack that searches its strength, and the message that it sends at a given one.
struct Searched {
  std::string attack;
  double maximum;
  std::function<Vector(const Matrix&, double)> message;
};

/// A rule that may ignore a message altogether, and how many of n attackers it is tried with.
struct Selecting {
  const char* rule;
  int f;
  bool whole = true;  ///< takes a share of a message, whichever its strength, or nothing
};
const Selecting selecting_rules[] = {{"krum", 3},
                                     {"multi-krum(m=1)", 3},
                                     {"nnm | krum", 3},
                                     {"krum | ctma", 3},
                                     {"mda", 3},
                                     {"monna", 3},
                                     {"md-mean", 3},
                                     {"md-geom", 3, false},
                                     {"aksel", 3},
                                     {"dnc", 3},
                                     {"mixture(rules=[krum, mda])", 3},
                                     {"mixture", 3, false},
                                     {"bulyan", 2, false}};

Vector first_message(const std::vector<float>& sent) { return Vector(sent.begin(), sent.begin() + d); }

/// How far the messages themselves carry the output along e: their strength times the slope with which the output
/// follows it. Zero where the output jumps: then it is not they that lead it.
double pull(const std::string& defense, const Matrix& honest, const Vector& e, double gamma) {
  const auto progress = [&](double strength) {
    return dot(error_under(defense, honest, mean(honest) + strength * e), e) / dot(e, e);
  };
  const double slope = (progress(gamma) - progress(0.9998 * gamma)) / (0.0002 * gamma);
  return slope > 0.02 && slope < 1.1 ? gamma * slope : 0;
}

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

// Honest messages at 2, 2.2, -2 and -2.3. Krum follows what lies between the first two, which is nearest to two others;
// beyond, it picks 2.2 or 2 whatever is sent, and that lead is not the attack's.
TEST_CASE("finite-norm and infinite-norm do not take an honest message's lead for their own", "[attacks]") {
  const std::vector<float> rows = {2, 2.2f, -2, -2.3f, 0};
  for (const auto& exec : test_backends())
    for (const std::string attack :
         {"finite-norm", "infinite-norm", "finite-norm(maximum=1)", "finite-norm(maximum=10)"})
      for (const char* defense : {"krum", "multi-krum(m=1)", "mixture(rules=[krum])"}) {
        INFO(attack << " against " << defense << " on " << backend_name(*exec));
        const float sent = attack_rows(*exec, attack, defense, 1, 5, 1, rows.data())[0];
        CHECK(sent < 2.2f);
        CHECK(sent > 2.19f);
      }
}

TEST_CASE("finite-norm and infinite-norm send what a rule that selects messages still follows", "[attacks]") {
  constexpr int few = 5;
  for (const auto& exec : test_backends())
    for (const auto& [rule, f, whole] : selecting_rules)
      for (std::uint64_t seed = 0; seed < 20; ++seed) {
        const Matrix rows = random_rows(200 + seed, n, few), honest(rows.begin(), rows.end() - f);
        for (const std::string attack : {"finite-norm", "infinite-norm"}) {
          Vector e(few, 1);
          if (attack == "finite-norm") e = Vector(few), e[widest_coordinate(honest)] = 1;
          double best = 0, largest = 0;
          for (const double gamma : fine_grid(30, 10, 1.05)) {
            const double found = pull(rule, honest, e, gamma);
            best = std::max(best, found);
            if (found > 0 && 2 * found >= best) largest = gamma;
          }
          const auto sent = attack_rows(*exec, attack, rule, f, n, few, flat(rows).data());
          const double gamma = dot(Vector(sent.begin(), sent.begin() + few) - mean(honest), e) / dot(e, e);
          INFO(attack << " against " << rule << " on inbox " << seed << ": sent " << gamma << ", largest " << largest);
          if (largest == 0) continue;
          if (whole) {
            CHECK(gamma > 0.9 * largest);
            CHECK(pull(rule, honest, e, gamma) > 0);
          } else {
            // What a rule ignores it ignores at the other end too.
            CHECK(error_under(rule, honest, mean(honest) + gamma * e) !=
                  error_under(rule, honest, mean(honest) - 1000 * e));
          }
        }
      }
}

TEST_CASE("attacks that maximize harm do as well as a fine grid searched by hand", "[attacks]") {
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

// Krum errs most with the honest 2.2, which it picks for messages from there up to 6.2.
TEST_CASE("an attack that maximizes harm sends the least strength that leaves the rule to its worst", "[attacks]") {
  for (const auto& exec : test_backends()) {
    std::vector<float> rows = {2, 2.2f, -2, -2.3f, 0};
    rows.back() = attack_rows(*exec, "optimal(direction=plus-std)", "krum", 1, 5, 1, rows.data())[0];
    CHECK(aggregate_rows(*exec, "krum", 1, 5, 1, rows.data())[0] == 2.2f);
    CHECK(rows.back() < 2.2f * 1.42f);
  }
}

// Such a rule may do the most harm within a range of strengths so narrow that the grid steps over it.
TEST_CASE("attacks that maximize harm seldom miss what does most against a rule that selects messages", "[attacks]") {
  constexpr int few = 5;
  const Searched attacks[] = {{"optimal-alie", 20, alie},
                              {"seesaw(budget=search)", 100, seesaw_norm},
                              {"seesaw(pivot=round, budget=search)", 100, seesaw_end}};
  for (const auto& exec : test_backends()) {
    int trials = 0, missed = 0;
    for (const auto& [rule, f, whole] : selecting_rules)
      for (std::uint64_t seed = 0; seed < 10; ++seed) {
        const Matrix rows = random_rows(300 + seed, n, few), honest(rows.begin(), rows.end() - f);
        for (const Searched& attack : attacks) {
          double most = 0;
          for (const double z : fine_grid(attack.maximum, 10, 1.05))
            most = std::max(most, norm(error_under(rule, honest, attack.message(honest, z))));
          const auto sent = attack_rows(*exec, attack.attack, rule, f, n, few, flat(rows).data());
          ++trials;
          missed += norm(error_under(rule, honest, Vector(sent.begin(), sent.begin() + few))) < 0.9 * most;
        }
      }
    CHECK(missed <= 0.03 * trials);
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
    Trial watched(*exec, "finite-norm", "centered-clipping(tau=0.5)", n, f, d, {0});
    std::vector<Vector> sent;
    for (int round = 0; round < 3; ++round) {
      const Matrix rows = random_rows(70 + static_cast<std::uint64_t>(round), n, d);
      sent.push_back(first_message(watched.act(round, flat(rows).data())));
      CHECK(std::isfinite(norm(sent.back())));
    }
    Trial again(*exec, "finite-norm", "centered-clipping(tau=0.5)", n, f, d, {0});
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
