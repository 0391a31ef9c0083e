// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "tests/training/estimators.hpp"

using namespace gauntlet;

namespace {

/// Runs an estimator for a few rounds beside `expected(t, gradients, messages before)`, moving the query points.
template <class Expected>
void compare(Exec& exec, const std::string& text, double clip, Expected expected) {
  Cohort cohort(exec);
  const auto bound = cohort.bind(text);
  std::vector<Vector> state(units, Vector(cohort.size(), 0.0));
  for (int t = 0; t < rounds; ++t) {
    cohort.begin(t);
    const auto gradients = cohort.gradients_at(cohort.queries(), clip);
    bound->run();
    const auto got = cohort.messages();
    std::vector<Vector> wanted = expected(t, gradients, state);
    INFO(backend_name(exec) << ", " << text << ", round " << t);
    REQUIRE(distance(got, wanted) < 2e-6);
    for (int r = 0; r < replicas; ++r) {
      Vector next = cohort.queries()[r];
      for (std::size_t i = 0; i < next.size(); ++i) next[i] -= 0.3 * gradients[r * workers][i];
      cohort.move_query(r, next);
    }
    bound->moved();
  }
  if (clip > 0) CHECK(cohort.clipped > 0);
}

/// m ← keep · m + take · g, and g itself in round 0 if `first`.
auto recursion(double keep, double take, bool first = false) {
  return [=](int t, const std::vector<Vector>& gradients, std::vector<Vector>& state) {
    for (std::size_t u = 0; u < state.size(); ++u)
      for (std::size_t i = 0; i < state[u].size(); ++i)
        state[u][i] = t == 0 && first ? gradients[u][i] : keep * state[u][i] + take * gradients[u][i];
    return state;
  };
}

}  // namespace

TEST_CASE("Momentum follows its recursion in both forms, from zero and from the first gradient", "[estimators]") {
  for (const auto& exec : test_backends()) {
    compare(*exec, "gradient", 0, recursion(0, 1));
    compare(*exec, "momentum", 0, recursion(0.9, 0.1));
    compare(*exec, "momentum(beta=0.6, start=first)", 0, recursion(0.6, 0.4, true));
    compare(*exec, "momentum(form=heavy-ball)", 0, recursion(0.9, 1));
    compare(*exec, "momentum(form=heavy-ball, start=first, beta=0.5)", 0, recursion(0.5, 1, true));
    compare(*exec, "momentum(beta=0.8, damping=0.3)", 0, recursion(0.8, 0.7));
    compare(*exec, "momentum(form=heavy-ball, damping=0.3, start=first)", 0, recursion(0.9, 0.7, true));
  }
}

TEST_CASE("A bound on the norm shortens the gradient before anything else sees it", "[estimators]") {
  for (const auto& exec : test_backends()) {
    compare(*exec, "gradient(clip=1.5)", 1.5, recursion(0, 1));
    compare(*exec, "momentum(clip=1.5)", 1.5, recursion(0.9, 0.1));
    compare(*exec, "momentum(form=heavy-ball, clip=1e9)", 0, recursion(0.9, 1));
    compare(*exec, "local-steps(steps=1, learning_rate=0.5, clip=1.5)", 1.5, recursion(0, 0.5));
  }
}

TEST_CASE("Sign messages are the signs of the gradient or of the momentum", "[estimators]") {
  for (const auto& exec : test_backends())
    for (const double beta : {0.0, 0.8}) {
      Cohort cohort(*exec);
      const auto bound = cohort.bind("sign(beta=" + std::to_string(beta) + ")");
      std::vector<Vector> momentum(units, Vector(cohort.size(), 0.0));
      for (int t = 0; t < rounds; ++t) {
        cohort.begin(t);
        recursion(beta, 1 - beta)(t, cohort.gradients_at(cohort.queries()), momentum);
        bound->run();
        const auto messages = cohort.messages();
        for (std::size_t u = 0; u < units; ++u)
          for (std::size_t i = 0; i < cohort.size(); ++i) {
            const double m = momentum[u][i];
            if (m == 0) REQUIRE(messages[u][i] == 0);  // behind a dead ReLU
            if (std::abs(m) > 1e-6) REQUIRE(messages[u][i] == (m > 0 ? 1 : -1));
          }
      }
    }
}

TEST_CASE("Momentum at the server: with the mean, the messages' mean is the momentum of the mean gradient",
          "[estimators]") {
  struct Variant {
    const char* text;
    double beta, damping, clip;
  };
  for (const auto& exec : test_backends())
    for (const Variant& v : {Variant{"server-momentum", 0.9, 0, 0},
                             {"server-momentum(beta=0.6, damping=0.4)", 0.6, 0.4, 0},
                             {"server-momentum(clip=1.5)", 0.9, 0, 1.5}}) {
      Cohort cohort(*exec);
      const auto bound = cohort.bind(v.text);
      std::vector<Vector> momentum(replicas, Vector(cohort.size(), 0.0));
      for (int t = 0; t < rounds; ++t) {
        cohort.begin(t);
        const auto gradients = cohort.gradients_at(cohort.queries(), v.clip);
        bound->run();
        const auto messages = cohort.messages();
        INFO(backend_name(*exec) << ", " << v.text << ", round " << t);
        for (int r = 0; r < replicas; ++r) {
          Vector mean(cohort.size(), 0.0), next = cohort.queries()[r];
          for (std::size_t i = 0; i < cohort.size(); ++i) {
            double gradient = 0;
            for (int u = r * workers; u < (r + 1) * workers; ++u) {
              mean[i] += messages[u][i] / workers;
              gradient += gradients[u][i] / workers;
              REQUIRE(messages[u][i] ==
                      Approx((1 - v.damping) * gradients[u][i] + v.beta * momentum[r][i]).margin(2e-6));
            }
            momentum[r][i] = v.beta * momentum[r][i] + (1 - v.damping) * gradient;
            next[i] -= 0.3 * mean[i];
          }
          REQUIRE(distance({mean}, {momentum[r]}) < 5e-6);
          cohort.set_aggregate(r, mean);
          cohort.move_query(r, next);
        }
        bound->moved();
      }
      if (v.clip > 0) CHECK(cohort.clipped > 0);
    }
}

TEST_CASE("Double momentum corrects by the same samples' gradient at the previous query point", "[estimators]") {
  struct Variant {
    const char* text;
    bool growing, scaled, code;
    double beta, gamma, clip;  // negative: by schedule
  };
  const Variant variants[] = {{"mu2", true, true, false, -1, -1, 0},
                              {"mu2(scaled-step=false)", true, false, false, -1, -1, 0},
                              {"mu2(scaled-step=false, schedules=code)", true, false, true, -1, -1, 0},
                              {"mu2(alpha=1)", false, true, false, -1, -1, 0},
                              {"mu2(beta=0.9, gamma=0.1, clip=1.5)", true, true, false, 0.9, 0.1, 1.5}};
  for (const auto& exec : test_backends())
    for (const Variant& v : variants) {
      Cohort cohort(*exec);
      const auto bound = cohort.bind(v.text);
      const ComponentText component = parse_component(v.text);
      const auto estimator = Registry<Estimator>::find(component.name, "estimator").create(component, 5, 1);
      const auto told = [&](double weight) {
        return v.code ? std::max(std::round(weight * 1000) / 1000, 0.01) : weight;
      };
      std::vector<Vector> x = cohort.queries(), last = x, w = x, message(units, Vector(cohort.size(), 0.0));
      double weights = 1;  // α_1 + … + α_t
      for (int t = 1; t <= rounds; ++t) {
        cohort.begin(t - 1);
        const auto here = cohort.gradients_at(x, v.clip), before = cohort.gradients_at(last, v.clip);
        const double beta = t == 1 ? 1 : v.beta < 0 ? told(1.0 / t) : v.beta;
        for (std::size_t u = 0; u < units; ++u)
          for (std::size_t i = 0; i < cohort.size(); ++i)
            message[u][i] = here[u][i] + (1 - beta) * (message[u][i] - before[u][i]);
        bound->run();
        INFO(backend_name(*exec) << ", " << v.text << ", step " << t);
        REQUIRE(distance(cohort.messages(), message) < 5e-6);

        // The server's step, as an optimizer would take it; the estimator moves the query point.
        const double alpha = v.growing ? t : 1, next_alpha = v.growing ? t + 1 : 1;
        const double gamma =
            v.gamma >= 0 ? v.gamma : told(v.code ? alpha / weights : next_alpha / (weights + next_alpha));
        CHECK(estimator->step_factor(t - 1) == (v.scaled ? alpha : 1));
        weights += next_alpha;
        last = x;
        for (std::size_t r = 0; r < replicas; ++r) {
          Vector stepped = cohort.iterates()[r];
          for (std::size_t i = 0; i < cohort.size(); ++i) {
            const double step = 0.05 * (v.scaled ? alpha : 1) * message[r * workers][i];
            stepped[i] -= step;
            w[r][i] -= step;
            x[r][i] = (1 - gamma) * x[r][i] + gamma * w[r][i];
          }
          cohort.move_iterate(static_cast<int>(r), stepped);
        }
        bound->moved();
        REQUIRE(distance(cohort.queries(), x) < 5e-6);
        REQUIRE(distance(cohort.iterates(), w) < 5e-6);
      }
      if (v.clip > 0) CHECK(cohort.clipped > 0);
    }
}
