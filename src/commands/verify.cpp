// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>
#include <CLI/CLI.hpp>

#include <memory>

#include "kernels/attacks/joined.hpp"
#include "kernels/protocols/protocol.cuh"
#include "src/commands/commands.hpp"
#include "src/verify/checks.hpp"
#include "src/verify/known_answers.hpp"

namespace gauntlet {
namespace {

int count_wrong(const Findings& findings) {
  int wrong = 0;
  for (const Finding& finding : findings.all()) wrong += !finding.wrong.empty();
  return wrong;
}

/// Prints the known answers of one component; returns how many were wrong.
int report(const char* kind, const Findings& findings) {
  for (const Finding& finding : findings.all())
    fmt::print("  {:<8} {:<44} {}\n", kind, finding.check,
               !finding.wrong.empty()     ? "WRONG: " + finding.wrong
               : !finding.skipped.empty() ? finding.skipped
                                          : "ok");
  return count_wrong(findings);
}

int verify_all(const std::vector<DeviceChoice>& devices) {
  int wrong = 0;
  for (const DeviceChoice& device : devices) {
    fmt::print("{}\n", device_name(device));
    Exec exec(device.backend, device.device);
    for (const auto& entry : Registry<Stage>::all()) wrong += report("defense", known_answers(exec, entry));
    for (const auto& entry : Registry<Attack>::all()) wrong += report("attack", known_answers(exec, entry));
  }
  fmt::print("{}\n", wrong == 0 ? "all known answers are met" : fmt::format("{} known answers are NOT met", wrong));
  return wrong == 0 ? exit_code::done : exit_code::internal_error;
}

/// The back end that a result of `device` can be compared with, or null.
std::unique_ptr<Exec> other_than(const DeviceChoice& device) {
  if (device.backend == Backend::cuda) return std::make_unique<Exec>(Backend::cpu);
  return cuda_device_count() > 0 ? std::make_unique<Exec>(Backend::cuda) : nullptr;
}

int report(const Findings& findings) {
  for (const Finding& finding : findings.all())
    fmt::print("  {:<44} {}\n", finding.check,
               !finding.wrong.empty()     ? "WRONG: " + finding.wrong
               : !finding.skipped.empty() ? "skipped: " + finding.skipped
                                          : "ok");
  return count_wrong(findings);
}

/// `check` looks at the component as written.
template <class Component, class Check>
int verify_one(const std::vector<DeviceChoice>& devices, const Component& entry, const ComponentText& text,
               Check check) {
  int wrong = 0;
  for (const DeviceChoice& device : devices) {
    fmt::print("{} on {}\n", to_string(text), device_name(device));
    Exec exec(device.backend, device.device);
    wrong += report(known_answers(exec, entry));
    wrong += report(check(exec, other_than(device).get(), entry, text));
  }
  fmt::print("{}\n", wrong == 0 ? "nothing is wrong" : fmt::format("{} checks are NOT passed", wrong));
  return wrong == 0 ? exit_code::done : exit_code::internal_error;
}

int verify_rule(const std::vector<DeviceChoice>& devices, const std::string& written) {
  const ComponentText text = parse_component(written);
  if (const auto* stage = Registry<Stage>::lookup(text.name)) return verify_one(devices, *stage, text, check_defense);
  if (const auto* attack = Registry<Attack>::lookup(text.name)) return verify_one(devices, *attack, text, check_attack);
  if (Registry<Misconduct>::lookup(text.name)) throw UserError(unmet_misconduct(*create_attack({text}, 2, 1)));
  std::vector<std::string> names = Registry<Stage>::names();
  for (const std::string& name : Registry<Attack>::names()) names.push_back(name);
  throw UserError("unknown defense or attack '" + text.name + "'" + suggestion(text.name, names));
}

struct Options {
  std::string device = "all", rule;
};

std::vector<DeviceChoice> devices_of(const std::string& text) {
  if (text != "all") return {choose_device(text)};
  std::vector<DeviceChoice> devices = {{}};
  for (int i = 0; i < cuda_device_count(); ++i) devices.push_back({Backend::cuda, i});
  return devices;
}

Action declare(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("--device", options->device, "all, auto, cpu, cuda or cuda:N")->capture_default_str();
  app.add_option("--rule", options->rule, "one defense or attack, as in 'krum(power=1)', and all that must hold of it");
  app.footer(
      "Every attack and defense carries a few numbers that a reader can check by hand (gauntlet list --json shows\n"
      "them); verify computes them on this machine's back ends. With --rule it also checks on random messages what\n"
      "holds of every component (same bytes alone, in a batch and twice, back ends that agree, rehearsals that leave\n"
      "no trace) and what the component's traits claim. Exit code 1 if anything is wrong.");
  return [options] {
    const std::vector<DeviceChoice> devices = devices_of(options->device);
    return options->rule.empty() ? verify_all(devices) : verify_rule(devices, options->rule);
  };
}

const RegisteredCommand registered({"verify", "check every attack and defense against its known answer", declare});

}  // namespace
}  // namespace gauntlet
