// SPDX-License-Identifier: Apache-2.0
#include "kernels/attacks/engine/candidates.cuh"

namespace gauntlet {
namespace {

struct WriteOnes {
  AttackView view;

  GAUNTLET_HD void operator()(int c, std::int64_t k) const {
    float* out = extra_data(view, c, 0) + k;
    for (int l = 0; l < span_width; ++l) out[l] = k + l < view.d ? 1.0f : 0.0f;
  }
};

class InfiniteNorm final : public Attack {
 public:
  InfiniteNorm(double gamma, double maximum) : gamma_(gamma), maximum_(maximum) {}
  int extra_rows() const override { return 1; }
  bool knows_defense() const override { return gamma_ < 0; }
  std::unique_ptr<BoundAttack> bind(Exec& exec, const AttackView& view, Rehearsal* rehearsal) const override {
    return std::make_unique<Bound>(exec, view, rehearsal, gamma_, maximum_);
  }

 private:
  struct Bound final : BoundAttack {
    Bound(Exec& exec_, const AttackView& view_, Rehearsal* rehearsal, double gamma, double maximum)
        : exec(exec_), view(view_), fixed(exec, std::vector<double>(static_cast<std::size_t>(view.cells), gamma)) {
      if (gamma >= 0) return;
      search = std::make_unique<StrengthSearch>(exec, view,
                                                required(rehearsal, "infinite-norm: gamma = search", "gamma a number"),
                                                farthest_followed(maximum, view.extra_row(0)));
      scale = std::make_unique<HonestScale>(exec, view, static_cast<double>(view.d));
    }

    void act() override {
      if (search) scale->compute();
      parallel_spans(exec, "ones", view.cells, view.d, WriteOnes{view});
      if (search) search->run(AlongExtraRow{}, scale->strength(), scale->strength());
      write_messages(exec, view, AlongExtraRow{}, search ? search->chosen() : fixed.data());
    }

    Exec& exec;
    AttackView view;
    Array<double> fixed;
    std::unique_ptr<StrengthSearch> search;
    std::unique_ptr<HonestScale> scale;
  };
  double gamma_, maximum_;  ///< gamma < 0: search
};

const RegisteredAttack infinite_norm([](Entry<Attack>& e) {
  e.name = "infinite-norm";
  e.summary = "the honest mean with all coordinates moved as far as the defense still follows";
  e.formula = "b = mu + gamma (1, ..., 1); gamma the largest found that the cell's own defense follows";
  e.source = "El Mhamdi, Guerraoui, Rouault, The Hidden Vulnerability of Distributed Learning, ICML 2018";
  e.parameters = {
      number("gamma", "search", "how far, or the farthest that the output still follows", 0, no_limit, {"search"}),
      number("maximum", "1e6", "largest gamma searched, in honest standard deviations of a coordinate", 0)};
  e.known_answers = {{"gamma=5", 1, {{1, 0}, {3, 6}, {9, 9}}, {{7, 8}}}};
  e.make = [](const Arguments& a) {
    return std::make_unique<InfiniteNorm>(a.is("gamma", "search") ? -1 : a.number("gamma"), a.number("maximum"));
  };
});

}  // namespace
}  // namespace gauntlet
