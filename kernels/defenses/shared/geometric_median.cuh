// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/defenses/shared/geometric_newton.cuh"
#include "kernels/defenses/shared/weiszfeld.cuh"

namespace gauntlet {

/// The weights of the geometric median of the finite messages. The message with the least sum of distances either is
/// the median (Vardi and Zhang's test) or is left: for the mean if that is better, or else by a step that is. From
/// there on the sum of distances lies below that of every message, so no iterate is ever stuck on one. Weiszfeld's
/// steps follow, and Newton's between them where those shrink slowly. It ends when the mean of the unit vectors toward
/// the messages, zero at the optimum, is shorter than `tolerance`; where the sum of distances is so flat that this does
/// not settle the point, Newton's step must also be shorter than `tolerance` times the distances' harmonic mean.
struct GeometricMedian : GramFunctor {
  double tolerance = 1e-7;
  int iterations = 1000;

  std::size_t scratch(int n) const {
    return static_cast<std::size_t>(n) * n + 5 * static_cast<std::size_t>(n) + GeometricNewton::scratch(n);
  }

  GAUNTLET_HD void operator()(const Team& team, const Gram& gram, double* weights, double* scratch) const {
    const int n = gram.n;
    double* centered = scratch;
    double* squares = centered + std::int64_t{n} * n;
    double* last = squares + n;
    double* images = last + n;
    double* last_images = images + n;
    double* pulls = last_images + n;
    double* newton_scratch = pulls + n;
    const auto finite = [=](int i) { return gram.norm(i) < INFINITY; };
    const auto product = [=](int i, int j) { return centered[std::int64_t{i} * n + j]; };

    const int first = team.argmin(n, [=](int i) { return finite(i) ? 0.0 : 1.0; });
    const int medoid = team.argmin(n, [=](int k) { return finite(k) ? excess(gram, k, first) : INFINITY; });
    // Relative to the medoid, products are of the size of the distances, and so are their rounding errors.
    team.each(n * n, [=](int index) {
      const int i = index / n, j = index % n;
      centered[index] = finite(i) && finite(j) ? center(gram, i, j, medoid) : 0;
    });
    const double count = team.sum(n, [=](int i) { return finite(i) ? 1.0 : 0.0; });

    // At the medoid: the sum of the unit vectors away from it against the number of messages on it.
    const auto medoid_pull = [=](int i) { return product(i, i) > 0 ? 1 / sqrt(product(i, i)) : 0.0; };
    const double total = team.sum(n, medoid_pull);
    const double here = team.sum(n, [=](int i) { return finite(i) && !(product(i, i) > 0) ? 1.0 : 0.0; });
    const double away2 = team.sum(n, [=](int i) {
      double image = 0;
      for (int j = 0; j < n; ++j) image += medoid_pull(j) * product(i, j);
      return medoid_pull(i) * image;
    });
    if (away2 <= here * here) {
      team.each(n, [=](int i) { weights[i] = i == medoid; });
      return;
    }

    const auto move_to_point = [=](double* point_images) {
      distances_to_point(team, n, weights, product, finite, point_images, squares);
    };
    team.each(n, [=](int i) { weights[i] = finite(i) ? 1 / count : 0; });
    move_to_point(images);
    const double from_mean = team.sum(n, [=](int i) { return finite(i) ? sqrt(squares[i]) : 0.0; });
    const double from_medoid = team.sum(n, [=](int i) { return sqrt(product(i, i)); });
    const int nearest = team.argmin(n, [=](int i) { return squares[i]; });
    const int farthest = team.argmin(n, [=](int i) { return -product(i, i); });
    // Between huge messages rounding would decide how far from the mean the others are.
    const bool clear = squares[nearest] > 1e-10 * product(farthest, farthest);
    if (!clear || !(from_mean < from_medoid)) {
      const double stay = here / sqrt(away2);
      team.each(n, [=](int i) { weights[i] = (1 - stay) * medoid_pull(i) / total + (i == medoid ? stay : 0); });
      move_to_point(images);
    }

    double length = INFINITY;  // of the mean unit vector where the last Weiszfeld step began
    int settling = 0;          // Newton steps since it was short; where rounding drives them, they do not shrink
    bool slow = false, after_newton = false;
    for (int step = 0; step < iterations; ++step) {
      const double* before = step % 2 == 0 ? images : last_images;
      double* after = step % 2 == 0 ? last_images : images;
      // A distance of zero here is rounding: the point cannot be told from a message any more.
      if (team.sum(n, [=](int i) { return squares[i] > 0 ? 0.0 : 1.0; }) > 0) return;
      team.each(n, [=](int i) { pulls[i] = 1 / sqrt(squares[i]); });
      const double scale = team.sum(n, [=](int i) { return pulls[i]; });
      // A Weiszfeld step gives weights that follow from the point, as Newton's do not: one comes after each of those.
      if (!after_newton && (slow || length <= tolerance)) {
        const bool close = length <= tolerance;
        const GeometricNewton newton{n, centered, before, squares, pulls, scale, newton_scratch};
        if (close && !newton.flat(team, weights)) return;
        const double forcing = length < 1e-6 ? 1e-6 : length < 0.1 ? length : 0.1;
        const double moved = newton.step(team, forcing, weights);
        if (close && (moved * scale <= tolerance * count || ++settling == 20)) return;
        after_newton = moved > 0;
        if (after_newton) {
          move_to_point(after);
          continue;
        }
      }
      team.each(n, [=](int i) {
        last[i] = weights[i];
        weights[i] = pulls[i] / scale;
      });
      move_to_point(after);
      const double moved2 = team.sum(n, [=](int i) { return (weights[i] - last[i]) * (after[i] - before[i]); });
      const double shorter = moved2 > 0 ? sqrt(moved2) * scale / count : 0;
      slow = shorter > length / 4;
      length = shorter;
      after_newton = false;
    }
  }

 private:
  /// ⟨x_i − x_o, x_j − x_o⟩, +0 when a row is x_o.
  GAUNTLET_HD static double center(const Gram& gram, int i, int j, int o) {
    return i == j ? gram.distance2(i, o) : (gram(i, j) - gram(i, o)) - (gram(o, j) - gram(o, o));
  }

  /// Σ_j ‖x_k − x_j‖ − ‖x_o − x_j‖, from differences of squares: exact even beside messages of norm 1e30.
  GAUNTLET_HD static double excess(const Gram& gram, int k, int o) {
    double total = 0;
    for (int j = 0; j < gram.n; ++j) {
      if (gram.norm(j) == INFINITY) continue;
      const double both = sqrt(gram.distance2(k, j)) + sqrt(gram.distance2(o, j));
      if (both > 0) total += ((gram(k, k) - gram(o, o)) - 2 * (gram(k, j) - gram(o, j))) / both;
    }
    return total;
  }
};

/// The n × n Gram matrix in which the messages that are not `in` the subset look non-finite, so that the geometric
/// median passes over them.
template <class In>
GAUNTLET_HD void mask_gram(const Team& team, const Gram& gram, In in, double* masked) {
  const int n = gram.n;
  team.each(n * n, [=](int index) {
    const int i = index / n, j = index % n;
    masked[index] = i == j && !in(i) ? INFINITY : gram(i, j);
  });
}

}  // namespace gauntlet
