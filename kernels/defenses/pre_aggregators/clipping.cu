// SPDX-License-Identifier: Apache-2.0
#include "kernels/defenses/shared/clipping.cuh"

namespace gauntlet {
namespace {

struct Clipping : GramFunctor {
  static constexpr Reads reads = Reads::norms;
  double threshold = 2;

  GAUNTLET_HD int rows_out(int n) const { return n; }

  GAUNTLET_HD void operator()(const Team& team, const Gram& gram, double* mixing, double*) const {
    clip_all(team, gram, threshold, mixing);
  }
};

const Registered<Stage> clipping([](Entry<Stage>& e) {
  e.name = "clipping";
  e.summary = "scales every longer message down to a fixed norm; a non-finite one becomes zero";
  e.formula = "y_i = x_i min(1, threshold / |x_i|)";
  e.source = "Allouah, Guerraoui, Gupta, Jellouli, Rizk, Stephan, Adaptive Gradient Clipping, ICLR 2025 (baseline)";
  e.traits.translation_equivariant = false;  // clips toward zero
  e.traits.scale_equivariant = false;        // threshold is a length
  e.traits.unanimous = false;
  e.traits.within_box = false;
  e.parameters = {number("threshold", "2.0", "largest norm that is left as it is", 0)};
  e.known_answers = {{"", 0, {{3, 4}, {0, 1}}, {{1.2f, 1.6f}, {0, 1}}}};
  e.make = [](const Arguments& a) {
    Clipping stage;
    stage.threshold = a.number("threshold");
    return pre_aggregator(stage);
  };
});

}  // namespace
}  // namespace gauntlet
