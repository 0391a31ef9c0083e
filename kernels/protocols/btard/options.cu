// SPDX-License-Identifier: Apache-2.0
#include "kernels/protocols/btard/options.cuh"

#include <algorithm>

#include "kernels/registry/registry.hpp"
#include "kernels/registry/text.hpp"

namespace gauntlet {
namespace {

/// As a spec names the check that is left out.
std::string name_to_leave_out(int check) {
  return static_cast<Check>(check) == Check::accuse ? "validators" : check_name(static_cast<Check>(check));
}

/// The checks of `none`, `mprng` or `[verification-1, validators]`, a bit for each.
unsigned checks_of(const std::string& text) {
  std::vector<std::string> known = {"none"};
  for (int k = 0; k < check_count; ++k) known.push_back(name_to_leave_out(k));
  unsigned bits = 0;
  for (const auto& pipeline : parse_pipelines(text.front() == '[' ? text : "[" + text + "]")) {
    const std::string name = to_string(pipeline);
    const auto found = std::find(known.begin(), known.end(), name);
    if (found == known.end()) {
      std::string all;
      for (const std::string& each : known) all += (all.empty() ? "" : ", ") + each;
      throw UserError("btard: without='" + shown(name) + "' is no check" + suggestion(name, known) + "; accepted are " +
                      all);
    }
    if (found != known.begin()) bits |= 1u << (found - known.begin() - 1);
  }
  return bits;
}

double positive(const Arguments& a, const char* name) {
  const double value = a.number(name);
  if (!(value > 0)) throw UserError(std::string("btard: ") + name + " must be greater than 0");
  return value;
}

}  // namespace

std::vector<ParameterSpec> BtardOptions::parameters() {
  return {
      count("validators", "1", "m: peers that check a peer of the step before, in place of computing a gradient"),
      number("tolerance", "1e-4", "of statements, as a share of the clipped length that they speak of", 0),
      number("delta_max", "auto",
             "part j is checked when more than half report a greater distance from it; auto: (1 + sqrt 3) sqrt 2 times "
             "the median of all distances of the step before, and of each peer's own part's norm, and at least tau",
             0, no_limit, {"auto", "inf"}),
      text("without", "none",
           "checks that are left out: signature, eliminate, mprng, verification-1, verification-2, verification-3, "
           "validators; several in brackets"),
      number("clip", "inf", "every peer clips its gradient to this norm first (BTARD-Clipped-SGD)", 0, no_limit,
             {"inf"}),
      flag("recompute", false,
           "validators really compute the gradients that they check; otherwise the message is compared with the one "
           "that was computed honestly"),
  };
}

BtardOptions::BtardOptions(const Arguments& a) {
  validators = a.count("validators");
  tolerance = positive(a, "tolerance");
  delta_max = a.is("delta_max", "auto") ? -1 : a.is("delta_max", "inf") ? INFINITY : positive(a, "delta_max");
  clip = a.is("clip", "inf") ? INFINITY : positive(a, "clip");
  recompute = a.flag("recompute");
  without = checks_of(a.word("without"));
}

double tau_of(const Pipeline& defense, int n, int f, std::string* reason) {
  const auto fails = [&](const std::string& why) {
    if (reason != nullptr) *reason = why;
    return 0.0;
  };
  const std::vector<ComponentText>& stages = defense.texts();
  const auto& rule = Registry<Stage>::find("centered-clipping", "defense");
  if (stages.size() != 1 || Registry<Stage>::find(stages.front().name, "defense").name != rule.name)
    return fails(
        "the owners of btard's parts aggregate by centered-clipping(tau=...), and nothing else can be checked");
  for (const auto& argument : stages.front().arguments)
    if (argument.first != "tau")
      return fails("btard takes centered-clipping(tau=...) to its fixed point: '" + argument.first +
                   "' says nothing there");
  const double tau = Arguments(rule.name, rule.parameters, stages.front(), n, f).number("tau");
  if (!(tau > 0)) return fails("btard needs centered-clipping with tau > 0");
  return tau;
}

}  // namespace gauntlet
