// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/exec/exec.cuh"
#include "kernels/registry/parameters.hpp"

/// Protocols on vectors that are given rather than computed: what the command `protocol` and the tests use.
namespace gauntlet {

/// What every client of a protocol starts with, and with what its Byzantine ones reply.
struct GivenVectors {
  int honest = 0, f = 0;  ///< clients; n = honest + f
  std::int64_t d = 0;
  const float* vectors = nullptr;    ///< [honest][d]
  int rounds = 0;                    ///< sub-rounds
  const float* messages = nullptr;   ///< [rounds][honest][f][d]: sub-round, receiver, sender; null where f = 0
  const float* delivered = nullptr;  ///< [rounds][honest][f]: 0 for a message that does not arrive; null: all arrive
};

/// The vectors that the honest clients of protocol agreement hold after every sub-round, [rounds][honest][d], where the
/// Byzantine ones send what is given. Keeps (honest · (f + 2)) rows of d numbers and aggregates all inboxes of a
/// sub-round at once. \throws UserError for a defense that is none, or none for clients that agree.
std::vector<float> agree_on_given(Exec& exec, const std::string& defense, const GivenVectors& given);

/// The same where they follow `attack`: the protocol as a simulation runs it, in round 0. `own`: [f][d], what the
/// Byzantine clients computed, for an attack that has a use for it, or null. Messages are not looked at. \throws
/// UserError also for an attack that is none, or where `own` is missing.
std::vector<float> agree_under_attack(Exec& exec, const ComponentText& protocol, const std::string& attack,
                                      const std::string& defense, const GivenVectors& given, const float* own,
                                      std::uint64_t seed);

/// The sub-rounds that the text of protocol agreement asks for; 0: it says auto. \throws UserError for a parameter that
/// there is not or that is wrong.
int sub_rounds_of(const ComponentText& protocol);

}  // namespace gauntlet
