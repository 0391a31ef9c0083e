// SPDX-License-Identifier: Apache-2.0
#include "kernels/attacks/shared/honest.cuh"

namespace gauntlet {
namespace {

/// Extra row b takes what attacker b computed `rounds` rounds ago from a ring that its own message of now then enters.
struct TakeAndKeep {
  AttackView view;
  int rounds;
  float* ring;  ///< [cells][f][rounds] padded rows

  GAUNTLET_HD void operator()(int c, std::int64_t k) const {
    const int t = *view.round;
    for (int b = 0; b < view.f; ++b) {
      const float* own = view.row(c, view.own_row(b)) + k;
      float* kept = ring + ((std::int64_t{c} * view.f + b) * rounds + t % rounds) * padded(view.d) + k;
      float* out = extra_data(view, c, b) + k;
      for (int l = 0; l < span_width; ++l) {
        const float now = own[l];
        out[l] = t < rounds ? now : kept[l];
        kept[l] = now;
      }
    }
  }
};

struct SendRow {
  GAUNTLET_HD double operator()(const AttackView& view, int, int b, int p) const { return p == view.extra_row(b); }
};

class Delayed final : public Attack {
 public:
  Delayed(int rounds, int f) : rounds_(rounds), f_(f) {}
  int extra_rows() const override { return f_; }
  int memory_rows() const override { return f_ * rounds_; }
  bool remembers() const override { return true; }
  bool uses_own_messages() const override { return true; }
  std::unique_ptr<BoundAttack> bind(Exec& exec, const AttackView& view, Rehearsal*) const override {
    return std::make_unique<Bound>(exec, view, rounds_);
  }

 private:
  struct Bound final : BoundAttack {
    Bound(Exec& exec_, const AttackView& view_, int rounds_)
        : exec(exec_),
          view(view_),
          rounds(rounds_),
          ring(exec, static_cast<std::size_t>(view.cells) * view.f * rounds * padded(view.d)) {}

    void act() override {
      if (step == 0) parallel_spans(exec, "delay", view.cells, view.d, TakeAndKeep{view, rounds, ring.data()});
      write_mixing(exec, view, SendRow{});
    }

    Exec& exec;
    AttackView view;
    int rounds;
    Array<float> ring;
  };
  int rounds_, f_;
};

const RegisteredAttack delayed([](Entry<Attack>& e) {
  e.name = "delayed";
  e.summary = "the own honest message of some rounds ago; memory: 4 f d bytes a cell for each round of delay";
  e.formula = "b_i(t) = g_i(t - rounds), and g_i(t) before there is one; g_i the own message";
  e.source = "Gorbunov, Borzunov, Diskin, Ryabinin, Secure distributed training at scale, ICML 2022";
  e.parameters = {count("rounds", "1000", "of delay", 1)};
  e.known_answers = {{"rounds=1", 1, {{1, 0}, {3, 2}, {9, 8}}, {{9, 8}}}};
  e.make = [](const Arguments& a) { return std::make_unique<Delayed>(a.count("rounds"), a.f()); };
});

}  // namespace
}  // namespace gauntlet
