// SPDX-License-Identifier: Apache-2.0
#include "kernels/attacks/shared/honest.cuh"

namespace gauntlet {
namespace {

struct WriteDirection {
  AttackView view;

  GAUNTLET_HD void operator()(int c, std::int64_t k) const {
    float* out = extra_data(view, c, 0) + k;
    for (int l = 0; l < span_width; l += 2) {
      const Random random(view.seeds[c], AttackDraw::values, 0, static_cast<std::uint32_t>((k + l) / 2));
      for (int i = 0; i < 2; ++i) out[l + i] = k + l + i < view.d ? random.normal(i) : 0.0f;
    }
  }
};

/// The own messages and the direction, as one stack per cell.
struct PickRows {
  AttackView view;
  const float** table;  ///< [cells][f + 1]

  GAUNTLET_HD void operator()(std::int64_t index) const {
    const int c = static_cast<int>(index / (view.f + 1)), b = static_cast<int>(index % (view.f + 1));
    table[index] = view.row(c, b < view.f ? view.own_row(b) : view.extra_row(0));
  }
};

struct ScaleDirection {
  AttackView view;
  double scale;
  const double* products;  ///< [cells][f + 1][f + 1], the diagonal

  GAUNTLET_HD void operator()(std::int64_t index) const {
    const int c = static_cast<int>(index / (std::int64_t{view.f} * view.m));
    const int b = static_cast<int>(index / view.m % view.f), p = static_cast<int>(index % view.m);
    const int side = view.f + 1;
    const double* g = products + std::int64_t{c} * side * side;
    const double own = sqrt(g[b * side + b]), length = sqrt(g[side * side - 1]);
    view.mixing[c][std::int64_t{view.honest + b} * view.m + p] = p == view.extra_row(0) ? scale * own / length : 0;
  }
};

class RandomDirection final : public Attack {
 public:
  explicit RandomDirection(double scale) : scale_(scale) {}
  int extra_rows() const override { return 1; }
  bool uses_own_messages() const override { return true; }
  std::unique_ptr<BoundAttack> bind(Exec& exec, const AttackView& view, Rehearsal*) const override {
    return std::make_unique<Bound>(exec, view, scale_);
  }

 private:
  struct Bound final : BoundAttack {
    Bound(Exec& exec_, const AttackView& view_, double scale_)
        : exec(exec_),
          view(view_),
          scale(scale_),
          table(exec, static_cast<std::size_t>(view.cells) * (view.f + 1)),
          scratch(exec, gram_scratch(exec, rows())),
          products(exec, static_cast<std::size_t>(view.cells) * (view.f + 1) * (view.f + 1)) {
      // The direction depends on the seed alone.
      parallel_spans(exec, "direction", view.cells, view.d, WriteDirection{view});
      parallel_for(exec, "own rows", static_cast<std::int64_t>(table.size()), PickRows{view, table.data()});
    }

    Rows rows() const { return {view.cells, view.f + 1, view.d, table.data()}; }

    void act() override {
      gram(exec, rows(), GramPart::norms, scratch.data(), products.data());
      parallel_for(exec, "attack mixing", std::int64_t{view.cells} * view.f * view.m,
                   ScaleDirection{view, scale, products.data()});
    }

    Exec& exec;
    AttackView view;
    double scale;
    Array<const float*> table;
    Array<double> scratch, products;
  };
  double scale_;
};

const RegisteredAttack random_direction([](Entry<Attack>& e) {
  e.name = "random-direction";
  e.aliases = {"constant-direction"};
  e.summary =
      "one random direction, the same in all rounds and for all Byzantine workers, at a multiple of their norms";
  e.formula = "b_i = scale |g_i| r / |r|, r ~ N(0, I) drawn once; g_i the own message";
  e.source = "Gorbunov, Borzunov, Diskin, Ryabinin, Secure distributed training at scale, ICML 2022";
  e.parameters = {number("scale", "1000", "norm of the message over that of the own honest message", 0)};
  e.known_answers = {{"", 1, {{1, 0}, {3, 2}, {0, 0}}, {{0, 0}}}};
  e.make = [](const Arguments& a) { return std::make_unique<RandomDirection>(a.number("scale")); };
});

}  // namespace
}  // namespace gauntlet
