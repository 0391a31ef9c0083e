// SPDX-License-Identifier: Apache-2.0
#include "kernels/defenses/rule.cuh"

namespace gauntlet {
namespace {

struct Monna : GramFunctor {
  int pivot = 0;

  std::size_t scratch(int n) const { return static_cast<std::size_t>(n); }

  GAUNTLET_HD void operator()(const Team& team, const Gram& gram, double* weights, double* squares) const {
    const int target = pivot;
    team.each(gram.n, [=](int i) { squares[i] = rank_distance2(gram, i, target); });
    mean_of_smallest(
        team, gram.n, gram.n - gram.f, [=](int i) { return squares[i]; }, weights);
  }
};

const Registered<Stage> monna([](Entry<Stage>& e) {
  e.name = "monna";
  e.summary = "the mean of the n-f messages nearest to one trusted message, itself included";
  e.formula = "mean of the n-f x_i with least |x_i - x_pivot|";
  e.source = "Farhadkhani, Guerraoui, Gupta, Hoang, Pinot, Stephan, Robust Collaborative Learning, ICML 2023";
  e.traits.keeps_majority = true;
  e.traits.permutation_invariant = false;  // trusts the pivot
  e.traits.mean_without_byzantine = true;
  e.parameters = {count("pivot", "0", "index of the trusted message, from 0; it must be honest")};
  e.needs = needs_majority;
  e.known_answers = {{"", 1, {{0, 0}, {2, 0}, {0, 4}, {9, 9}}, {{2.0f / 3, 4.0f / 3}}},
                     {"pivot=3", 1, {{0, 0}, {2, 0}, {6, 9}, {9, 9}}, {{17.0f / 3, 6}}}};
  e.make = [](const Arguments& a) {
    const int pivot = a.count("pivot");
    if (pivot >= a.n())
      throw UserError("monna: pivot = " + std::to_string(pivot) + " is out of range 0.." + std::to_string(a.n() - 1));
    Monna rule;
    rule.pivot = pivot;
    return gram_rule(rule);
  };
});

}  // namespace
}  // namespace gauntlet
