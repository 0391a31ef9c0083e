// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <functional>
#include <map>

#include "kernels/exec/philox.cuh"
#include "kernels/optimizers/optimizer.cuh"
#include "tests/backends.hpp"
#include "tests/support.hpp"

using namespace gauntlet;

namespace {

/// One coordinate of an optimizer in double precision: what to subtract per unit of rate. State starts at zero.
struct NaiveState {
  double a = 0, b = 0;
};
using NaiveRule = std::function<double(double g, NaiveState& state, int t)>;

const std::map<std::string, NaiveRule> naive_rules = {
    {"sgd", [](double g, NaiveState&, int) { return g; }},
    {"momentum(beta=0.8)", [](double g, NaiveState& s, int t) { return s.a = t == 1 ? g : 0.8 * s.a + g; }},
    {"momentum(damping=0.25)", [](double g, NaiveState& s, int) { return s.a = 0.9 * s.a + 0.75 * g; }},
    {"nesterov",
     [](double g, NaiveState& s, int t) {
       s.a = t == 1 ? g : 0.9 * s.a + g;
       return g + 0.9 * s.a;
     }},
    {"adam",
     [](double g, NaiveState& s, int t) {
       s.a = 0.9 * s.a + 0.1 * g;
       s.b = 0.999 * s.b + 0.001 * g * g;
       return s.a / (1 - std::pow(0.9, t)) / (std::sqrt(s.b / (1 - std::pow(0.999, t))) + 1e-8);
     }},
    {"adam(beta1=0.5, beta2=0.9, epsilon=0.1)",
     [](double g, NaiveState& s, int t) {
       s.a = 0.5 * s.a + 0.5 * g;
       s.b = 0.9 * s.b + 0.1 * g * g;
       return s.a / (1 - std::pow(0.5, t)) / (std::sqrt(s.b / (1 - std::pow(0.9, t))) + 0.1);
     }},
    {"rmsprop",
     [](double g, NaiveState& s, int) {
       s.a = 0.99 * s.a + 0.01 * g * g;
       return g / (std::sqrt(s.a) + 1e-8);
     }},
    // Without anything added to the root, what has had no gradient yet stays where it is.
    {"adam(epsilon=0)",
     [](double g, NaiveState& s, int t) {
       s.a = 0.9 * s.a + 0.1 * g;
       s.b = 0.999 * s.b + 0.001 * g * g;
       return s.a == 0 ? 0 : s.a / (1 - std::pow(0.9, t)) / std::sqrt(s.b / (1 - std::pow(0.999, t)));
     }},
    {"rmsprop(epsilon=0)",
     [](double g, NaiveState& s, int) {
       s.a = 0.99 * s.a + 0.01 * g * g;
       return g == 0 ? 0 : g / std::sqrt(s.a);
     }},
    {"sign", [](double g, NaiveState&, int) { return g > 0   ? 1.0
                                                     : g < 0 ? -1.0
                                                             : 0.0; }},
};

std::unique_ptr<Schedule> schedule(const std::string& text) {
  const ComponentText component = parse_component(text);
  return Registry<Schedule>::find(component.name, "schedule").create(component, 10, 2);
}

}  // namespace

TEST_CASE("Every optimizer takes the steps of its formula in double precision", "[optimizers]") {
  // The first without weight decay, the last with its gradients taken elsewhere, as mu2 does.
  constexpr int replicas = 3, rounds = 6, d = 300;
  for (const auto& exec : test_backends())
    for (const auto& [text, naive] : naive_rules) {
      const ComponentText component = parse_component(text);
      const auto optimizer = Registry<Optimizer>::find(component.name, "optimizer").create(component, 10, 2);
      RowStore parameters(*exec, replicas, d), aggregates(*exec, replicas, d), query(*exec, 1, d);
      std::vector<float> rates;
      for (int i = 0; i < replicas * rounds; ++i) rates.push_back(0.1f / static_cast<float>(1 + i));
      const Array<float> device_rates(*exec, rates), decay(*exec, std::vector<float>{0, 0.03f, 0.03f});
      Array<int> round(*exec, 1);

      OptimizerJob job;
      job.d = d, job.rounds = rounds, job.round = round.data();
      job.learning_rates = device_rates.data(), job.weight_decay = decay.data();
      job.parameters = parameters.pointers();
      job.points = {parameters.row(0), parameters.row(1), query.row(0)};
      const std::vector<float> elsewhere(d, 4.0f);
      copy_to(*exec, query.row(0), elsewhere.data(), d * sizeof(float));
      for (int r = 0; r < replicas; ++r) job.aggregates.push_back(aggregates.row(r));
      const auto bound = optimizer->bind(*exec, job);

      std::vector<double> expected;
      std::vector<NaiveState> states(replicas * d);
      for (int r = 0; r < replicas; ++r) {
        std::vector<float> start;
        for (std::uint32_t i = 0; i < d; ++i)
          start.push_back(Random(1, Purpose::noise, static_cast<std::uint32_t>(r), 0, i).normal());
        copy_to(*exec, parameters.row(r), start.data(), d * sizeof(float));
        expected.insert(expected.end(), start.begin(), start.end());
      }
      for (int t = 0; t < rounds; ++t) {
        round.upload({t});
        for (int r = 0; r < replicas; ++r) {
          std::vector<float> g;
          for (std::uint32_t i = 0; i < d; ++i)
            g.push_back(
                Random(2, Purpose::noise, static_cast<std::uint32_t>(r), static_cast<std::uint32_t>(t), i).normal());
          for (int i = 0; i < d; i += 30) g[static_cast<std::size_t>(i)] = t < 3 ? 0.0f : 0.5f;
          copy_to(*exec, aggregates.row(r), g.data(), d * sizeof(float));
          for (int i = 0; i < d; ++i) {
            double& x = expected[r * d + i];
            x -= double{rates[r * rounds + t]} *
                 naive(g[i] + (r == 0 ? 0 : 0.03) * (r == 2 ? 4 : x), states[r * d + i], t + 1);
          }
        }
        bound->step();
      }
      const std::vector<float> got = parameters.values().download();
      INFO(backend_name(*exec) << ", " << text);
      for (int r = 0; r < replicas; ++r)
        for (int i = 0; i < padded(d); ++i) {
          const double wanted = i < d ? expected[r * d + i] : 0;
          REQUIRE(got[static_cast<std::size_t>(r * padded(d) + i)] == Approx(wanted).epsilon(1e-5).margin(3e-6));
        }
    }
  for (const auto& entry : Registry<Optimizer>::all()) {
    INFO(entry.name << " has no reference to compare with");
    bool covered = false;
    for (const auto& [text, naive] : naive_rules) covered = covered || parse_component(text).name == entry.name;
    CHECK(covered);
  }
}

TEST_CASE("A radius keeps the model in a ball", "[optimizers]") {
  constexpr int replicas = 2, d = 1000;
  for (const auto& exec : test_backends()) {
    const auto make = [&](const std::string& text) {
      const ComponentText component = parse_component(text);
      return Registry<Optimizer>::find(component.name, "optimizer").create(component, 10, 2);
    };
    const auto moved = [&](const std::string& text) {
      RowStore parameters(*exec, replicas, d), aggregates(*exec, replicas, d);
      const Array<float> rates(*exec, std::vector<float>(4, 0.1f)), decay(*exec, std::vector<float>(2));
      Array<int> round(*exec, 1);
      OptimizerJob job;
      job.d = d, job.rounds = 2, job.round = round.data();
      job.learning_rates = rates.data(), job.weight_decay = decay.data();
      job.parameters = parameters.pointers();
      for (int r = 0; r < replicas; ++r) {
        job.points.push_back(parameters.row(r)), job.aggregates.push_back(aggregates.row(r));
        std::vector<float> g;
        for (std::uint32_t i = 0; i < d; ++i)
          g.push_back((r == 0 ? 10.0f : 0.1f) * Random(7, Purpose::noise, 0, 0, i).normal());
        copy_to(*exec, aggregates.row(r), g.data(), d * sizeof(float));
      }
      make(text)->bind(*exec, job)->step();
      return parameters.values().download();
    };
    const auto free = moved("sgd"), bounded = moved("sgd(radius=2)");
    for (int r = 0; r < replicas; ++r) {
      double square = 0;
      for (int i = 0; i < d; ++i) square += std::pow(double{free[static_cast<std::size_t>(r * padded(d) + i)]}, 2);
      const double factor = std::min(1.0, 2 / std::sqrt(square));
      CHECK((factor < 1) == (r == 0));
      for (int i = 0; i < padded(d); ++i) {
        const auto at = static_cast<std::size_t>(r * padded(d) + i);
        REQUIRE(bounded[at] == Approx(factor * free[at]).margin(1e-6));
      }
    }
    for (const char* text : {"rmsprop(epsilon=0, radius=2)", "adam(epsilon=0, radius=2)"}) {
      double square = 0;
      for (const float x : moved(text)) square += double{x} * x;
      CHECK(std::sqrt(square / replicas) == Approx(2));
    }
    CHECK(make("adam(radius=2, learning_rate=0.5)")->learning_rate == 0.5);
  }
}

TEST_CASE("Learning-rate schedules follow their formulas", "[optimizers]") {
  CHECK(schedule("constant")->factor(17, 100) == 1);

  const auto step = schedule("step(milestones=[10, 20], decay=0.5)");
  CHECK(step->factor(9, 100) == 1);
  CHECK(step->factor(10, 100) == 0.5);
  CHECK(step->factor(19, 100) == 0.5);
  CHECK(step->factor(20, 100) == 0.25);
  CHECK(schedule("step")->factor(99, 100) == 1);

  const auto cosine = schedule("cosine");
  CHECK(cosine->factor(0, 100) == 1);
  CHECK(cosine->factor(50, 100) == Approx(0.5));
  CHECK(cosine->factor(100, 100) == Approx(0).margin(1e-12));

  CHECK(schedule("inverse-time")->factor(5000, 1) == Approx(0.5));
  CHECK(schedule("inverse-time(decay=10)")->factor(30, 1) == Approx(0.25));

  CHECK(contains(user_error([] { schedule("cosin"); }), "did you mean 'cosine'?"));
  CHECK(contains(user_error([] { schedule("inverse-time(decay=0)"); }), "must be at least"));
}
