// SPDX-License-Identifier: Apache-2.0
#include "src/verify/checks.hpp"

#include <algorithm>
#include <sstream>

#include "tests/backends.hpp"
#include "tests/command.hpp"
#include "tests/support.hpp"

/// `verify --rule` passes what is right, and finds whatever is wrong.
namespace gauntlet {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

std::string wrong_of(const Findings& findings, const std::string& check) {
  for (const Finding& finding : findings.all())
    if (finding.check == check) return finding.wrong;
  return "no such check";
}

TEST_CASE("every defense and attack has what verify asks of it") {
  const auto backends = test_backends();
  for (const auto& exec : backends) {
    Exec* other = exec == backends.front() ? nullptr : backends.front().get();
    for (const auto& entry : Registry<Stage>::all()) {
      const Findings findings = check_defense(*exec, other, entry, parse_component(entry.name));
      for (const Finding& finding : findings.all()) {
        INFO(entry.name << ", " << finding.check << " on " << backend_name(*exec));
        CHECK(finding.wrong == "");
      }
    }
    for (const auto& entry : Registry<Attack>::all()) {
      const Findings findings = check_attack(*exec, other, entry, parse_component(entry.name));
      for (const Finding& finding : findings.all()) {
        INFO(entry.name << ", " << finding.check << " on " << backend_name(*exec));
        CHECK(finding.wrong == "");
      }
    }
  }
}

TEST_CASE("a component that claims what it does not keep is found out") {
  struct Claim {
    const char* rule;
    bool Traits::*trait;
    const char* check;
  };
  for (const Claim& claim :
       std::vector<Claim>{{"monna", &Traits::permutation_invariant, "any order of the workers"},
                          {"cge", &Traits::translation_equivariant, "moves with the messages"},
                          {"signsgd-mv", &Traits::scale_equivariant, "grows with the messages"},
                          {"signsgd-mv", &Traits::unanimous, "equal messages come back"},
                          {"signsgd-mv", &Traits::within_box, "stays within the messages' box"},
                          {"mean", &Traits::robust, "NaN, infinity and 1e30 do not carry it away"}}) {
    INFO(claim.rule << ": " << claim.check);
    for (const auto& exec : test_backends()) {
      Entry<Stage> entry = Registry<Stage>::find(claim.rule, "defense");
      REQUIRE_FALSE(entry.traits.*claim.trait);
      CHECK(wrong_of(check_defense(*exec, nullptr, entry, parse_component(claim.rule)), claim.check).empty());
      entry.traits.*claim.trait = true;
      CHECK_FALSE(wrong_of(check_defense(*exec, nullptr, entry, parse_component(claim.rule)), claim.check).empty());
    }
  }
  for (const auto& exec : test_backends()) {
    Entry<Attack> entry = Registry<Attack>::find("nan", "attack");
    entry.traits.sends_finite = true;
    CHECK(wrong_of(check_attack(*exec, nullptr, entry, parse_component("nan")), "finite messages") ==
          "a number is not finite");
  }
}

TEST_CASE("a rule that is wrong in every way passes no check") {
  CommandOptions options;
  options.binary = fs::path(example_binary()).parent_path() / "gauntlet_careless";
  if (!fs::exists(options.binary)) SKIP_TEST("the program with the careless rule was not carried here");
  const CommandResult result = run_command({"verify", "--rule", "careless", "--device", "cpu"}, options);
  CHECK(result.exit_code == 1);
  int wrong = 0;
  for (const std::string& line : lines_of(result.out)) {
    if (line.rfind("  ", 0) != 0) continue;
    INFO(line);
    CHECK((contains(line, " WRONG: ") || contains(line, "skipped: there is no GPU here")));
    wrong += contains(line, " WRONG: ");
  }
  CHECK(wrong >= 10);
}

TEST_CASE("verify takes one component as it is written, and says what it does not know") {
  const CommandResult krum = run_command({"verify", "--rule", "krum(power=1)", "--device", "cpu"});
  CHECK(krum.exit_code == 0);
  CHECK(lines_of(krum.out)[0].rfind("krum(power=1) on ", 0) == 0);
  CHECK(contains(krum.out, "a rehearsal leaves no trace"));
  CHECK(contains(krum.out, "nothing is wrong\n"));
  const CommandResult alie = run_command({"verify", "--rule", "alie(start=2)", "--device", "cpu"});
  CHECK(alie.exit_code == 0);
  CHECK(contains(alie.out, "skipped: start is given"));
  const CommandResult unknown = run_command({"verify", "--rule", "krmu"});
  CHECK(unknown.exit_code == 2);
  CHECK(contains(unknown.err, "unknown defense or attack 'krmu'; did you mean 'krum'?"));
  const CommandResult misconduct = run_command({"verify", "--rule", "cover-up"});
  CHECK(misconduct.exit_code == 2);
  CHECK(contains(misconduct.err, "'cover-up' is an attack on peers that check each other: protocol btard"));
  const CommandResult bad = run_command({"verify", "--rule", "trimmed-mean(trim=9)"});
  CHECK(bad.exit_code == 2);
  CHECK(contains(bad.err, "trim = 9 is out of range"));
}

}  // namespace
}  // namespace gauntlet
