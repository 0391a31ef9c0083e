// SPDX-License-Identifier: Apache-2.0
#include "kernels/defenses/rule.cuh"
#include "kernels/defenses/shared/clipping.cuh"

namespace gauntlet {
namespace {

struct AdaptiveRobustClipping : GramFunctor {
  static constexpr Reads reads = Reads::norms;

  GAUNTLET_HD int rows_out(int n) const { return n; }

  GAUNTLET_HD void operator()(const Team& team, const Gram& gram, double* mixing, double* threshold) const {
    const int clipped = 2 * gram.f * (gram.n - gram.f) / gram.n;
    team.once([=] { *threshold = kth_smallest(gram.n, gram.n - clipped, [=](int i) { return gram.norm(i); }); });
    clip_all(team, gram, *threshold, mixing);
  }

  std::size_t scratch(int n) const { return (void)n, 1; }
};

const Registered<Stage> arc([](Entry<Stage>& e) {
  e.name = "arc";
  e.summary = "clips the largest messages to the norm of the largest that is left alone";
  e.formula = "y_i = x_i min(1, c / |x_i|), c = the (n-k)-th smallest norm, k = floor(2f(n-f)/n)";
  e.source = "Allouah, Guerraoui, Gupta, Jellouli, Rizk, Stephan, Adaptive Gradient Clipping, ICLR 2025";
  e.traits.translation_equivariant = false;  // clips toward zero
  e.traits.within_box = false;
  e.traits.mean_without_byzantine = true;
  e.needs = needs_honest;
  e.kappa = {"kappa + 2f/(n-2f)",
             [](int n, int f, double inner) { return n > 2 * f ? inner + 2 * f / (n - 2.0 * f) : INFINITY; }};
  e.known_answers = {{"", 1, {{1, 0}, {0, 2}, {3, 0}, {0, 8}}, {{1, 0}, {0, 2}, {3, 0}, {0, 3}}}};
  e.make = [](const Arguments&) { return pre_aggregator(AdaptiveRobustClipping{}); };
});

}  // namespace
}  // namespace gauntlet
