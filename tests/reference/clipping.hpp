// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/reference/definition.hpp"

/// What shortens messages.
namespace gauntlet::reference {

inline Vector centered_clipping(const Matrix& x, Vector v, int steps, double tau) {
  for (int step = 0; step < steps; ++step) {
    Vector move(v.size(), 0.0);
    for (const auto& row : x) move = add(move, clipped(add(row, v, -1), tau), 1.0 / static_cast<double>(x.size()));
    v = add(v, move);
  }
  return v;
}

inline Definitions clipping_rules() {
  return {{"centered-clipping", rule([](const Matrix& x, int, int, const Arguments& a) {
             Vector start(x[0].size(), 0.0);
             if (a.flag("stateless") && a.is("start", "mean")) start = mean(x);
             if (a.flag("stateless") && a.is("start", "median"))
               start = per_column(x, [&](const Vector& v) { return median(v, a.word("even")); });
             return centered_clipping(x, start, a.count("iterations"), a.number("tau"));
           })},
          {"normalize", per_message([](const Matrix& x, int i, int, int, const Arguments& a) {
             return scaled(x[i], a.number("length") / norm(x[i]));
           })},
          {"clipping", per_message([](const Matrix& x, int i, int, int, const Arguments& a) {
             return clipped(x[i], a.number("threshold"));
           })},
          {"arc", per_message([](const Matrix& x, int i, int n, int f, const Arguments&) {
             const auto by_norm = order(n, [&](int j) { return norm(x[j]); });
             return clipped(x[i], norm(x[by_norm[n - 2 * f * (n - f) / n - 1]]));
           })}};
}

}  // namespace gauntlet::reference
