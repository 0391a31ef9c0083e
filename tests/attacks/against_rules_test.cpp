// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <vector>

#include "tests/attacks/messages.hpp"

/// Attacks that are defined by what a certain rule makes of them.
namespace gauntlet {
namespace {

using namespace reference;

constexpr int n = 11;

TEST_CASE("anti-cge opposes the messages that cge keeps at a norm that cge keeps too", "[attacks]") {
  for (const auto& exec : test_backends())
    for (const int f : {1, 2, 3}) {
      const int d = 30;
      const Matrix rows = random_rows(90 + static_cast<std::uint64_t>(f), n, d);
      Matrix honest(rows.begin(), rows.end() - f);
      const auto sent = attack_rows(*exec, "anti-cge", "", f, n, d, flat(rows).data());
      const auto twice = attack_rows(*exec, "anti-cge(twice=true)", "", f, n, d, flat(rows).data());
      std::sort(honest.begin(), honest.end(), [](const Vector& a, const Vector& b) { return norm(a) < norm(b); });
      const std::size_t kept = honest.size() - static_cast<std::size_t>(f);
      const auto expect = [&](const std::vector<float>& got, const Vector& sum) {
        const Vector want = -norm(honest[kept]) / norm(sum) * sum;
        CHECK(norm(message(got, d) - want) < 1e-5 * norm(want));
        CHECK(norm(message(got, d)) < norm(honest[kept]));
        CHECK(norm(message(got, d)) > norm(honest[kept - 1]));
      };
      Vector sum(static_cast<std::size_t>(d));
      for (std::size_t i = 0; i < kept; ++i) sum = sum + honest[i];
      expect(sent, sum);
      expect(twice, sum + honest[0]);
    }
}

TEST_CASE("fang-trim lies just beyond the honest values, away from where their mean points", "[attacks]") {
  for (const auto& exec : test_backends())
    for (const double common : {0.1, 5.0}) {
      const int d = 2000, f = 2;
      const double b = 3;
      const Matrix rows = random_rows(91, n, d, common), honest(rows.begin(), rows.end() - f);
      const Vector mu = mean(honest);
      const auto rows_sent = attack_rows(*exec, "fang-trim(b=3)", "", f, n, d, flat(rows).data());
      const auto same = attack_rows(*exec, "fang-trim(b=3, same=true)", "", f, n, d, flat(rows).data());
      CHECK(std::equal(same.begin(), same.begin() + d, same.begin() + d));
      CHECK(std::equal(same.begin(), same.begin() + d, rows_sent.begin()));
      int equal = 0;
      for (int k = 0; k < d; ++k)
        equal += rows_sent[static_cast<std::size_t>(k)] == rows_sent[static_cast<std::size_t>(d + k)];
      CHECK(equal < d / 100);
      const Vector sent(rows_sent.begin() + d, rows_sent.begin() + 2 * d);  // of the second attacker
      int outside = 0;
      double share = 0;
      for (std::size_t k = 0; k < mu.size(); ++k) {
        double least = honest[0][k], most = least;
        for (const Vector& row : honest) least = std::min(least, row[k]), most = std::max(most, row[k]);
        const double from = mu[k] < 0 ? most : least;
        const double to = mu[k] < 0 ? (most > 0 ? b * most : most / b) : (least > 0 ? least / b : b * least);
        const double slack = 1e-5 * (std::abs(from) + std::abs(to));
        outside += sent[k] < std::min(from, to) - slack || sent[k] > std::max(from, to) + slack;
        share += (sent[k] - from) / (to - from) / d;
      }
      CHECK(outside == 0);
      CHECK(share == Approx(0.5).margin(0.03));
    }
}

TEST_CASE("fang-krum sends the first halving of its bound that krum chooses", "[attacks]") {
  for (const auto& exec : test_backends())
    for (const int f : {1, 2, 3, 4})
      for (const double common : {0.05, 0.3}) {
        const int d = 20;
        const Matrix rows = random_rows(92 + static_cast<std::uint64_t>(f), n, d, common);
        const Matrix honest(rows.begin(), rows.end() - f);
        const auto h = honest.size();
        double tightest = INFINITY, longest = 0;
        for (const Vector& row : honest) {
          std::vector<double> distances;
          for (const Vector& other : honest)
            if (&other != &row) distances.push_back(dot(row - other, row - other));
          std::sort(distances.begin(), distances.end());
          double total = 0;
          for (int k = 0; k < n - f - 2; ++k) total += distances[static_cast<std::size_t>(k)];
          tightest = std::min(tightest, total);
          longest = std::max(longest, norm(row));
        }
        Vector direction = mean(honest);
        for (double& v : direction) v = v > 0 ? -1 : 1;
        double lambda = std::sqrt(tightest / ((n - 2 * f - 1) * double(d))) + longest / std::sqrt(d);
        const auto chosen = [&] {
          Matrix inbox = honest;
          for (int b = 0; b < f; ++b) inbox.push_back(lambda * direction);
          const auto output = aggregate_rows(*exec, "krum", f, n, d, flat(inbox).data());
          return norm(message(output, d) - inbox[h]) < 1e-4 * norm(inbox[h]);
        };
        int halvings = 0;
        while (halvings < 40 && !chosen()) lambda /= 2, ++halvings;
        INFO("f = " << f << ", halvings = " << halvings << " on " << backend_name(*exec));
        const auto sent = attack_rows(*exec, "fang-krum", "", f, n, d, flat(rows).data());
        CHECK(norm(message(sent, d) - lambda * direction) < 1e-5 * norm(lambda * direction) + 1e-9);
      }
}

TEST_CASE("clipped-clustering-attack turns on from the message of the larger cluster that is farthest out",
          "[attacks]") {
  const double pi = std::acos(-1.0);
  for (const auto& exec : test_backends())
    for (const int f : {1, 2, 3, 5})
      for (const double common : {0.0, 0.5, 4.0})
        for (const int apart : {0, 1, 3}) {
          const int d = 12;
          Matrix rows = random_rows(95 + static_cast<std::uint64_t>(f), n, d, common);
          for (int i = 1; i <= apart; ++i) rows[static_cast<std::size_t>(i)][2] -= 20;
          const Matrix honest(rows.begin(), rows.end() - f);
          const auto cosine = [](const Vector& a, const Vector& b) { return dot(a, b) / norm(a) / norm(b); };
          std::vector<std::vector<std::size_t>> clusters;
          for (std::size_t i = 0; i < honest.size(); ++i) clusters.push_back({i});
          double nearest = -1;
          for (std::size_t i = 0; i < honest.size(); ++i)
            for (std::size_t j = 0; j < i; ++j) nearest = std::max(nearest, cosine(honest[i], honest[j]));
          while (clusters.size() > 2) {
            std::size_t into = 0, from = 1;
            double most = -2;
            for (std::size_t a = 0; a < clusters.size(); ++a)
              for (std::size_t b = a + 1; b < clusters.size(); ++b)
                for (const auto i : clusters[a])
                  for (const auto j : clusters[b])
                    if (cosine(honest[i], honest[j]) > most) most = cosine(honest[i], honest[j]), into = a, from = b;
            clusters[into].insert(clusters[into].end(), clusters[from].begin(), clusters[from].end());
            clusters.erase(clusters.begin() + static_cast<std::ptrdiff_t>(from));
          }
          const auto& larger = clusters[1].size() > clusters[0].size() ? clusters[1] : clusters[0];
          const Vector along = 1 / norm(mean(honest)) * mean(honest);
          Vector farthest = honest[larger[0]];
          for (const auto i : larger)
            if (cosine(honest[i], along) < cosine(farthest, along)) farthest = honest[i];
          Vector across = farthest - dot(farthest, along) * along;
          across = 1 / norm(across) * across;
          double at = std::acos(cosine(farthest, along));
          const auto sent = attack_rows(*exec, "clipped-clustering-attack(scale=7)", "", f, n, d, flat(rows).data());
          for (int b = 0; b < f; ++b) {
            at += std::max(std::acos(nearest) - 0.1, 0.0);
            const Vector want = at < pi ? 7 * std::cos(at) * along + 7 * std::sin(at) * across : -7.0 * along;
            INFO("f = " << f << ", message " << b << ", common = " << common << ", " << apart << " apart");
            CHECK(norm(message(sent, d, b) - want) < 1e-4);
          }
        }
}

TEST_CASE("clipped-clustering-attack goes against the mean where all honest messages point one way", "[attacks]") {
  for (const auto& exec : test_backends())
    for (int d = 1; d <= 7; ++d) {
      Matrix rows(n, Vector(static_cast<std::size_t>(d), 1.0));
      rows[1] = 3.0 * rows[0];
      const auto sent = attack_rows(*exec, "clipped-clustering-attack", "", 2, n, d, flat(rows).data());
      for (const float value : sent) CHECK(value == Approx(-10 / std::sqrt(d)));
    }
}

TEST_CASE("signguard-attack has the sign counts of the honest mean in random places", "[attacks]") {
  for (const auto& exec : test_backends())
    for (const int d : {1, 2, 3, 100, 5000, 16384}) {
      const int f = 2;
      Matrix rows = random_rows(94, n, d);
      for (Vector& row : rows)
        for (std::size_t k = 0; k < row.size(); k += 3) row[k] = 0;
      const Vector mu = mean(Matrix(rows.begin(), rows.end() - f));
      Trial trial(*exec, "signguard-attack", "", n, f, d, {6});
      const Vector got = message(trial.act(0, flat(rows).data()), d);
      const auto count = [](const Vector& x, int sign) {
        return std::count_if(x.begin(), x.end(), [=](double v) { return (v > 0) - (v < 0) == sign; });
      };
      INFO("d = " << d << " on " << backend_name(*exec));
      for (const int sign : {-1, 0, 1}) CHECK(count(got, sign) == count(mu, sign));
      if (d < 100) continue;
      CHECK(std::abs(dot(got, mu)) < 0.2 * norm(got) * norm(mu));
      CHECK(message(trial.act(1, flat(rows).data()), d) != got);
      CHECK(*std::max_element(got.begin(), got.end()) < 1);
      double sum = 0;
      for (const double v : got) sum += std::abs(v);
      CHECK(sum / static_cast<double>(count(mu, 1) + count(mu, -1)) == Approx(0.5).margin(0.08));
    }
}

}  // namespace
}  // namespace gauntlet
