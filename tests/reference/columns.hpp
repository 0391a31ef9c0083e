// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/reference/definition.hpp"

/// Rules that look at each coordinate by itself.
namespace gauntlet::reference {

inline double trimmed(const Vector& sorted, int trim) {
  return average(Vector(sorted.begin() + trim, sorted.end() - trim));
}

/// What signsgd-mv gives, and signsgd-fd in its first round; its later ones are in defenses/signsgd_test.cpp.
inline Vector majority_vote(const Matrix& x) {
  return per_column(x, [](const Vector& v) {
    int votes = 0;
    for (double value : v) votes += (value > 0) - (value < 0);
    return static_cast<double>((votes > 0) - (votes < 0));
  });
}

inline Definitions column_rules() {
  return {{"mean", rule([](const Matrix& x, int, int, const Arguments&) { return mean(x); })},
          {"median", rule([](const Matrix& x, int, int, const Arguments& a) {
             return per_column(x, [&](const Vector& v) { return median(v, a.word("even")); });
           })},
          {"trimmed-mean", rule([](const Matrix& x, int, int, const Arguments& a) {
             return per_column(x, [&](const Vector& v) { return trimmed(v, a.count("trim")); });
           })},
          {"phocas", rule([](const Matrix& x, int n, int f, const Arguments& a) {
             return per_column(x, [&](const Vector& v) { return mean_nearest(v, trimmed(v, a.count("trim")), n - f); });
           })},
          {"meamed", rule([](const Matrix& x, int n, int f, const Arguments& a) {
             return per_column(x, [&](const Vector& v) { return mean_nearest(v, median(v, a.word("even")), n - f); });
           })},
          {"signsgd-mv", rule([](const Matrix& x, int, int, const Arguments&) { return majority_vote(x); })},
          {"signsgd-fd", rule([](const Matrix& x, int, int, const Arguments&) { return majority_vote(x); })}};
}

}  // namespace gauntlet::reference
