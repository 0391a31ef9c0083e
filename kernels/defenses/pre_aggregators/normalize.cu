// SPDX-License-Identifier: Apache-2.0
#include "kernels/defenses/shared/clipping.cuh"

namespace gauntlet {
namespace {

struct Normalize : GramFunctor {
  static constexpr Reads reads = Reads::norms;
  double length = 1;

  GAUNTLET_HD int rows_out(int n) const { return n; }

  GAUNTLET_HD void operator()(const Team& team, const Gram& gram, double* mixing, double*) const {
    const double target = length;
    const int n = gram.n;
    team.each(n, [=](int i) {
      const double norm = gram.norm(i);
      for (int j = 0; j < n; ++j)
        mixing[std::int64_t{i} * n + j] = i == j && norm > 0 && norm < INFINITY ? target / norm : 0;
    });
  }
};

const Registered<Stage> normalize([](Entry<Stage>& e) {
  e.name = "normalize";
  e.summary = "scales every message to one length; zero and non-finite ones become zero";
  e.formula = "y_i = length x_i / |x_i|";
  e.source = "Cutkosky, Mehta, Momentum Improves Normalized SGD, ICML 2020";
  e.traits.translation_equivariant = false;  // gives every message one length
  e.traits.scale_equivariant = false;
  e.traits.unanimous = false;
  e.traits.within_box = false;
  e.parameters = {number("length", "1", "norm of every message", 0)};
  e.known_answers = {{"", 0, {{3, 4}, {0, 0}}, {{0.6f, 0.8f}, {0, 0}}},
                     {"length=10", 0, {{3, 4}, {0, 0.5}}, {{6, 8}, {0, 10}}}};
  e.make = [](const Arguments& a) {
    Normalize stage;
    stage.length = a.number("length");
    return pre_aggregator(stage);
  };
});

}  // namespace
}  // namespace gauntlet
