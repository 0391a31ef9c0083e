// SPDX-License-Identifier: Apache-2.0
#include "kernels/attacks/misconduct.hpp"

namespace gauntlet {
namespace {

const RegisteredMisconduct equivocation([](Entry<Misconduct>& e) {
  e.name = "equivocation";
  e.summary =
      "one Byzantine peer a round signs two messages for one slot; the two signatures are the proof, and it is banned "
      "at once: signature";
  e.make = [](const Arguments&) { return misconduct({Misconduct::Kind::equivocation}); };
});

}  // namespace
}  // namespace gauntlet
