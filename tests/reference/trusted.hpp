// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/reference/definition.hpp"

/// Rules that take a message of the server's own.
namespace gauntlet::reference {

/// ReLU(cos) trust scores of messages that are brought to the trusted one's length.
inline Vector fl_trust(const Matrix& x, const Vector& trusted) {
  Vector total(trusted.size(), 0.0);
  double trust = 0;
  for (const auto& row : x) {
    const double score = std::max(0.0, cosine(row, trusted));
    if (score == 0) continue;
    total = add(total, scaled(row, norm(trusted) / norm(row)), score);
    trust += score;
  }
  return trust > 0 ? scaled(total, 1 / trust) : total;
}

/// The mean of all but the b messages of least score, for a step of 1: the descent f(x) − f(x − g), for a loss that is
/// linear with the trusted gradient, less rho |g|².
inline Vector zeno(const Matrix& x, const Vector& trusted, int b, double rho) {
  const auto loss = [&](const Vector& at) { return dot(trusted, at); };
  const Vector here(trusted.size(), 0.0);
  return mean_of_least(x, static_cast<int>(x.size()) - b, [&](int i) {
    return -(loss(here) - loss(add(here, x[i], -1)) - rho * norm(x[i]) * norm(x[i]));
  });
}

inline Definitions trusting_rules() {
  return {{"fltrust", trusting([](const Matrix& x, const Vector& own, const Arguments&) { return fl_trust(x, own); })},
          {"zeno", trusting([](const Matrix& x, const Vector& own, const Arguments& a) {
             return zeno(x, own, a.count("b"), a.number("rho"));
           })}};
}

}  // namespace gauntlet::reference
