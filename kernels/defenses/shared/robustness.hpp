// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>

/// Robustness coefficients (RobustnessBound) that more than one defense has or builds on. h = n − f is the size of S,
/// μ its mean and V its variance (1/h) Σ_S ‖x_i − μ‖². All need n > 2f.
namespace gauntlet {

/// The coordinate-wise and the geometric median: Allouah et al., Fixing by Mixing, AISTATS 2023.
inline double median_kappa(int n, int f, double = 0) { return 4 * std::pow(1 + f / (n - 2.0 * f), 2); }

/// The trimmed mean: same paper.
inline double trimmed_mean_kappa(int n, int f, double = 0) { return 6 * f / (n - 2.0 * f) * (1 + f / (n - 2.0 * f)); }

/// The mean of the n − f messages T nearest to a point a of coefficient `inner`. To each of the t ≤ f messages of T ∖ S
/// belongs one of S ∖ T that is at least as far from a, so ‖A − μ‖ = (1/h) ‖Σ_{T∖S} (x − a) − Σ_{S∖T} (x − a)‖ is at
/// most (2/h) Σ_{S∖T} ‖x − a‖, whose square is at most (4t/h²) Σ_S ‖x − a‖² = (4t/h) (V + ‖a − μ‖²). It also holds
/// coordinate by coordinate.
inline double nearest_kappa(int n, int f, double inner) { return 4.0 * f / (n - f) * (1 + inner); }

/// The mean of the n − f messages T of least diameter, which is at most the diameter D of S; D² ≤ 2hV. T shares a
/// message with S, so that any of T ∖ S is at most 2D from any of S ∖ T and ‖A − μ‖ ≤ (f/h) 2D: a resilient averaging
/// of Farhadkhani, Guerraoui, Gupta, Pinot, Stephan, Byzantine Machine Learning Made Easy, ICML 2022.
inline double least_diameter_kappa(int n, int f, double = 0) { return 8.0 * f * f / (n - f); }

/// Any point whose every coordinate lies between the (f+1)-th and the (n−f)-th smallest value: on either side of it is
/// a value of S at least as far from μ, and its square is at most the sum of all over S, h times the variance.
inline double trusted_box_kappa(int n, int f, double = 0) { return n - f; }

}  // namespace gauntlet
