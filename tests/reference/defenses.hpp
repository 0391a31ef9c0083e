// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "tests/inboxes.hpp"
#include "tests/reference/definition.hpp"

namespace gauntlet {
namespace reference {

/// The naive definition of every stage that has one, by name: for the first round of seed 0.
const Definitions& definitions();

/// What the pipeline gives of these messages by the definitions of its stages. `trusted_message(rows, f)` is the
/// server's own message, where a rule takes one.
Matrix expected(const std::string& pipeline, const FloatMatrix& rows, int f);

}  // namespace reference

/// Checks on every back end that the pipeline gives what its definition gives.
void check_against_reference(const std::string& pipeline, const FloatMatrix& rows, int f, double tolerance = 1e-5);

}  // namespace gauntlet
