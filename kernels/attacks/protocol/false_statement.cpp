// SPDX-License-Identifier: Apache-2.0
#include "kernels/attacks/misconduct.hpp"

namespace gauntlet {
namespace {

const RegisteredMisconduct false_statement([](Entry<Misconduct>& e) {
  e.name = "false-statement";
  e.summary =
      "Byzantine peers state wrong projections of the parts that they sent to honest owners; an owner has what was "
      "sent, computes them again and accuses: verification-1";
  e.formula = "s_i^j + size tau, part j owned by an honest peer";
  e.parameters = {number("size", "1", "what is added, as a multiple of the defense's tau")};
  e.make = [](const Arguments& a) { return misconduct({Misconduct::Kind::false_statement, a.number("size")}); };
});

}  // namespace
}  // namespace gauntlet
