// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstddef>

#include "kernels/exec/team.cuh"

/// The leading eigenpair of a covariance, in Gram space: what caf, dnc and smea look at.
namespace gauntlet {

/// The eigenvector of the largest eigenvalue of a symmetric 3 × 3 matrix, by Jacobi rotations.
GAUNTLET_HD inline void leading_of_three(double (&a)[3][3], double (&top)[3]) {
  double v[3][3] = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}};
  for (int sweep = 0; sweep < 12; ++sweep)
    for (int p = 0; p < 2; ++p)
      for (int q = p + 1; q < 3; ++q) {
        if (a[p][q] == 0) continue;
        const double ratio = (a[q][q] - a[p][p]) / (2 * a[p][q]);
        const double t = (ratio >= 0 ? 1 : -1) / (fabs(ratio) + sqrt(ratio * ratio + 1));
        const double c = 1 / sqrt(t * t + 1), s = t * c;
        for (int k = 0; k < 3; ++k) {
          const double left = a[k][p], right = a[k][q];
          a[k][p] = c * left - s * right;
          a[k][q] = s * left + c * right;
        }
        for (int k = 0; k < 3; ++k) {
          const double left = a[p][k], right = a[q][k];
          a[p][k] = c * left - s * right;
          a[q][k] = s * left + c * right;
        }
        for (int k = 0; k < 3; ++k) {
          const double left = v[k][p], right = v[k][q];
          v[k][p] = c * left - s * right;
          v[k][q] = s * left + c * right;
        }
      }
  int best = 0;
  for (int k = 1; k < 3; ++k)
    if (a[k][k] > a[best][best]) best = k;
  for (int k = 0; k < 3; ++k) top[k] = v[k][best];
}

/// The largest eigenvalue of the positive semidefinite n × n matrix `entry(i, j)`; leaves its unit eigenvector in the
/// first n numbers of `scratch` (eigenpair_scratch(n) of them), where a first guess must stand. Each step takes the
/// best vector in the span of the current one, its residual and the last step (Knyazev's locally optimal conjugate
/// gradient), to a relative residual of 1e-13. Returns early with a lower bound once that exceeds `enough`. n²
/// operations a step; some ten steps where the eigenvalue stands out, at most 1000 where others are all but equal to
/// it.
template <class Entry>
GAUNTLET_HD double leading_eigenpair(const Team& team, int n, Entry entry, double enough, double* scratch) {
  double *x = scratch, *kx = x + n, *r = kx + n, *kr = r + n, *p = kr + n, *kp = p + n;
  const auto dot = [&](const double* a, const double* b) { return team.sum(n, [=](int i) { return a[i] * b[i]; }); };
  const auto scale = [&](double* a, double* image, double factor) {
    team.each(n, [=](int i) {
      a[i] *= factor;
      image[i] *= factor;
    });
  };
  const auto remove = [&](const double* unit, const double* unit_image, double* a, double* image) {
    const double along = dot(unit, a);
    team.each(n, [=](int i) {
      a[i] -= along * unit[i];
      image[i] -= along * unit_image[i];
    });
  };
  const auto apply = [&](const double* from, double* to) {
    team.each(n, [=](int i) {
      double total = 0;
      for (int j = 0; j < n; ++j) total += entry(i, j) * from[j];
      to[i] = total;
    });
  };

  const double length = sqrt(dot(x, x));
  if (!(length > 0)) return 0;
  scale(x, kx, 1 / length);
  apply(x, kx);
  team.each(n, [=](int i) { p[i] = kp[i] = 0; });
  double value = dot(x, kx);
  bool applied = true;  // kx is the matrix times x, not what the steps have made of it
  for (int step = 0; step < 1000 && value <= enough; ++step) {
    const double rho = value;
    team.each(n, [=](int i) { r[i] = kx[i] - rho * x[i]; });
    const double residual = sqrt(dot(r, r));
    if (!(residual > 1e-13 * value)) {
      if (applied) break;
      apply(x, kx);
      value = dot(x, kx);
      applied = true;
      continue;
    }
    applied = false;
    // Of a small residual, rounding may have left a part along x.
    scale(r, kr, 1 / residual);
    remove(x, kx, r, kr);
    apply(r, kr);
    // The last step without its part along x and r. If little is left of it, it is left out: the image of that little
    // is known to few digits only, and fewer with every step.
    const double before = sqrt(dot(p, p));
    remove(x, kx, p, kp);
    remove(r, kr, p, kp);
    const double after = sqrt(dot(p, p));
    scale(p, kp, after > 0.1 * before ? 1 / after : 0);
    remove(x, kx, p, kp);
    remove(r, kr, p, kp);

    double a[3][3] = {{value, dot(x, kr), dot(x, kp)}, {0, dot(r, kr), dot(r, kp)}, {0, 0, dot(p, kp)}}, top[3];
    a[1][0] = a[0][1], a[2][0] = a[0][2], a[2][1] = a[1][2];
    leading_of_three(a, top);
    const double t0 = top[0], t1 = top[1], t2 = top[2];
    team.each(n, [=](int i) {
      p[i] = t1 * r[i] + t2 * p[i];
      kp[i] = t1 * kr[i] + t2 * kp[i];
      x[i] = t0 * x[i] + p[i];
      kx[i] = t0 * kx[i] + kp[i];
    });
    scale(x, kx, 1 / sqrt(dot(x, x)));
    value = dot(x, kx);
  }
  return value;
}

inline std::size_t eigenpair_scratch(int n) { return 6 * static_cast<std::size_t>(n); }

}  // namespace gauntlet
