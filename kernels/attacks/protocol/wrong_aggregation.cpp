// SPDX-License-Identifier: Apache-2.0
#include "kernels/attacks/misconduct.hpp"

namespace gauntlet {
namespace {

const RegisteredMisconduct wrong_aggregation([](Entry<Misconduct>& e) {
  e.name = "wrong-aggregation";
  e.summary =
      "a Byzantine owner publishes the aggregate of its part shifted in a random direction; the statements on the "
      "part then do not sum to zero, verification-2 has it computed again, and the owner is banned";
  e.formula = "p(j) + size tau u, |u| = 1, u random";
  e.parameters = {number("size", "0.5", "length of the shift, as a multiple of the defense's tau", 0)};
  e.make = [](const Arguments& a) { return misconduct({Misconduct::Kind::wrong_aggregation, a.number("size")}); };
});

}  // namespace
}  // namespace gauntlet
