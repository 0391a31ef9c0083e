// SPDX-License-Identifier: Apache-2.0
#include "kernels/attacks/engine/gram_attack.cuh"

namespace gauntlet {
namespace {

constexpr double pi = 3.14159265358979323846;

/// Single linkage joins what a bridge of close neighbors connects. So the attackers lay one: it starts at the honest
/// message of the larger cluster that points farthest from the mean and turns on from there, away from the mean.
struct ClippedClusteringAttack : GramMessage {
  static constexpr bool alike = false;
  double scale = 10, slack = 0.1;

  std::size_t scratch(int honest) const { return 2 * static_cast<std::size_t>(honest) + 1; }

  GAUNTLET_HD void operator()(const Team& team, const AttackView& view, const BaseGram& gram, double* weights,
                              double* scratch) const {
    const int h = view.honest, m = view.m, f = view.f;
    const auto mean_product = [=](int i) {
      double total = 0;
      for (int j = 0; j < h; ++j) total += gram(i, j);
      return total / h;
    };
    const double square = team.sum(h, mean_product) / h, length = sqrt(square > 0 ? square : 0);
    double* larger = scratch;  // 1 for the messages of the larger cluster
    double* closest = scratch + 2 * h;
    team.once([=] { *closest = split(gram, h, larger, larger + h); });
    const auto cosine_with_mean = [=](int i) {
      const double lengths = gram.norm(i) * length;
      return lengths > 0 ? mean_product(i) / lengths : 1;
    };
    const int first = team.argmin(h, [=](int i) { return larger[i] != 0 ? cosine_with_mean(i) : INFINITY; });
    const double start = angle(cosine_with_mean(first));
    const double turn = fmax(angle(1 - *closest) - slack, 0.0);
    const double reach = scale, side = sin(start);
    team.each(f * m, [=](int index) {
      const int b = index / m, p = index % m;
      const double at = start + (b + 1) * turn;
      // In the plane of the mean and the first message; where they have no plane or it is passed: against the mean.
      const bool inside = side > 1e-6 && at < pi;
      const double of_mean = inside ? sin(start - at) / side : -1, of_first = inside ? sin(at) / side : 0;
      const double mean_weight = p < h && length > 0 ? reach * of_mean / (h * length) : 0;
      weights[index] = mean_weight + (p == first && of_first != 0 ? reach * of_first / gram.norm(first) : 0);
    });
  }

  GAUNTLET_HD static double angle(double cosine) { return acos(cosine > 1 ? 1.0 : cosine < -1 ? -1.0 : cosine); }

  /// 1 − cosine; 2 from a zero message.
  GAUNTLET_HD static double gap(const BaseGram& gram, int i, int j) {
    const double lengths = gram.norm(i) * gram.norm(j);
    return lengths > 0 ? 1 - gram(i, j) / lengths : 2;
  }

  /// Single linkage into two clusters, by one thread: writes 1 for the messages of the larger cluster, that of message
  /// 0 if both are alike, else 0. Returns the least gap of two messages. A tree of least gaps grows from message 0;
  /// what joins it from its longest edge on is the second cluster, since nothing shorter leads there from the first.
  GAUNTLET_HD static double split(const BaseGram& gram, int h, double* larger, double* nearest) {
    double* joined = larger;  // the order of joining, from 1; 0: not yet
    for (int i = 0; i < h; ++i) joined[i] = i == 0, nearest[i] = i == 0 ? 0 : gap(gram, 0, i);
    double least = 2, longest = -1;
    int cut = h;
    for (int size = 1; size < h; ++size) {
      int next = -1;
      for (int i = 0; i < h; ++i)
        if (joined[i] == 0 && (next < 0 || nearest[i] < nearest[next])) next = i;
      joined[next] = size + 1;
      least = nearest[next] < least ? nearest[next] : least;
      if (nearest[next] > longest) longest = nearest[next], cut = size;
      for (int i = 0; i < h; ++i) nearest[i] = fmin(nearest[i], gap(gram, next, i));
    }
    for (int i = 0; i < h; ++i) larger[i] = (joined[i] > cut) == (h > 2 * cut);
    return least;
  }
};

const RegisteredAttack clipped_clustering_attack([](Entry<Attack>& e) {
  e.name = "clipped-clustering-attack";
  e.summary = "a bridge of messages from an outlying honest one away from the mean, each near the one before";
  e.formula =
      "b_j at the angle a_0 + j t from mu, in the plane of mu and x: x of the larger single-linkage cluster of "
      "directions, farthest from mu at a_0; t = least angle of two honest messages - slack; |b| = scale; -mu beyond pi";
  e.source = "Li, Ngai, Voigt, Blades, IoTDI 2024 (AttackClippedClustering)";
  e.parameters = {
      number("scale", "10", "length of the messages", 0),
      number("slack", "0.1", "angle that each is nearer to the one before than any two honest ones are", 0, 3)};
  // From (0, 1) and (1, 0), 45 degrees to each side of their mean: 90 degrees less 0.1 on from (1, 0).
  e.known_answers = {{"", 1, {{1, 0}, {0, 1}, {9, 9}}, {{0.9983342f, -9.9500417f}}}};
  e.make = [](const Arguments& a) {
    ClippedClusteringAttack attack;
    attack.scale = a.number("scale");
    attack.slack = a.number("slack");
    return gram_attack(attack);
  };
});

}  // namespace
}  // namespace gauntlet
