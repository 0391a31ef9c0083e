// SPDX-License-Identifier: Apache-2.0
#include "kernels/defenses/rule.cuh"

/// A rule that is wrong in every way that `verify --rule` looks for: its test is that nothing of it passes.
namespace gauntlet {
namespace {

struct WeighLast {
  int n;
  double weight;
  double* weights;  ///< [count][n]

  GAUNTLET_HD void operator()(std::int64_t index) const { weights[index] = index % n == n - 1 ? weight : 0; }
};

struct Nothing {};

/// A multiple of the last message that depends on how many inboxes there are, on rehearsals, and on what the process
/// has run before.
struct Careless final : CustomRule<Nothing> {
  using CustomRule::CustomRule;
  Array<double> weights = doubles(n);
  WeightedOutput output{exec, job};
  int rounds = 0;

  void run(bool) override {
    static int runs = 0;
    const double weight = 2 + ++rounds + 0.5 * count + 1e-3 * ++runs;
    parallel_for(exec, "careless", std::int64_t{count} * n, WeighLast{n, weight, weights.data()});
    output.write(weights.data());
  }
};

const Registered<Stage> careless([](Entry<Stage>& e) {
  e.name = "careless";
  e.summary = "wrong in every way";
  e.formula = "some multiple of x_n";
  e.source = "none";
  e.known_answers = {{"", 1, {{0}, {1}, {2}}, {{2}}}};
  e.make = [](const Arguments&) { return custom_rule<Careless>(Nothing{}); };
});

}  // namespace
}  // namespace gauntlet
