// SPDX-License-Identifier: Apache-2.0
#include "kernels/attacks/engine/candidates.cuh"
#include "kernels/attacks/shared/alie_z.hpp"

namespace gauntlet {
namespace {

/// The extra rows, in this order: the reference r that the perturbation is laid out against, the place l that it is
/// added to, and the vector of ones.
enum ExtraRow { reference, place, ones, row_count };

struct WriteRows {
  AttackView view;
  double lambda, pi;

  GAUNTLET_HD void operator()(int c, std::int64_t k) const {
    double mean[span_width];
    honest_mean(view, c, k, mean);
    const bool first = *view.round == 0;
    const float* last = view.last_output[c] + k;
    for (int l = 0; l < span_width; ++l) {
      const double history = first ? mean[l] : static_cast<double>(last[l]);
      extra_data(view, c, reference)[k + l] = static_cast<float>(lambda * history + (1 - lambda) * mean[l]);
      extra_data(view, c, place)[k + l] = static_cast<float>(pi * (first ? 0 : history) + (1 - pi) * mean[l]);
      extra_data(view, c, ones)[k + l] = k + l < view.d ? 1 : 0;
    }
  }
};

/// b = l + z (sin(theta) p/|p| + cos(theta) r/|r|), p = 1 less its part along r.
struct RelocatedMessages {
  double sine, cosine;
  const double* products;  ///< [cells][row_count][row_count] of the extra rows

  GAUNTLET_HD double operator()(const AttackView& view, int c, double z, int, int p) const {
    const int row = p - view.extra_row(0);
    if (row < 0) return 0;
    if (row == place) return 1;
    const double* g = products + std::int64_t{c} * row_count * row_count;
    const double rr = g[reference * row_count + reference], r1 = g[reference * row_count + ones],
                 dd = g[ones * row_count + ones];
    const double along = rr > 0 ? r1 / rr : 0, left = dd - along * r1;
    const double across = left > 1e-12 * dd ? z * sine / sqrt(left) : 0;
    if (row == ones) return across;
    return (rr > 0 ? z * cosine / sqrt(rr) : 0) - across * along;
  }
};

class Relocated final : public Attack {
 public:
  struct Options {
    double lambda, pi, theta, z;
  };
  explicit Relocated(Options options) : options_(options) {}
  int extra_rows() const override { return row_count; }
  std::unique_ptr<BoundAttack> bind(Exec& exec, const AttackView& view, Rehearsal*) const override {
    return std::make_unique<Bound>(exec, view, options_);
  }

 private:
  struct Bound final : BoundAttack {
    Bound(Exec& exec_, const AttackView& view_, Options options_)
        : exec(exec_),
          view(view_),
          options(options_),
          scratch(exec, gram_scratch(exec, added_rows())),
          products(exec, static_cast<std::size_t>(view.cells) * row_count * row_count),
          strengths(exec, std::vector<double>(static_cast<std::size_t>(view.cells), options.z)) {}

    Rows added_rows() const { return {view.cells, row_count, view.d, view.extra}; }

    void act() override {
      parallel_spans(exec, "relocate", view.cells, view.d, WriteRows{view, options.lambda, options.pi});
      gram(exec, added_rows(), GramPart::full, scratch.data(), products.data());
      const double radians = options.theta / 180 * 3.14159265358979323846;
      write_messages(exec, view, RelocatedMessages{sin(radians), cos(radians), products.data()}, strengths.data());
    }

    Exec& exec;
    AttackView view;
    Options options;
    Array<double> scratch, products, strengths;
  };
  Options options_;
};

const RegisteredAttack rop([](Entry<Attack>& e) {
  e.name = "rop";
  e.summary = "relocated orthogonal perturbation: the last aggregate, pushed across the honest direction";
  e.formula =
      "b = l + z (sin(theta) p/|p| + cos(theta) r/|r|), r = lambda A + (1-lambda) mu, l = pi A + (1-pi) mu, A the last "
      "aggregate, p = ones less their part along r; first round: r = mu, l = (1-pi) mu";
  e.source = "Ozfatura, Ozfatura, Kupcu, Gunduz, Byzantines Can Also Learn from History, IEEE TIFS 2023";
  e.parameters = {number("lambda", "0.9", "share of the last aggregate in the reference direction", 0, 1),
                  number("pi", "1", "share of the last aggregate in the place that is perturbed", 0, 1),
                  number("theta", "270", "angle between perturbation and reference, in degrees"),
                  number("z", "auto", "length of the perturbation, or alie's quantile", -no_limit, no_limit, {"auto"})};
  // r = mu = (3, 4): 1 less its part along r is (1, 1) - 7/25 (3, 4) = (4, -3)/25.
  e.known_answers = {{"z=5, theta=90", 1, {{2, 4}, {4, 4}, {9, 9}}, {{4, -3}}},
                     {"z=5, theta=180, pi=0", 1, {{2, 4}, {4, 4}, {9, 9}}, {{0, 0}}}};
  e.make = [](const Arguments& a) {
    return std::make_unique<Relocated>(
        Relocated::Options{a.number("lambda"), a.number("pi"), a.number("theta"), alie_z("rop", a)});
  };
});

}  // namespace
}  // namespace gauntlet
