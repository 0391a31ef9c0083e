// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/exec/exec.cuh"
#include "src/bench/bench.hpp"

/// The robustness coefficient of a defense as attacks find it: a lower bound on the true one, and so a check of the
/// upper bound that RobustnessBound declares.
namespace gauntlet {

/// Inboxes of one shape: n honest messages each, of which the last f are the attackers' own.
struct InboxSample {
  int n = 0;
  std::int64_t d = 0;
  std::vector<std::string> names;  ///< one per inbox
  std::vector<float> rows;         ///< [inboxes][n][d]
};

/// `seeds` inboxes of d random numbers of each of several sorts: from one normal distribution, along one direction, in
/// groups of the sizes at which rules break, with heavy tails, and with a mean that dwarfs their spread.
InboxSample random_inboxes(int n, int f, std::int64_t d, int seeds);

/// Gradients of a softmax model on very unequal shards of a dataset, at the start and after some rounds of training:
/// two samples of an inbox per seed. \throws UserError when the data are not there.
std::vector<InboxSample> gradient_inboxes(Exec& exec, const BenchOptions& options);

/// Every attack of the registry that works with (n, f), with its defaults and over grids of strengths.
std::vector<std::string> kappa_attacks(int n, int f);

/// ‖A − mean_S‖² / ((1/|S|) Σ_S ‖x_i − mean_S‖²) at its largest, and where: +∞ when A is not finite.
struct MeasuredKappa {
  double value = 0;
  std::string attack, inbox;
};

/// The attack, which knows the defense and its true f, on all inboxes; S are the n − f honest messages.
MeasuredKappa measure_kappa(Exec& exec, const std::string& defense, const std::string& attack, int f,
                            const std::vector<InboxSample>& samples);

/// Whether a measured coefficient breaks the bound. Sums of floats leave some play.
inline bool breaks_bound(double measured, double bound) { return !(measured <= bound * (1 + 1e-5)); }

}  // namespace gauntlet
