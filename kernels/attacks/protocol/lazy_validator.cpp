// SPDX-License-Identifier: Apache-2.0
#include "kernels/attacks/misconduct.hpp"

namespace gauntlet {
namespace {

const RegisteredMisconduct lazy_validator([](Entry<Misconduct>& e) {
  e.name = "lazy-validator";
  e.summary =
      "Byzantine validators report nothing; that is so under every attack unless lazy-validator(lazy=false) is joined";
  e.parameters = {flag("lazy", true, "false: they report what they find, as honest validators do")};
  e.make = [](const Arguments& a) {
    return misconduct({Misconduct::Kind::lazy_validator, 0, 1, false, a.flag("lazy")});
  };
});

}  // namespace
}  // namespace gauntlet
