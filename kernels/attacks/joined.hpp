// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kernels/attacks/misconduct.hpp"
#include "kernels/registry/registry.hpp"

/// An entry of the axis of attacks: components joined with ` + `. At most one is an attack on the messages, all others
/// are protocol attacks.
namespace gauntlet {

class Attack;

/// What the attack or protocol attack of that name or alias declares.
/// \throws UserError `unknown attack 'sing-flip'; did you mean 'sign-flip'?`
const Component& find_attack(const std::string& name);

/// The name of the protocol attack that is this misconduct.
const std::string& name_of(Misconduct::Kind kind);

/// The components of an entry, the attack on the messages first. \throws UserError for an unknown name, two attacks on
/// the messages and a protocol attack that is there twice.
std::vector<ComponentText> in_order(std::vector<ComponentText> joined);

/// Makes the attack on the messages, `none` where there is none, with the misconduct of the protocol attacks in the
/// order written. \throws UserError as in_order, and for a parameter's value.
std::unique_ptr<Attack> create_attack(const std::vector<ComponentText>& joined, int n, int f);

}  // namespace gauntlet
