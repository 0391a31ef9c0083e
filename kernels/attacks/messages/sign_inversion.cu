// SPDX-License-Identifier: Apache-2.0
#include "kernels/attacks/shared/honest.cuh"

namespace gauntlet {
namespace {

/// Extra row b: the own message of attacker b, each coordinate turned with the given probability.
struct FlipCoordinates {
  AttackView view;
  float probability;

  GAUNTLET_HD void operator()(int c, std::int64_t k) const {
    const auto round = static_cast<std::uint32_t>(*view.round);
    for (int b = 0; b < view.f; ++b) {
      const float* own = view.row(c, view.own_row(b)) + k;
      float* out = extra_data(view, c, b) + k;
      for (int l = 0; l < span_width; l += 4) {
        const Random random(view.seeds[c], Purpose::attack, static_cast<std::uint32_t>(b), round,
                            static_cast<std::uint32_t>((k + l) / 4));
        for (int i = 0; i < 4; ++i) out[l + i] = random.uniform(i) < probability ? -own[l + i] : own[l + i];
      }
    }
  }
};

struct SendRow {
  AttackView view;
  bool always;

  GAUNTLET_HD void operator()(std::int64_t index) const {
    const std::int64_t per_cell = std::int64_t{view.f} * view.m;
    const int c = static_cast<int>(index / per_cell), b = static_cast<int>(index % per_cell / view.m);
    const int p = static_cast<int>(index % view.m);
    const double weight = always ? -(p == view.own_row(b)) : p == view.extra_row(b);
    view.mixing[c][std::int64_t{view.honest + b} * view.m + p] = weight;
  }
};

class SignInversion final : public Attack {
 public:
  SignInversion(double probability, int f) : probability_(probability), f_(f) {}
  int extra_rows() const override { return probability_ < 1 ? f_ : 0; }
  bool uses_own_messages() const override { return true; }
  std::unique_ptr<BoundAttack> bind(Exec& exec, const AttackView& view, Rehearsal*) const override {
    return std::make_unique<Bound>(exec, view, probability_);
  }

 private:
  struct Bound final : BoundAttack {
    Bound(Exec& exec_, const AttackView& view_, double probability_)
        : exec(exec_), view(view_), probability(probability_) {}
    void act() override {
      const bool always = probability >= 1;
      if (!always)
        parallel_spans(exec, "attack rows", view.cells, view.d, FlipCoordinates{view, static_cast<float>(probability)});
      parallel_for(exec, "attack mixing", std::int64_t{view.cells} * view.f * view.m, SendRow{view, always});
    }
    Exec& exec;
    AttackView view;
    double probability;
  };
  double probability_;
  int f_;
};

const RegisteredAttack sign_inversion([](Entry<Attack>& e) {
  e.name = "sign-inversion";
  e.summary = "the own message with each coordinate's sign turned at random: SIA at probability 1, SSFA below";
  e.formula = "b_ik = -g_ik with the probability, else g_ik; g_i the own message";
  e.source = "Park, Lee, SignSGD with Federated Defense, ICML 2024";
  e.parameters = {number("probability", "1", "of each coordinate, by itself; against sign votes 1/2 is worst", 0, 1)};
  e.known_answers = {{"", 1, {{1, 0}, {3, 2}, {9, -8}}, {{-9, 8}}},
                     {"probability=0", 1, {{1, 0}, {3, 2}, {9, -8}}, {{9, -8}}}};
  e.make = [](const Arguments& a) { return std::make_unique<SignInversion>(a.number("probability"), a.f()); };
});

}  // namespace
}  // namespace gauntlet
