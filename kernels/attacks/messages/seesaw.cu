// SPDX-License-Identifier: Apache-2.0
#include "kernels/attacks/engine/candidates.cuh"
#include "kernels/attacks/shared/alie_z.hpp"

namespace gauntlet {
namespace {

enum class Pivot { norm, round, workers };

/// Extra row 0: w = −sign(mu)∘sigma, the deviation direction u times |sigma|. Extra row 1: mu.
struct WriteDirection {
  AttackView view;

  GAUNTLET_HD void operator()(int c, std::int64_t k) const {
    double mean[span_width], deviation[span_width];
    honest_moments(view, c, k, mean, deviation);
    float* direction = extra_data(view, c, 0) + k;
    float* center = extra_data(view, c, 1) + k;
    for (int l = 0; l < span_width; ++l) {
      direction[l] = static_cast<float>((static_cast<double>(mean[l] < 0) - (mean[l] > 0)) * deviation[l]);
      center[l] = static_cast<float>(mean[l]);
    }
  }
};

/// The messages of strength z = budget / |sigma|.
struct SeesawMessages {
  Pivot pivot;
  int period;              ///< rounds between two turns; 0: never turns
  const double* products;  ///< [cells]: the Gram matrix of w and mu
  const double* lean;      ///< [cells]: sign of the defense's last error along w, 0 before the first

  GAUNTLET_HD double operator()(const AttackView& view, int c, double z, int b, int p) const {
    const bool direction = p == view.extra_row(0), center = p == view.extra_row(1);
    if (!direction && !center) return 0;
    if (pivot == Pivot::norm) return at_honest_norm(products + 4 * std::int64_t{c}, z, direction);
    if (center) return 1;
    const bool turned =
        pivot == Pivot::round ? period > 0 && *view.round / period % 2 == 1 : (b >= (view.f + 1) / 2) != (lean[c] < 0);
    return turned ? -z : z;
  }

  /// b = |mu| (cos(theta) mu/|mu| + sin(theta) v/|v|), where v is w less its part along mu: the norm of mu, and
  /// |b − mu| = 2 |mu| sin(theta/2) = z |w|. Where w lies along mu there is no v to tip towards.
  GAUNTLET_HD static double at_honest_norm(const double* products, double z, bool direction) {
    const double ww = products[0], wm = products[1], mm = products[3];
    if (!(mm > 0 && ww > 0)) return direction ? 0 : 1;
    const double half = z * sqrt(ww / mm) / 2;
    const double theta = half < 1 ? 2 * asin(half) : 3.14159265358979323846;
    const double square = ww - wm * wm / mm;
    const double tip = square > 1e-12 * ww ? sqrt(mm / square) * sin(theta) : 0;
    return direction ? tip : cos(theta) - tip * wm / mm;
  }
};

struct RememberLean {
  const double* progress;
  double* lean;

  GAUNTLET_HD void operator()(std::int64_t c) const {
    if (progress[c] != 0) lean[c] = progress[c] > 0 ? 1 : -1;
  }
};

struct Options {
  Pivot pivot = Pivot::norm;
  double z = 0;
  int period = 1;
  bool search = false;
  double maximum = 0;
};

class Seesaw final : public Attack {
 public:
  explicit Seesaw(Options options) : options_(options) {}
  int extra_rows() const override { return 2; }
  bool remembers() const override { return options_.pivot == Pivot::workers; }
  bool knows_defense() const override { return options_.search || options_.pivot == Pivot::workers; }
  std::unique_ptr<BoundAttack> bind(Exec& exec, const AttackView& view, Rehearsal* rehearsal) const override {
    return std::make_unique<Bound>(exec, view, rehearsal, options_);
  }

 private:
  struct Bound final : BoundAttack {
    Bound(Exec& exec_, const AttackView& view_, Rehearsal* rehearsal, Options options_)
        : exec(exec_),
          view(view_),
          options(options_),
          scratch(exec, gram_scratch(exec, added_rows())),
          products(exec, static_cast<std::size_t>(view.cells) * 4),
          lean(exec, static_cast<std::size_t>(view.cells)),
          fixed(exec, std::vector<double>(static_cast<std::size_t>(view.cells), options.z)) {
      SearchSpec spec{Goal::harm, options.maximum, 32, view.extra_row(0), 16};
      // The workers' pivot with a given budget rehearses that budget alone, to see which way the defense errs.
      if (!options.search) spec.maximum = options.z, spec.candidates = 1;
      if (options.search) required(rehearsal, "seesaw: budget = search", "budget=z");
      if (rehearsal != nullptr && (options.search || options.pivot == Pivot::workers))
        search = std::make_unique<StrengthSearch>(exec, view, *rehearsal, spec);
    }

    Rows added_rows() const { return {view.cells, 2, view.d, view.extra}; }

    void act() override {
      parallel_spans(exec, "deviation", view.cells, view.d, WriteDirection{view});
      if (options.pivot == Pivot::norm) gram(exec, added_rows(), GramPart::full, scratch.data(), products.data());
      const SeesawMessages messages{options.pivot, options.period, products.data(), lean.data()};
      if (search) search->run(messages);
      write_messages(exec, view, messages, options.search ? search->chosen() : fixed.data());
      if (search && options.pivot == Pivot::workers && step == 0)
        parallel_for(exec, "lean", view.cells, RememberLean{search->progress(), lean.data()});
    }

    Exec& exec;
    AttackView view;
    Options options;
    Array<double> scratch, products, lean, fixed;
    std::unique_ptr<StrengthSearch> search;
  };
  Options options_;
};

Options options(const Arguments& a) {
  Options result;
  result.pivot = a.is("pivot", "norm") ? Pivot::norm : a.is("pivot", "round") ? Pivot::round : Pivot::workers;
  result.search = a.is("budget", "search");
  result.z = result.search ? 0 : alie_z("seesaw", a);
  result.period = a.is("period", "inf") ? 0 : a.count("period");
  result.maximum = a.number("maximum");
  return result;
}

const RegisteredAttack seesaw([](Entry<Attack>& e) {
  e.name = "seesaw";
  e.summary =
      "directional deviation: the honest mean tipped against descent, in proportion to the honest spread "
      "(our reconstruction from the abstract; full text not at hand)";
  e.formula =
      "u = -sign(mu) sigma / |sigma|, rho = z |sigma|; norm: b = |mu| (cos t mu/|mu| + sin t v), v unit, "
      "orthogonal to mu along u, |b - mu| = rho; round: mu +- rho u in turns; workers: half +, half -";
  e.source =
      "Yang, Luo, Dong, Li, Seesaw, SmartIoT 2024, arXiv 2410.05161 (our reconstruction from the abstract; "
      "full text not at hand)";
  e.parameters = {
      word("pivot", "norm",
           "norm: the norm stays honest, the direction tips; round: against and along descent in turns; workers: half "
           "of them at either end, changing ends with the sign of the defense's last error",
           {"norm", "round", "workers"}),
      number("z", "1.5", "budget in norms of the honest standard deviation; auto: as in alie", 0, no_limit, {"auto"}),
      count("period", "1", "pivot=round: rounds between two turns; inf: always against descent", 1, no_limit, {"inf"}),
      word("budget", "z", "z: as given; search: the one that moves the cell's own defense most", {"z", "search"}),
      number("maximum", "100", "budget=search: the largest z tried", 0)};
  // mu = (3, 4), sigma = (1, 0): u = (-1, 0), v = (-4, 3)/5. |b - mu| = sqrt(50) makes a right angle: b = (-4, 3).
  e.known_answers = {{"z=7.0710678118654755", 1, {{2, 4}, {3, 4}, {4, 4}, {9, 9}}, {{-4, 3}}},
                     {"z=10", 1, {{2, 4}, {3, 4}, {4, 4}, {9, 9}}, {{-3, -4}}},
                     {"pivot=round, z=2", 1, {{2, 4}, {3, 4}, {4, 4}, {9, 9}}, {{1, 4}}},
                     {"pivot=workers, z=2", 2, {{2, 4}, {3, 4}, {4, 4}, {9, 9}, {9, 9}}, {{1, 4}, {5, 4}}}};
  e.make = [](const Arguments& a) { return std::make_unique<Seesaw>(options(a)); };
});

}  // namespace
}  // namespace gauntlet
