// SPDX-License-Identifier: Apache-2.0
#include "kernels/attacks/shared/honest.cuh"

namespace gauntlet {
namespace {

struct Gaussian : AttackFunctor {
  static constexpr int extra_rows = 1;
  float mean, std;

  GAUNTLET_HD void write(const AttackView& view, int c, std::int64_t k) const {
    float* out = extra_data(view, c, 0) + k;
    const auto round = static_cast<std::uint32_t>(*view.round);
    for (int l = 0; l < span_width; l += 2) {
      const Random random(view.seeds[c], AttackDraw::values, round, static_cast<std::uint32_t>((k + l) / 2));
      for (int i = 0; i < 2; ++i) out[l + i] = k + l + i < view.d ? mean + std * random.normal(i) : 0.0f;
    }
  }
  GAUNTLET_HD double operator()(const AttackView& view, int, int, int p) const { return p == view.extra_row(0); }
};

const RegisteredAttack gaussian([](Entry<Attack>& e) {
  e.name = "gaussian";
  e.summary = "normal noise, one draw a round that all Byzantine workers send";
  e.formula = "b ~ N(mean, std^2 I)";
  e.source = "Blanchard, El Mhamdi, Guerraoui, Stainer, NeurIPS 2017; same draw for all as in ByzFL and Blades";
  e.parameters = {number("mean", "0", "of every coordinate"), number("std", "1", "of every coordinate", 0)};
  e.known_answers = {{"mean=3, std=0", 1, {{1, 0}, {3, 2}, {9, 8}}, {{3, 3}}}};
  e.make = [](const Arguments& a) {
    return message_attack(Gaussian{{}, static_cast<float>(a.number("mean")), static_cast<float>(a.number("std"))});
  };
});

}  // namespace
}  // namespace gauntlet
