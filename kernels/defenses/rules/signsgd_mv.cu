// SPDX-License-Identifier: Apache-2.0
#include "kernels/defenses/rule.cuh"

namespace gauntlet {
namespace {

struct MajorityVote {
  static constexpr bool sorted = false;

  template <class Values>
  GAUNTLET_HD typename Values::Number operator()(const Values& column) const {
    return sign_of(column.sum_of_signs());
  }
};

const Registered<Stage> signsgd_mv([](Entry<Stage>& e) {
  e.name = "signsgd-mv";
  e.summary = "the majority of the signs of every coordinate: -1, 0 or 1";
  e.formula = "sign(sum of sign(x_ik)) for each coordinate k, sign(0) = 0";
  e.source = "Bernstein, Zhao, Azizzadenesheli, Anandkumar, signSGD with Majority Vote, ICLR 2019";
  e.traits.translation_equivariant = false;  // gives signs
  e.traits.scale_equivariant = false;
  e.traits.unanimous = false;
  e.traits.within_box = false;
  e.needs = needs_majority;
  e.known_answers = {{"", 1, {{0.5, -1, 1, 0}, {3, -0.1, -1, 0}, {-99, 7, 0, -4}}, {{1, -1, 0, -1}}}};
  e.make = [](const Arguments&) { return column_rule(MajorityVote{}); };
});

}  // namespace
}  // namespace gauntlet
