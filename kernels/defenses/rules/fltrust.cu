// SPDX-License-Identifier: Apache-2.0
#include "kernels/defenses/rule.cuh"

namespace gauntlet {
namespace {

struct FlTrust : TrustedFunctor {
  GAUNTLET_HD void operator()(const Team& team, const Gram& gram, double* weights, double*) const {
    const int n = gram.n;
    const double own = gram.norm(n);
    const auto trust = [=](int i) {
      const double lengths = own * gram.norm(i);
      return lengths > 0 && lengths < INFINITY && gram(i, n) > 0 ? gram(i, n) / lengths : 0.0;
    };
    const double total = team.sum(n, trust);
    team.each(n, [=](int i) {
      const double share = trust(i);
      weights[i] = share > 0 ? share / total * (own / gram.norm(i)) : 0;
    });
  }
};

const Registered<Stage> fltrust([](Entry<Stage>& e) {
  e.name = "fltrust";
  e.summary =
      "the messages at the length of the server's own, weighted by their cosine with it; zero if none points its way "
      "or the server's own is not finite";
  e.formula = "sum of w_i (|x_0| / |x_i|) x_i / sum of w_i, w_i = max(0, cos(x_i, x_0)), x_0 the server's message";
  e.source = "Cao, Fang, Liu, Gong, FLTrust: Byzantine-Robust Federated Learning via Trust Bootstrapping, NDSS 2021";
  e.traits.translation_equivariant = false;  // works on cosines
  e.traits.within_box = false;               // gives every message the length of the trusted one
  e.parameters = {trusted_batch_parameter()};
  // Cosines 1, 0, 0.6 and -1: ((2, 0) + 0.6 (1.2, 1.6)) / 1.6.
  e.known_answers = {{"", 3, {{1, 0}, {0, 5}, {3, 4}, {-9, 0}}, {{1.7f, 0.6f}}, {2, 0}},
                     {"", 1, {{-1, 0}, {0, -3}}, {{0, 0}}, {1, 0}}};
  e.make = [](const Arguments& a) {
    FlTrust rule;
    rule.samples = a.count("trusted_batch");
    return trusted_rule(rule);
  };
});

}  // namespace
}  // namespace gauntlet
