// SPDX-License-Identifier: Apache-2.0
#include "kernels/attacks/misconduct.hpp"

namespace gauntlet {
namespace {

const RegisteredMisconduct eliminate([](Entry<Misconduct>& e) {
  e.name = "eliminate";
  e.summary =
      "one Byzantine peer a round sends an honest owner, drawn at random, a part that is not what it committed to; "
      "nobody can tell which of the two lies, and both leave: eliminate";
  e.parameters = {number("probability", "0.1", "that in a round a peer does it", 0, 1)};
  e.make = [](const Arguments& a) { return misconduct({Misconduct::Kind::eliminate, 0, a.number("probability")}); };
});

}  // namespace
}  // namespace gauntlet
