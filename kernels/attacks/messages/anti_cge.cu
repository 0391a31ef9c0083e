// SPDX-License-Identifier: Apache-2.0
#include "kernels/attacks/engine/gram_attack.cuh"

namespace gauntlet {
namespace {

/// CGE keeps the n − f' messages of least norm, f' declared: the h − f' least honest ones and, with a norm below the
/// next, all of the attackers'.
struct AntiCge : GramMessage {
  bool twice;

  GAUNTLET_HD void operator()(const Team& team, const AttackView& view, const BaseGram& gram, double* weights,
                              double*) const {
    const int h = view.honest, least = h - view.declared < 1 ? 1 : h - view.declared;
    const auto rank = [=](int i) {
      int before = 0;
      for (int j = 0; j < h; ++j) before += gram(j, j) < gram(i, i) || (gram(j, j) == gram(i, i) && j < i);
      return before;
    };
    const bool doubled = twice;
    team.each(view.m, [=](int p) {
      const int place = p < h ? rank(p) : h;
      weights[p] = place >= least ? 0 : place == 0 && doubled ? 2 : 1;
    });
    const double square = team.sum(h, [=](int i) {
      double inner = 0;
      for (int j = 0; j < h; ++j) inner += weights[j] * gram(i, j);
      return weights[i] * inner;
    });
    // Where all honest messages are kept there is no next one, and the greatest norm does.
    const int next = team.argmin(h, [=](int i) {
      const int wanted = least < h ? least : h - 1;
      return rank(i) == wanted ? 0.0 : 1.0;
    });
    const double scale = square > 0 ? -(1 - 1e-6) * gram.norm(next) / sqrt(square) : 0;
    team.each(view.m, [=](int p) { weights[p] *= scale; });
  }
};

const RegisteredAttack anti_cge([](Entry<Attack>& e) {
  e.name = "anti-cge";
  e.summary = "against the least honest messages, at a norm just small enough for cge to keep every Byzantine message";
  e.formula = "b = -u / |u| |h_(k+1)| (1 - 1e-6), u = sum of the k = h - f honest messages of least norm h_(1) ...";
  e.source = "Farhadkhani, Guerraoui, Gupta, Pinot, Stephan, Byzantine machine learning made easy, ICML 2022 (code)";
  e.parameters = {flag("twice", false, "counts the message of least norm twice in u, as ByzantineMomentum does")};
  // Of norms 1, 2 and 5 two are kept; u = (3, 0) and the next norm is 5.
  e.known_answers = {{"", 1, {{1, 0}, {0, 5}, {2, 0}, {9, 9}}, {{-4.999995f, 0}}}};
  e.make = [](const Arguments& a) { return gram_attack(AntiCge{{}, a.flag("twice")}); };
});

}  // namespace
}  // namespace gauntlet
