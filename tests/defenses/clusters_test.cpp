// SPDX-License-Identifier: Apache-2.0
#include "tests/reference/clusters.hpp"

#include <limits>

#include "tests/reference/defenses.hpp"
#include "tests/trial.hpp"

/// Rules that find workers who are alike.
namespace gauntlet {
namespace {

TEST_CASE("parameters of rules that look for clusters change them as their definitions say") {
  unsigned seed = 306;
  for (const char* text :
       {"foolsgold(confidence=0.3)", "foolsgold(divide=n)", "foolsgold(divide=nothing, confidence=2)",
        "signguard(upper=none)", "signguard(lower=0.9, upper=1.05)", "clipped-clustering(max_length=3)",
        "clipped-clustering(linkage=single)", "signguard(average=median)", "nnm | signguard(average=median)",
        "clipped-clustering(average=median, max_length=4)"})
    for (const auto& [n, f, d] : std::vector<std::array<int, 3>>{{11, 2, 60}, {12, 3, 33}, {40, 9, 5}})
      check_against_reference(text, random_inbox(n, f, d, ++seed), f);
}

TEST_CASE("foolsgold looks at the sums of all messages so far") {
  const int n = 8, f = 2, d = 40;
  for (const auto& exec : test_backends())
    for (const bool rehearsing : {false, true}) {
      Game game(*exec, "foolsgold", n, f, d);
      reference::Matrix history(n, reference::Vector(d, 0.0));
      for (int t = 0; t < 5; ++t) {
        auto rows = random_inbox(n, 0, d, 320 + t, 0.2f);
        rows[7] = rows[6];
        if (rehearsing) game.rehearse(t, rows);
        for (int i = 0; i < n; ++i) history[i] = reference::add(history[i], reference::wide(rows)[i]);
        INFO("round " << t << " on " << backend_name(*exec) << (rehearsing ? " with trials" : ""));
        CHECK(relative_error(game.play(t, rows), reference::Matrix{reference::fools_gold(history, reference::wide(rows),
                                                                                         1, "weights")}) <= 1e-5);
      }
    }
}

TEST_CASE("foolsgold leaves a message that is not finite out of the output and of the history") {
  const int n = 6, d = 30;
  const auto rows = random_inbox(n, 0, d, 330, 0.1f);
  for (const auto& exec : test_backends()) {
    Game game(*exec, "foolsgold", n, 1, d);
    reference::Matrix history = reference::wide(rows), x = reference::wide(rows);
    game.play(0, rows);
    auto broken = rows;
    broken[2][5] = std::numeric_limits<float>::quiet_NaN();
    const auto without = game.play(1, broken)[0];
    for (float value : without) CHECK(std::isfinite(value));
    for (int i = 0; i < n; ++i) history[i] = reference::add(history[i], x[i], i == 2 ? 1 : 2);
    CHECK(relative_error(game.play(2, rows), reference::Matrix{reference::fools_gold(history, x, 1, "weights")}) <=
          1e-5);
  }
}

TEST_CASE("foolsgold counts a message of zeros") {
  for (const auto& exec : test_backends()) {
    const FloatMatrix rows = {{2, 0, 0}, {0, 4, 0}, {0, 0, 0}, {0, 0, 2}};
    CHECK(relative_error(aggregate(*exec, "foolsgold", rows, 1), FloatMatrix{{0.5f, 1, 0.5f}}) <= 1e-6);
  }
}

TEST_CASE("signguard takes the larger cluster of signs and messages of ordinary length") {
  const int n = 13, f = 4, d = 5000;  // more than one chunk
  for (unsigned seed = 360; seed < 364; ++seed) {
    auto rows = random_inbox(n, f, d, seed, 0.5f, 0.4f);
    for (float& value : rows[0]) value *= 50;
    for (float& value : rows[1]) value *= 0.01f;
    for (int k = 0; k < d; k += 3) rows[2][k] = 0;
    check_against_reference("signguard", rows, f);
    check_against_reference("nnm | signguard", rows, f);
  }
}

TEST_CASE("clipped clustering clips to the median of all lengths so far") {
  const int n = 9, f = 2, d = 50;
  for (const auto& exec : test_backends())
    for (const bool rehearsing : {false, true})
      for (const int remembered : {3, 1000}) {
        Game game(*exec, "clipped-clustering(history=" + std::to_string(remembered) + ")", n, f, d);
        std::vector<reference::Vector> lengths;
        for (int t = 0; t < 8; ++t) {
          auto rows = random_inbox(n, f, d, 370 + t);
          for (auto& row : rows)
            for (float& value : row) value *= t % 2 == 0 ? 1.0f : 0.2f * static_cast<float>(t);
          if (rehearsing) game.rehearse(t, rows);
          lengths.push_back(reference::norms(reference::wide(rows)));
          reference::Vector known;
          for (int s = std::max(0, t + 1 - remembered); s <= t; ++s)
            known.insert(known.end(), lengths[s].begin(), lengths[s].end());
          INFO("round " << t << " of " << remembered << " on " << backend_name(*exec)
                        << (rehearsing ? " with trials" : ""));
          CHECK(relative_error(game.play(t, rows), reference::Matrix{reference::clipped_clustering(
                                                       reference::wide(rows), known, 1e5, false)}) <= 1e-5);
        }
      }
}

TEST_CASE("clipped clustering leaves messages out that are not finite") {
  auto rows = random_inbox(9, 0, 20, 380);
  rows[4][3] = std::numeric_limits<float>::infinity();
  for (const auto& exec : test_backends()) {
    auto lengths = reference::norms(reference::wide(rows));
    auto finite = reference::wide(rows);
    finite.erase(finite.begin() + 4);
    CHECK(relative_error(aggregate(*exec, "clipped-clustering", rows, 2),
                         reference::Matrix{reference::clipped_clustering(finite, lengths, 1e5, false)}) <= 1e-5);
  }
}

}  // namespace
}  // namespace gauntlet
