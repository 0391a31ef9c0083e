// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/defenses/defense.cuh"
#include "kernels/passes/inbox.cuh"

/// What an attacker who tries variants of an inbox learns of the outputs. Problem b belongs to inbox b / variants;
/// the `views` inboxes of a stack share its base rows.
namespace gauntlet::detail {

/// mixing[c] ← candidates[c][variant]
struct PickVariant {
  const double* candidates;
  int variants, variant;
  std::int64_t size;
  double* mixing;

  GAUNTLET_HD void operator()(std::int64_t index) const {
    const std::int64_t c = index / size;
    mixing[index] = candidates[(c * variants + variant) * size + index % size];
  }
};

/// The squared distance of Σ v_p x_p from Σ r_p x_p, and the inner product of their difference with a direction.
struct MeasureWeights {
  const double* products;   ///< [stacks][size][size]
  const double* weights;    ///< [problems][stride], of which the first `size` count
  const double* reference;  ///< [inboxes][m]
  int size, stride, m, variants, views, direction;
  double* outcome;  ///< [problems][2]

  GAUNTLET_HD void operator()(std::int64_t b) const {
    const double* g = products + b / variants / views * size * size;
    const double* w = weights + b * stride;
    const double* r = reference + b / variants * m;
    double square = 0, along = 0;
    for (int p = 0; p < size; ++p) {
      const double left = w[p] - (p < m ? r[p] : 0);
      if (left == 0) continue;
      double inner = 0;
      for (int q = 0; q < size; ++q) add_weighted(inner, w[q] - (q < m ? r[q] : 0), g[std::int64_t{p} * size + q]);
      square += left * inner;
      if (direction >= 0) along += left * g[std::int64_t{p} * size + direction];
    }
    outcome[2 * b] = square > 0 ? square : 0;
    outcome[2 * b + 1] = along;
  }
};

/// The same for an output y that was computed, from its dots with the base rows.
struct MeasureOutput {
  const double* products;  ///< [stacks][size][size]
  const double* dots;      ///< [inboxes][base + 1]
  const double* reference;
  int size, base, m, views, variants, variant, direction;
  double* outcome;

  GAUNTLET_HD void operator()(std::int64_t c) const {
    const double* g = products + c / views * size * size;
    const double* d = dots + c * (base + 1);
    const double* r = reference + c * m;
    double square = d[base], along = direction >= 0 ? d[direction] : 0;
    for (int p = 0; p < m; ++p) {
      if (r[p] == 0) continue;
      double inner = 0;
      for (int q = 0; q < m; ++q) add_weighted(inner, r[q], g[std::int64_t{p} * size + q]);
      square += r[p] * (inner - 2 * d[p]);
      if (direction >= 0) along -= r[p] * g[std::int64_t{p} * size + direction];
    }
    double* target = outcome + 2 * (c * variants + variant);
    target[0] = square > 0 ? square : 0;
    target[1] = along;
  }
};

/// The weights of the base rows in outputs that are in part, or all, what a column or custom rule made of its sources.
struct BaseWeights {
  const double* weights;  ///< [problems][anchor + 1] over the base rows and, last, what the rule made; null: that alone
  int anchor;
  Sources sources;
  int m;
  std::int64_t stride;
  double* out;  ///< m for each problem, `stride` apart

  GAUNTLET_HD void operator()(std::int64_t index) const {
    const std::int64_t b = index / m;
    const int p = static_cast<int>(index % m);
    const double weight = weights != nullptr ? weights[b * (anchor + 1) + p] : 0;
    const double share = weights != nullptr ? weights[b * (anchor + 1) + anchor] : 1;
    out[b * stride + p] = share != 0 ? weight + share * sources.weight(b, p) : weight;
  }
};

/// What base row `direction` brings of an output's inner product with it: its weight times its square or, where it
/// enters otherwise than by a weight, all there is unless the output is that of variant 0.
struct MeasurePull {
  const double* weights;   ///< [problems][stride]
  const double* products;  ///< [stacks][size][size]
  int stride, size, variants, views, direction;
  const double* outcome;  ///< [problems][2]
  double* pull;

  GAUNTLET_HD void operator()(std::int64_t b) const {
    const double weight = weights[b * stride + direction];
    const double* other = outcome + 2 * (b - b % variants);
    pull[b] = 0;
    if (fabs(weight) == INFINITY)
      pull[b] = outcome[2 * b] != other[0] || outcome[2 * b + 1] != other[1] ? outcome[2 * b + 1] : 0;
    else if (weight != 0)
      pull[b] = weight * products[(b / variants / views * size + direction) * size + direction];
  }
};

}  // namespace gauntlet::detail
