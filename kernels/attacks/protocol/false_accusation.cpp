// SPDX-License-Identifier: Apache-2.0
#include "kernels/attacks/misconduct.hpp"

namespace gauntlet {
namespace {

const RegisteredMisconduct false_accusation([](Entry<Misconduct>& e) {
  e.name = "false-accusation";
  e.summary =
      "a Byzantine validator accuses an honest target; everybody can compute the target's gradient again from its "
      "seed, and the accuser is banned: accuse, with the verdict innocent";
  e.parameters = {number("probability", "1", "that a Byzantine validator does it to an honest target", 0, 1)};
  e.make = [](const Arguments& a) {
    return misconduct({Misconduct::Kind::false_accusation, 0, a.number("probability")});
  };
});

}  // namespace
}  // namespace gauntlet
