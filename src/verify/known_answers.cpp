// SPDX-License-Identifier: Apache-2.0
#include "src/verify/known_answers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "kernels/protocols/trial.cuh"
#include "src/verify/inboxes.hpp"

namespace gauntlet {

namespace {

/// Empty, or how the answer differs from the known one: number by number, since their sizes may differ widely.
std::string mismatch(const std::vector<float>& got, const std::vector<float>& want) {
  if (got.size() != want.size()) return fmt::format("{} numbers instead of {}", got.size(), want.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (std::isnan(want[i]) ? std::isnan(got[i]) : got[i] == want[i]) continue;
    if (std::abs(got[i] - want[i]) <= 1e-5F * std::max(1.0F, std::abs(want[i]))) continue;
    return fmt::format("number {} is {} instead of {}", i, got[i], want[i]);
  }
  return {};
}

/// `answer` computes what the component, as written, makes of a known input.
template <class Answer>
Findings check(const Component& component, Answer answer) {
  Findings findings;
  for (const KnownAnswer& known : component.known_answers) {
    const std::string text = component.name + (known.arguments.empty() ? "" : "(" + known.arguments + ")");
    findings.check(text, [&] { return mismatch(answer(text, known), flatten(known.output)); });
  }
  if (component.known_answers.empty()) findings.skip(component.name, "no known answer");
  return findings;
}

int count_of(const KnownAnswer& known) { return static_cast<int>(known.input.size()); }
std::int64_t dimension_of(const KnownAnswer& known) { return static_cast<std::int64_t>(known.input.front().size()); }

}  // namespace

Findings known_answers(Exec& exec, const Entry<Stage>& entry) {
  return check(entry, [&](const std::string& text, const KnownAnswer& known) {
    // A meta-aggregator needs something to refine.
    const std::string pipeline = entry.role == "meta-aggregator" ? "median | " + text : text;
    return aggregate_rows(exec, pipeline, known.f, count_of(known), dimension_of(known), flatten(known.input).data(),
                          known.trusted.empty() ? nullptr : known.trusted.data());
  });
}

Findings known_answers(Exec& exec, const Entry<Attack>& entry) {
  return check(entry, [&](const std::string& text, const KnownAnswer& known) {
    return attack_rows(exec, text, "", known.f, count_of(known), dimension_of(known), flatten(known.input).data());
  });
}

}  // namespace gauntlet
