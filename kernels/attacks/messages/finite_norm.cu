// SPDX-License-Identifier: Apache-2.0
#include "kernels/attacks/engine/candidates.cuh"

namespace gauntlet {
namespace {

constexpr std::int64_t chunk = 4096;

/// One team: the column of greatest honest deviation within one chunk, the first among equals.
struct ChunkMaximum {
  AttackView view;
  int chunks;
  std::int64_t* found;  ///< [cells][chunks]

  GAUNTLET_HD void operator()(const Team& team, int index) const {
    const std::int64_t first = index % chunks * chunk;
    const float* deviation = extra_data(view, index / chunks, 0) + first;
    const std::int64_t width = view.d - first < chunk ? view.d - first : chunk;
    // A NaN compares with nothing, so it must not be the value that others are compared with.
    const int best = team.argmin(static_cast<int>(width), [=](int k) {
      return deviation[k] >= 0 ? -static_cast<double>(deviation[k]) : INFINITY;
    });
    if (team.rank() == 0) found[index] = first + best;
  }
};

/// The best column of all chunks, or the given one, and its deviation (1 if there is none), which scales the search.
struct PickColumn {
  AttackView view;
  int chunks;
  const std::int64_t* found;  ///< null: the column is given
  std::int64_t given;
  std::int64_t* column;  ///< [cells]
  double* unit;          ///< [cells]

  GAUNTLET_HD void operator()(const Team& team, int c) const {
    const float* deviation = extra_data(view, c, 0);
    const std::int64_t* own = found + std::int64_t{c} * chunks;
    std::int64_t best = given;
    if (found != nullptr)
      best = own[team.argmin(
          chunks, [=](int i) { return deviation[own[i]] >= 0 ? -static_cast<double>(deviation[own[i]]) : INFINITY; })];
    if (team.rank() != 0) return;
    column[c] = best;
    unit[c] = deviation[best] > 0 ? deviation[best] : 1;
  }
};

struct WriteUnitVector {
  AttackView view;
  const std::int64_t* column;

  GAUNTLET_HD void operator()(int c, std::int64_t k) const {
    float* out = extra_data(view, c, 0) + k;
    for (int l = 0; l < span_width; ++l) out[l] = k + l == column[c] ? 1.0f : 0.0f;
  }
};

struct Options {
  std::int64_t coordinate = -1;  ///< −1: of greatest variance
  double gamma = -1;             ///< −1: search
  double maximum = 0;
};

class FiniteNorm final : public Attack {
 public:
  explicit FiniteNorm(Options options) : options_(options) {}
  int extra_rows() const override { return 1; }
  bool knows_defense() const override { return options_.gamma < 0; }
  std::unique_ptr<BoundAttack> bind(Exec& exec, const AttackView& view, Rehearsal* rehearsal) const override {
    if (options_.coordinate >= view.d)
      throw UserError("finite-norm: coordinate = " + std::to_string(options_.coordinate) + " is out of range 0.." +
                      std::to_string(view.d - 1));
    return std::make_unique<Bound>(exec, view, rehearsal, options_);
  }

 private:
  struct Bound final : BoundAttack {
    Bound(Exec& exec_, const AttackView& view_, Rehearsal* rehearsal, Options options_)
        : exec(exec_),
          view(view_),
          options(options_),
          chunks(static_cast<int>((view.d + chunk - 1) / chunk)),
          found(exec, static_cast<std::size_t>(view.cells) * chunks),
          column(exec, static_cast<std::size_t>(view.cells)),
          unit(exec, static_cast<std::size_t>(view.cells)),
          fixed(exec, std::vector<double>(static_cast<std::size_t>(view.cells), options.gamma)) {
      if (options.gamma >= 0) return;
      search = std::make_unique<StrengthSearch>(exec, view,
                                                required(rehearsal, "finite-norm: gamma = search", "gamma a number"),
                                                farthest_followed(options.maximum, view.extra_row(0)));
      scale = std::make_unique<HonestScale>(exec, view, 1);
    }

    void act() override {
      const bool given = options.coordinate >= 0;
      if (search)
        scale->compute();
      else if (!given)
        parallel_spans(exec, "deviation", view.cells, view.d, WriteDeviation{view});
      if (!given)
        for_teams(exec, "greatest deviation", view.cells * chunks, 256, ChunkMaximum{view, chunks, found.data()});
      for_teams(
          exec, "greatest deviation", view.cells, 256,
          PickColumn{view, chunks, given ? nullptr : found.data(), options.coordinate, column.data(), unit.data()});
      parallel_spans(exec, "unit vector", view.cells, view.d, WriteUnitVector{view, column.data()});
      if (search) search->run(AlongExtraRow{}, unit.data(), scale->strength());
      write_messages(exec, view, AlongExtraRow{}, search ? search->chosen() : fixed.data());
    }

    Exec& exec;
    AttackView view;
    Options options;
    int chunks;
    Array<std::int64_t> found, column;
    Array<double> unit, fixed;
    std::unique_ptr<StrengthSearch> search;
    std::unique_ptr<HonestScale> scale;
  };
  Options options_;
};

const RegisteredAttack finite_norm([](Entry<Attack>& e) {
  e.name = "finite-norm";
  e.summary = "the honest mean with one coordinate moved as far as the defense still follows";
  e.formula = "b = mu + gamma e_k; gamma the largest found that the cell's own defense follows";
  e.source = "El Mhamdi, Guerraoui, Rouault, The Hidden Vulnerability of Distributed Learning, ICML 2018";
  e.parameters = {
      count("coordinate", "max-variance", "the coordinate k, from 0, or that of greatest honest variance", 0, no_limit,
            {"max-variance"}),
      number("gamma", "search", "how far, or the farthest that the output still follows", 0, no_limit, {"search"}),
      number("maximum", "1e6", "largest gamma searched, in honest standard deviations of coordinate k", 0)};
  e.known_answers = {{"gamma=5", 1, {{1, 0}, {3, 6}, {9, 9}}, {{2, 8}}},
                     {"coordinate=0, gamma=5", 1, {{1, 0}, {3, 6}, {9, 9}}, {{7, 3}}}};
  e.make = [](const Arguments& a) {
    return std::make_unique<FiniteNorm>(Options{a.is("coordinate", "max-variance") ? -1 : a.count("coordinate"),
                                                a.is("gamma", "search") ? -1 : a.number("gamma"), a.number("maximum")});
  };
});

}  // namespace
}  // namespace gauntlet
