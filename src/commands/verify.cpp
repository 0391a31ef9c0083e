// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <cmath>
#include <memory>

#include "kernels/attacks/attack.cuh"
#include "kernels/defenses/defense.cuh"
#include "kernels/protocols/trial.cuh"
#include "src/commands/commands.hpp"

namespace gauntlet {
namespace {

std::vector<float> flatten(const std::vector<std::vector<float>>& rows) {
  std::vector<float> all;
  for (const auto& row : rows) all.insert(all.end(), row.begin(), row.end());
  return all;
}

/// Empty, or how the answer differs from the known one.
std::string difference(const std::vector<float>& got, const std::vector<float>& want) {
  if (got.size() != want.size()) return fmt::format("{} numbers instead of {}", got.size(), want.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (std::isnan(want[i]) ? std::isnan(got[i]) : got[i] == want[i]) continue;
    if (std::abs(got[i] - want[i]) <= 1e-5F * std::max(1.0F, std::abs(want[i]))) continue;
    return fmt::format("number {} is {} instead of {}", i, got[i], want[i]);
  }
  return {};
}

/// Checks one component; `answer` computes what it makes of a known input. Returns how many answers were wrong.
template <class Answer>
int check(const Component& component, const char* kind, Answer answer) {
  int wrong = 0;
  for (const KnownAnswer& known : component.known_answers) {
    const std::string text = component.name + (known.arguments.empty() ? "" : "(" + known.arguments + ")");
    std::string problem;
    try {
      problem = difference(answer(text, known), flatten(known.output));
    } catch (const std::exception& error) {
      problem = error.what();
    }
    fmt::print("  {:<8} {:<44} {}\n", kind, text, problem.empty() ? "ok" : "WRONG: " + problem);
    wrong += !problem.empty();
  }
  if (component.known_answers.empty()) fmt::print("  {:<8} {:<44} no known answer\n", kind, component.name);
  return wrong;
}

int verify_on(const DeviceChoice& device) {
  fmt::print("{}\n", device_name(device));
  Exec exec(device.backend, device.device);
  int wrong = 0;
  for (const auto& entry : Registry<Stage>::all())
    wrong += check(entry, "defense", [&](const std::string& text, const KnownAnswer& known) {
      const std::vector<float> rows = flatten(known.input);
      const int n = static_cast<int>(known.input.size());
      // A meta-aggregator needs something to refine.
      const std::string pipeline = entry.role == "meta-aggregator" ? "median | " + text : text;
      return aggregate_rows(exec, pipeline, known.f, n, static_cast<std::int64_t>(known.input.front().size()),
                            rows.data(), known.trusted.empty() ? nullptr : known.trusted.data());
    });
  for (const auto& entry : Registry<Attack>::all())
    wrong += check(entry, "attack", [&](const std::string& text, const KnownAnswer& known) {
      const std::vector<float> rows = flatten(known.input);
      const int n = static_cast<int>(known.input.size());
      return attack_rows(exec, text, "", known.f, n, static_cast<std::int64_t>(known.input.front().size()),
                         rows.data());
    });
  return wrong;
}

int verify(const std::string& device) {
  std::vector<DeviceChoice> devices;
  if (device == "all") {
    devices.push_back({});
    for (int i = 0; i < cuda_device_count(); ++i) devices.push_back({Backend::cuda, i});
  } else {
    devices.push_back(choose_device(device));
  }
  int wrong = 0;
  for (const DeviceChoice& choice : devices) wrong += verify_on(choice);
  fmt::print("{}\n", wrong == 0 ? "all known answers are met" : fmt::format("{} known answers are NOT met", wrong));
  return wrong == 0 ? exit_code::done : exit_code::internal_error;
}

Action declare(CLI::App& app) {
  auto device = std::make_shared<std::string>("all");
  app.add_option("--device", *device, "all, auto, cpu, cuda or cuda:N")->capture_default_str();
  app.footer(
      "Every attack and defense carries a few numbers that a reader can check by hand (gauntlet list --json shows\n"
      "them); verify computes them on this machine's back ends. Exit code 1 if one is wrong.");
  return [device] { return verify(*device); };
}

const RegisteredCommand registered({"verify", "check every attack and defense against its known answer", declare});

}  // namespace
}  // namespace gauntlet
