// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <cstring>

#include "kernels/exec/portability.cuh"

/// The number type of column rules: one float on the GPU, neighboring coordinates in one vector register on the CPU. A
/// rule written with these operations and no branch on values is one source for both, and gives the same bits.
namespace gauntlet {

/// Floats of a vector register; where the machine's are shorter the compiler uses several.
inline constexpr int lane_count = 8;

/// The floats of neighboring coordinates.
struct Lanes {
#if GAUNTLET_DEVICE
  using Vector = float;  // device code knows no such vectors and never uses one; it only has to compile
#else
  using Vector = float __attribute__((vector_size(sizeof(float) * lane_count)));
#endif
  Vector v;

  Lanes() = default;
  GAUNTLET_HD explicit Lanes(float value) : v(value - Vector{}) {}

  GAUNTLET_HD static Lanes of(Vector vector) {
    Lanes lanes;
    lanes.v = vector;
    return lanes;
  }

  static Lanes load(const float* from) {
    Lanes lanes;
    std::memcpy(&lanes.v, from, sizeof lanes.v);
    return lanes;
  }
  void store(float* to) const { std::memcpy(to, &v, sizeof v); }
};

GAUNTLET_HD inline Lanes operator+(const Lanes& a, const Lanes& b) { return Lanes::of(a.v + b.v); }
GAUNTLET_HD inline Lanes operator-(const Lanes& a, const Lanes& b) { return Lanes::of(a.v - b.v); }
GAUNTLET_HD inline Lanes operator*(const Lanes& a, const Lanes& b) { return Lanes::of(a.v * b.v); }
GAUNTLET_HD inline Lanes operator/(const Lanes& a, const Lanes& b) { return Lanes::of(a.v / b.v); }

/// The smaller and the larger of two numbers, neither of which is NaN.
GAUNTLET_HD inline Lanes lower(const Lanes& a, const Lanes& b) { return Lanes::of(a.v < b.v ? a.v : b.v); }
GAUNTLET_HD inline Lanes upper(const Lanes& a, const Lanes& b) { return Lanes::of(a.v > b.v ? a.v : b.v); }

GAUNTLET_HD inline Lanes absolute(const Lanes& a) { return upper(a, Lanes(0.0f) - a); }

/// Whether a > b in any lane.
GAUNTLET_HD inline bool any_above(const Lanes& a, const Lanes& b) {
  const auto above = a.v > b.v;
#if GAUNTLET_DEVICE
  return above;
#else
  int any = 0;
  for (int l = 0; l < lane_count; ++l) any |= above[l];
  return any != 0;
#endif
}

/// a where p ≤ q, else b.
GAUNTLET_HD inline Lanes if_not_above(const Lanes& p, const Lanes& q, const Lanes& a, const Lanes& b) {
  return Lanes::of(p.v <= q.v ? a.v : b.v);
}
/// a where p < q, b where p > q, their mean where both are equal; b with NaN.
GAUNTLET_HD inline Lanes of_nearer(const Lanes& p, const Lanes& q, const Lanes& a, const Lanes& b) {
  const Lanes between = Lanes(0.5f) * (a + b);
  const Lanes not_first = Lanes::of(p.v == q.v ? between.v : b.v);
  return Lanes::of(p.v < q.v ? a.v : not_first.v);
}
/// −1, 0 or 1; 0 for NaN.
GAUNTLET_HD inline Lanes sign_of(const Lanes& a) {
  const Lanes zero(0.0f), one(1.0f);
  return Lanes::of((a.v > zero.v ? one.v : zero.v) - (a.v < zero.v ? one.v : zero.v));
}
/// NaN becomes +∞, so that it sorts last.
GAUNTLET_HD inline Lanes without_nan(const Lanes& a) {
  const Lanes infinite(INFINITY);
  return Lanes::of(a.v == a.v ? a.v : infinite.v);
}

GAUNTLET_HD inline float lower(float a, float b) { return a < b ? a : b; }
GAUNTLET_HD inline float upper(float a, float b) { return a > b ? a : b; }
GAUNTLET_HD inline bool any_above(float a, float b) { return a > b; }
GAUNTLET_HD inline float if_not_above(float p, float q, float a, float b) { return p <= q ? a : b; }
GAUNTLET_HD inline float of_nearer(float p, float q, float a, float b) {
  return p < q ? a : p == q ? 0.5f * (a + b) : b;
}
GAUNTLET_HD inline float sign_of(float a) { return static_cast<float>(a > 0) - static_cast<float>(a < 0); }
GAUNTLET_HD inline float without_nan(float a) { return a == a ? a : INFINITY; }

/// Puts the smaller numbers in a and the larger in b.
template <class T>
GAUNTLET_HD inline void exchange(T& a, T& b) {
  const T least = lower(a, b);
  b = upper(a, b);
  a = least;
}

}  // namespace gauntlet
