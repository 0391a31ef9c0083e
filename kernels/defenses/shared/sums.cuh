// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/defenses/defense.cuh"

/// What rules share that judge workers by the sums of their messages over the rounds.
namespace gauntlet {

/// What a round makes of every worker's sum s: keep · sum + gain · message. A message that is not finite does not
/// enter.
struct NextSums {
  int s = 0;
  double keep = 1, gain = 1;

  GAUNTLET_HD SumUpdate of(const Gram& gram, int i) const { return {keep, gram.norm(i) < INFINITY ? gain : 0}; }

  /// The inner products of the sums as they will be, sum i that of message i's worker, into `room` of n² numbers.
  GAUNTLET_HD Gram products(const Team& team, const Gram& gram, double* room) const {
    const int n = gram.n;
    const NextSums next = *this;
    team.each(n * n, [=](int index) {
      const int i = index / n, j = index % n, a = gram.sum(i, next.s), b = gram.sum(j, next.s);
      const SumUpdate left = next.of(gram, i), right = next.of(gram, j);
      double total = 0;
      add_weighted(total, left.keep * right.keep, gram(a, b));
      add_weighted(total, left.keep * right.gain, gram(a, j));
      add_weighted(total, left.gain * right.keep, gram(i, b));
      add_weighted(total, left.gain * right.gain, gram(i, j));
      room[index] = total;
    });
    return {n, gram.f, n, room, gram.seed, gram.round};
  }

  /// For learn().
  GAUNTLET_HD void write(const Team& team, const Gram& gram, SumUpdate* updates) const {
    const NextSums next = *this;
    team.each(gram.n, [=](int i) { updates[gram.sum(i, next.s) - gram.n] = next.of(gram, i); });
  }
};

/// Weights of zero on the memory rows, for rules that only look at them.
GAUNTLET_HD inline void leave_memory_out(const Team& team, const Gram& gram, double* weights) {
  const int n = gram.n;
  team.each(gram.size - n, [=](int j) { weights[n + j] = 0; });
}

}  // namespace gauntlet
