// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "kernels/exec/exec.cuh"
#include "kernels/registry/observer.hpp"
#include "kernels/registry/parameters.hpp"

/// Protocol btard on a step that is given rather than computed: what the command `protocol` and the tests use.
namespace gauntlet {

/// One step of g peers, all of whom compute a gradient and own a part. Null: nothing of it.
struct GivenStep {
  int g = 0, f = 0;  ///< peers, of which the last f are Byzantine
  std::int64_t d = 0;
  const float* sent = nullptr;       ///< [g][d] the gradients
  const float* truth = nullptr;      ///< [g][d] what their seeds give; null: those
  const float* direction = nullptr;  ///< [d] z
  const float* shift = nullptr;      ///< [d] added to what is published
  const float* s_lie = nullptr;      ///< [g][g] added to the statement of row's peer on column's part
  const float* r_lie = nullptr;
  std::vector<int> validators, targets;  ///< who checks whom in this step
  std::vector<int> accuse;               ///< who accuses its target whatever it finds
};

struct StepOutcome {
  std::vector<float> aggregate;       ///< [d] what all peers step with
  std::vector<float> s, r;            ///< [g][g] the true statements
  std::vector<ProtocolEvent> events;  ///< of round 0
};

/// \throws UserError for components that there are not or that do not go together.
StepOutcome btard_on_given(Exec& exec, const ComponentText& protocol, const std::string& defense,
                           const GivenStep& step);

}  // namespace gauntlet
