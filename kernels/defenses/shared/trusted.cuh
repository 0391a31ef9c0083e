// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/defenses/defense.cuh"

/// What the rules share that judge messages by one that the server computes itself.
namespace gauntlet {

/// A rule that gives weights to the n messages by row n of the problem, the trusted message, which is finite.
struct TrustedFunctor : GramFunctor {
  int samples = 1;

  Memory memory(int) const { return {MemoryRow::trusted}; }
  int trusted_batch() const { return samples; }
};

namespace detail {

/// Where the trusted message is not finite nothing can be judged by it: the output is zero, which asks for no step.
template <class Judge>
struct WithTrusted : Judge {
  GAUNTLET_HD void operator()(const Team& team, const Gram& gram, double* weights, double* scratch) const {
    const int n = gram.n;
    if (gram.norm(n) < INFINITY)
      Judge::operator()(team, gram, weights, scratch);
    else
      team.each(n, [=](int i) { weights[i] = 0; });
    team.once([=] { weights[n] = 0; });
  }
};

}  // namespace detail

/// As gram_rule, for a functor derived from TrustedFunctor.
template <class Judge>
std::unique_ptr<GramRule> trusted_rule(Judge judge) {
  return gram_rule(detail::WithTrusted<Judge>{judge});
}

inline ParameterSpec trusted_batch_parameter() {
  return count("trusted_batch", "100", "training samples that the server holds and draws its batches from", 1);
}

}  // namespace gauntlet
