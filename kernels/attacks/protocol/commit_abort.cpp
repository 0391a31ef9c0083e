// SPDX-License-Identifier: Apache-2.0
#include "kernels/attacks/misconduct.hpp"

namespace gauntlet {
namespace {

const RegisteredMisconduct commit_abort([](Entry<Misconduct>& e) {
  e.name = "commit-abort";
  e.summary =
      "one Byzantine peer a round commits to its share of the common random numbers and does not reveal it; it is "
      "banned, and they are drawn again: mprng";
  e.make = [](const Arguments&) { return misconduct({Misconduct::Kind::commit_abort}); };
});

}  // namespace
}  // namespace gauntlet
