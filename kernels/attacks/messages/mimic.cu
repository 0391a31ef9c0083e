// SPDX-License-Identifier: Apache-2.0
#include "kernels/attacks/shared/honest.cuh"

namespace gauntlet {
namespace {

struct CopyTarget {
  AttackView view;
  int target;
  const int* learned;  ///< [cells], or null

  GAUNTLET_HD void operator()(std::int64_t index) const {
    const std::int64_t per_cell = std::int64_t{view.f} * view.m;
    const std::int64_t c = index / per_cell, b = index % per_cell / view.m, p = index % view.m;
    view.mixing[c][(view.honest + b) * view.m + p] = p == (learned == nullptr ? target : learned[c]);
  }
};

/// Extra row 0: the running mean of the honest means. Extra row 1: the direction z, random at first.
struct UpdateCenter {
  AttackView view;
  int warmup;

  GAUNTLET_HD void operator()(int c, std::int64_t k) const {
    const int t = *view.round;
    if (t >= warmup) return;
    double mean[span_width];
    honest_mean(view, c, k, mean);
    float* center = extra_data(view, c, 0) + k;
    float* z = extra_data(view, c, 1) + k;
    for (int l = 0; l < span_width; ++l)
      center[l] = static_cast<float>(t == 0 ? mean[l] : (t * static_cast<double>(center[l]) + mean[l]) / (t + 1));
    for (int l = 0; t == 0 && l < span_width; ++l) {
      const Random random(view.seeds[c], AttackDraw::values, 0, static_cast<std::uint32_t>((k + l) / 2));
      z[l] = k + l < view.d ? random.normal(l % 2) : 0.0f;
    }
  }
};

/// z ← unit(t z + unit(Σ_i ⟨h_i − center, z⟩ (h_i − center))), a step of Oja's method, as weights on the base rows; and
/// the honest message farthest along the new z. All of it follows from the Gram matrix.
struct Learn {
  AttackView view;
  int warmup;
  double side;             ///< 1: the message farthest along z, −1: against it
  const double* products;  ///< [cells][m][m]
  double* weights;         ///< [cells][m]
  int* target;             ///< [cells]

  GAUNTLET_HD void operator()(const Team& team, int c) const {
    const int t = *view.round, m = view.m, h = view.honest, center = view.extra_row(0), z = view.extra_row(1);
    const double turned = side;
    const double* g = products + std::int64_t{c} * m * m;
    double* w = weights + std::int64_t{c} * m;
    if (t >= warmup) return team.each(m, [=](int p) { w[p] = p == z; });

    const auto along = [=](int i) { return g[i * m + z] - g[center * m + z]; };
    const double total = team.sum(h, along);
    team.each(m, [=](int p) { w[p] = p < h ? along(p) : p == center ? -total : 0; });
    const double square = team.sum(m, [=](int p) {
      double inner = 0;
      for (int q = 0; q < m; ++q) add_weighted(inner, w[q], g[p * m + q]);
      return w[p] == 0 ? 0 : w[p] * inner;
    });
    const double across = team.sum(m, [=](int p) { return w[p] == 0 ? 0 : w[p] * g[p * m + z]; });
    const double step = square > 0 ? 1 / sqrt(square) : 0;
    const double length = sqrt(t * (t * g[z * m + z] + 2 * step * across) + (square > 0 ? 1 : 0));
    const double scale = length > 0 ? 1 / length : 0;
    team.each(m, [=](int p) { w[p] = scale * (step * w[p] + (p == z ? t : 0)); });
    const int farthest = team.argmin(h, [=](int i) {
      double inner = 0;
      for (int p = 0; p < m; ++p) add_weighted(inner, w[p], g[i * m + p]);
      return inner == inner ? -turned * inner : INFINITY;
    });
    if (team.rank() == 0) target[c] = farthest;
  }
};

struct DirectionRows {
  AttackView view;
  float** rows;  ///< [cells]

  GAUNTLET_HD void operator()(std::int64_t c) const { rows[c] = extra_data(view, static_cast<int>(c), 1); }
};

class Mimic final : public Attack {
 public:
  Mimic(int target, int warmup, double side) : target_(target), warmup_(warmup), side_(side) {}
  int extra_rows() const override { return target_ < 0 ? 2 : 0; }
  bool remembers() const override { return target_ < 0; }
  std::unique_ptr<BoundAttack> bind(Exec& exec, const AttackView& view, Rehearsal*) const override {
    return std::make_unique<Bound>(exec, view, target_, warmup_, side_);
  }

 private:
  struct Bound final : BoundAttack {
    Bound(Exec& exec_, const AttackView& view_, int target_, int warmup_, double side_)
        : exec(exec_), view(view_), target(target_), warmup(warmup_), side(side_) {
      if (target >= 0) return;
      const auto cells = static_cast<std::size_t>(view.cells), m = static_cast<std::size_t>(view.m);
      scratch = Array<double>(exec, gram_scratch(exec, view.base()));
      products = Array<double>(exec, cells * m * m);
      weights = Array<double>(exec, cells * m);
      learned = Array<int>(exec, cells);
      direction = Array<float*>(exec, cells);
    }

    void learn() {
      parallel_spans(exec, "mimic center", view.cells, view.d, UpdateCenter{view, warmup});
      gram(exec, view.base(), GramPart::full, scratch.data(), products.data());
      for_teams(exec, "mimic direction", view.cells, view.m,
                Learn{view, warmup, side, products.data(), weights.data(), learned.data()});
      parallel_for(exec, "mimic rows", view.cells, DirectionRows{view, direction.data()});
      combine(exec, view.base(), weights.data(), view.m, direction.data());
    }

    void act() override {
      if (target < 0 && step == 0) learn();
      parallel_for(exec, "attack mixing", std::int64_t{view.cells} * view.f * view.m,
                   CopyTarget{view, target, target < 0 ? learned.data() : nullptr});
    }

    Exec& exec;
    AttackView view;
    int target, warmup;
    double side;
    Array<double> scratch, products, weights;
    Array<int> learned;
    Array<float*> direction;
  };
  int target_, warmup_;  ///< target < 0: learned
  double side_;
};

const RegisteredAttack mimic([](Entry<Attack>& e) {
  e.name = "mimic";
  e.summary = "all Byzantine workers repeat one honest worker, the one farthest along the direction of most variance";
  e.formula = "b = h_t; learned: t = argmax <h_i, z>, z by one step of Oja's method a round while round < warmup";
  e.source = "Karimireddy, He, Jaggi, Byzantine-robust learning on heterogeneous datasets via bucketing, ICLR 2022";
  e.parameters = {
      count("target", "learned", "the honest worker to repeat, from 0; ByzFL takes 0", 0, no_limit, {"learned"}),
      count("warmup", "1", "target=learned: rounds of learning, after which the target stays", 1),
      flag("least", false, "target=learned: argmin <h_i, z> instead of argmax")};
  e.known_answers = {{"target=1", 1, {{1, 0}, {3, 2}, {9, 8}}, {{3, 2}}},
                     {"target=0", 2, {{1, 0}, {3, 2}, {9, 8}, {9, 8}}, {{1, 0}, {1, 0}}}};
  e.make = [](const Arguments& a) {
    const int target = a.is("target", "learned") ? -1 : a.count("target");
    for (const char* name : {"warmup", "least"})
      if (target >= 0 && a.given(name)) throw UserError("mimic: " + std::string(name) + " is for target=learned");
    if (target >= a.n() - a.f())
      throw UserError("mimic: target = " + std::to_string(target) + " is out of range 0.." +
                      std::to_string(a.n() - a.f() - 1) + ", the honest workers");
    return std::make_unique<Mimic>(target, a.count("warmup"), a.flag("least") ? -1 : 1);
  };
});

}  // namespace
}  // namespace gauntlet
