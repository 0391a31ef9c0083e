// SPDX-License-Identifier: Apache-2.0
#include "kernels/attacks/misconduct.hpp"

namespace gauntlet {
namespace {

const RegisteredMisconduct cover_up([](Entry<Misconduct>& e) {
  e.name = "cover-up";
  e.summary =
      "the sum of the statements on a part with a wrong aggregate is cancelled in one of them, so that verification-2 "
      "sees nothing; a validator who recomputes that statement has its author and the owner banned";
  e.formula = "s_k^j = -(sum over i != k of s_i^j), k the owner of part j or another Byzantine peer";
  e.parameters = {
      word("by", "owner", "whose statement: the owner's, or other: another Byzantine peer's", {"owner", "other"})};
  e.make = [](const Arguments& a) { return misconduct({Misconduct::Kind::cover_up, 0, 1, a.is("by", "other")}); };
});

}  // namespace
}  // namespace gauntlet
