// SPDX-License-Identifier: Apache-2.0
#include "tests/agreement.hpp"

/// What agreement promises, whatever the Byzantine clients send: their messages are given.
namespace gauntlet {
namespace {

/// How far the vectors leave the box of the others, at most, by the largest number of that.
double beyond(const FloatMatrix& rows, const FloatMatrix& honest) {
  const Box box(honest);
  double most = 0, scale = 1;
  for (const auto& row : rows)
    for (std::size_t k = 0; k < row.size(); ++k) {
      if (!std::isfinite(row[k])) return INFINITY;
      most = std::max({most, row[k] - box.high[k], box.low[k] - row[k]});
      scale = std::max({scale, box.high[k], -box.low[k]});
    }
  return most / scale;
}

/// The largest ratio of the boxes' edges after and before.
double contraction(const FloatMatrix& before, const FloatMatrix& after) {
  const Box from(before), to(after);
  double most = 0;
  for (std::size_t k = 0; k < from.low.size(); ++k) most = std::max(most, to.edge(k) / from.edge(k));
  return most;
}

/// Where everybody gets the same, what the first receiver gets.
Message to_all(const Message& message) {
  return [message, sent = std::make_shared<std::vector<std::vector<float>>>()](const FloatMatrix& honest, int v, int b,
                                                                               Number& number) {
    if (v == 0) sent->push_back(message(honest, 0, b, number));
    return (*sent)[static_cast<std::size_t>(b)];
  };
}

bool draws(const std::string& pipeline) {
  for (const auto& stage : parse_pipeline(pipeline))
    if (Registry<Stage>::find(stage.name, "defense").traits.draws_workers) return true;
  return false;
}

TEST_CASE("agreement: the box rules never leave the honest box", "[agreement]") {
  for (const auto& exec : test_backends())
    for (const char* rule : {"box-mean", "box-geom"})
      for (const auto& [n, f] : {std::pair{3, 1}, {5, 2}, {7, 3}, {10, 2}, {10, 3}, {4, 0}})
        for (const auto& [name, message] : messages)
          for (const double silence : {0.0, 0.4}) {
            INFO(rule << ", n = " << n << ", f = " << f << ", " << name << ", silence " << silence << " on "
                      << backend_name(*exec));
            const Scene scene = scene_of(n, f, 7, message, static_cast<unsigned>(n + f), silence);
            const FloatMatrix after = agree(*exec, rule, scene)[0];
            CHECK(beyond(after, scene.honest) <= 1e-6);
            CHECK(contraction(scene.honest, after) <= 1 + 1e-6);
          }
}

TEST_CASE("agreement: how much of the honest box's edges is left after a sub-round", "[agreement]") {
  const auto none_left = [](int, int) { return 0.0; };
  const auto box_mean = [](int n, int f) { return n / (2.0 * (n - f)); };
  const auto box_mean_silent = [](int n, int f) { return (1 + std::max(0, f - 1) / static_cast<double>(n - f)) / 2; };
  const auto trimmed_mean = [](int n, int f) { return f / static_cast<double>(n - 2 * f); };
  const auto all_left = [](int, int) { return 1.0; };
  struct Bound {
    const char* rule;
    bool same, silent;
    std::function<double(int n, int f)> most;
  };
  const std::vector<Bound> bounds = {
      {"box-mean", true, false, none_left},      {"box-geom", true, false, none_left},
      {"trimmed-mean", true, false, none_left},  {"box-mean", false, false, box_mean},
      {"box-mean", true, true, box_mean_silent}, {"box-geom", false, false, all_left},
      {"box-geom", true, true, all_left},        {"trimmed-mean", false, false, trimmed_mean}};
  for (const auto& exec : test_backends())
    for (const Bound& bound : bounds)
      for (const auto& [n, f] : {std::pair{4, 1}, {7, 2}, {10, 1}, {10, 2}, {10, 3}, {11, 3}})
        for (const auto& [name, message] : messages)
          for (unsigned seed = 0; seed < 3; ++seed) {
            INFO(bound.rule << ", n = " << n << ", f = " << f << ", " << name << ", seed " << seed << ", same "
                            << bound.same << ", silent " << bound.silent << " on " << backend_name(*exec));
            const Scene scene = scene_of(n, f, 6, bound.same ? to_all(message) : message, seed, bound.silent ? 0.5 : 0);
            CHECK(contraction(scene.honest, agree(*exec, bound.rule, scene)[0]) <= bound.most(n, f) + 1e-5);
          }
}

TEST_CASE("agreement: what is sent can leave n / (2 (n - f)) of an edge to box-mean, and no less", "[agreement]") {
  for (const auto& exec : test_backends())
    for (const auto& [n, f, left] : {std::tuple{10, 1, .5556}, {10, 2, .625}, {10, 3, .7143}, {7, 2, .7}}) {
      INFO("n = " << n << ", f = " << f << " on " << backend_name(*exec));
      // f honest clients at the upper end. Receiver 0 hears of low liars, so that it trusts the lower end alone; the
      // others hear of high ones, and stay between the honest mean and the upper end.
      Scene scene;
      scene.f = f;
      for (int i = 0; i < n - f; ++i) scene.honest.push_back({i < f ? 1.0f : 0.0f});
      for (int v = 0; v < n - f; ++v)
        for (int b = 0; b < f; ++b) scene.messages.push_back({v == 0 ? -100.0f : 100.0f});
      CHECK(contraction(scene.honest, agree(*exec, "box-mean", scene)[0]) == Approx(left).epsilon(1e-4));
    }
}

TEST_CASE("agreement: what is sent can leave all of an edge to box-geom", "[agreement]") {
  const int n = 10, f = 2, d = 33;
  for (const auto& exec : test_backends()) {
    INFO(backend_name(*exec));
    // Two honest clients are in one point, which has 1 at coordinate 0; six lie around it at equal distances in
    // opposite directions, and have 0 there. Receiver 0 hears of two more that have 0, and trusts 0 alone. To the
    // others the liars are in the point, too: it is then the geometric median of any eight of the ten.
    Scene scene;
    scene.f = f;
    const std::vector<float> point = [&] {
      std::vector<float> row(d, 0.0f);
      row[0] = 1;
      return row;
    }();
    scene.honest = FloatMatrix(8, point);
    for (std::size_t i = 0; i < 6; ++i) {
      scene.honest[2 + i][0] = 0;
      scene.honest[2 + i][1 + i / 2] = i % 2 == 0 ? 10.0f : -10.0f;
    }
    for (int v = 0; v < n - f; ++v)
      for (int b = 0; b < f; ++b) scene.messages.push_back(v == 0 ? scene.honest[2] : point);
    CHECK(contraction(scene.honest, agree(*exec, "box-geom", scene)[0]) == Approx(1).epsilon(1e-5));
  }
}

TEST_CASE("agreement: receivers that hear the same hold the same, bit by bit, under every rule", "[agreement]") {
  const int n = 11, f = 2;
  const auto rules = rules_for(n, f);
  CHECK(rules.size() > 30);
  for (const auto& exec : test_backends())
    for (const std::string& rule : rules) {
      Scene scene = scene_of(n, f, 37, to_all(messages[0].second), 5);
      const FloatMatrix once = scene.messages;
      scene.rounds = 2;
      scene.messages.insert(scene.messages.end(), once.begin(), once.end());
      for (const FloatMatrix& after : agree(*exec, rule, scene))
        for (const auto& row : after) {
          INFO(rule << " on " << backend_name(*exec));
          REQUIRE(row == after[0]);
        }
    }
}

TEST_CASE("agreement: every client holds what the defense makes of what it heard, under every rule", "[agreement]") {
  const int n = 11, f = 2;
  for (const auto& exec : test_backends())
    for (const std::string& rule : rules_for(n, f)) {
      INFO(rule << " on " << backend_name(*exec));
      const Scene scene = scene_of(n, f, 37, messages[0].second, 6);
      const FloatMatrix after = agree(*exec, rule, scene)[0];
      for (int v = 0; v < scene.h(); ++v) {
        FloatMatrix heard = scene.honest;
        heard.insert(heard.end(), scene.messages.begin() + v * f, scene.messages.begin() + (v + 1) * f);
        const FloatMatrix alone = aggregate(*exec, rule, heard, f);
        INFO("receiver " << v);
        CHECK(relative_error({after[static_cast<std::size_t>(v)]}, alone) <= 2e-5);
      }
    }
}

TEST_CASE("agreement: who hears of no Byzantine client makes of the honest vectors what f = 0 does", "[agreement]") {
  const int n = 11, f = 2;
  for (const auto& exec : test_backends())
    for (const std::string& rule : rules_for(n, f)) {
      if (!accepts(rule, n - f, 0) || draws(rule)) continue;
      INFO(rule << " on " << backend_name(*exec));
      Scene scene = scene_of(n, f, 37, messages[5].second, 7);
      scene.delivered.assign(scene.messages.size(), 1.0f);
      std::fill_n(scene.delivered.begin() + f, f, 0.0f);  // receiver 1
      const FloatMatrix want = aggregate(*exec, rule, scene.honest, 0);
      CHECK(relative_error({agree(*exec, rule, scene)[0][1]}, want) <= 2e-5);
      const auto under = agree_under(*exec, "ipm(epsilon=100, silence=1)", rule, scene, FloatMatrix(f, want[0]));
      for (const auto& row : under[0]) CHECK(relative_error({row}, want) <= 2e-5);
    }
}

TEST_CASE("agreement: 64 clients hear each its own", "[agreement]") {
  const int n = 64, f = 20;
  for (const auto& exec : test_backends())
    for (const char* rule : {"box-mean", "trimmed-mean", "krum", "nnm | median"}) {
      INFO(rule << " on " << backend_name(*exec));
      const Scene scene = scene_of(n, f, 5, messages[0].second, 11);
      const FloatMatrix after = agree(*exec, rule, scene)[0];
      for (const int v : {0, 21, 43}) {
        FloatMatrix heard = scene.honest;
        heard.insert(heard.end(), scene.messages.begin() + v * f, scene.messages.begin() + (v + 1) * f);
        CHECK(relative_error({after[static_cast<std::size_t>(v)]}, aggregate(*exec, rule, heard, f)) <= 1e-5);
      }
    }
}

}  // namespace
}  // namespace gauntlet
