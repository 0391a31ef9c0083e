// SPDX-License-Identifier: Apache-2.0
#include "kernels/attacks/joined.hpp"

#include <algorithm>
#include <set>

#include "kernels/protocols/adversary.cuh"
#include "kernels/protocols/protocol.cuh"
#include "tests/support.hpp"

/// Protocol attacks, and entries that join them to an attack on the messages.
namespace gauntlet {
namespace {

using Kind = Misconduct::Kind;

constexpr int n = 7, f = 2;

Misconduct made(const std::string& text) {
  const ComponentText component = parse_component(text);
  return *Registry<Misconduct>::find(component.name, "protocol attack").create(component, n, f);
}

bool is_window(const RoundWindow& window, int start, int stop, int every) {
  return window.start == start && window.stop == stop && window.every == every;
}

std::string complaint(const std::string& text) {
  return user_error([&] { make_attack(text, n, f); });
}

TEST_CASE("every protocol attack says what it does and whence it is, and acts in the rounds that it is told",
          "[attacks]") {
  std::set<Kind> kinds;
  for (const auto& entry : Registry<Misconduct>::all()) {
    INFO(entry.name);
    CHECK_FALSE(entry.summary.empty());
    CHECK_FALSE(entry.source.empty());
    for (const std::string word : {"start", "stop", "every"})
      CHECK(std::count_if(entry.parameters.begin(), entry.parameters.end(),
                          [&](const ParameterSpec& parameter) { return parameter.name == word; }) == 1);
    CHECK(made(entry.name).window.all());
    CHECK(is_window(made(entry.name + "(start=3, stop=20, every=4)").window, 3, 20, 4));
    CHECK(kinds.insert(made(entry.name).kind).second);
    CHECK(name_of(made(entry.name).kind) == entry.name);
    CHECK(Registry<Attack>::lookup(entry.name) == nullptr);
  }
  for (int kind = 0; kind <= static_cast<int>(Kind::lazy_validator); ++kind)
    CHECK(kinds.count(static_cast<Kind>(kind)) == 1);
}

TEST_CASE("attacks and protocol attacks are told their rounds in the same words", "[attacks]") {
  std::vector<ParameterSpec> window;
  add_window(window);
  REQUIRE(window.size() == 3);
  const auto has = [](const Component& component, const ParameterSpec& wanted) {
    return std::any_of(component.parameters.begin(), component.parameters.end(), [&](const ParameterSpec& parameter) {
      return parameter.name == wanted.name && parameter.help == wanted.help &&
             parameter.default_value == wanted.default_value;
    });
  };
  for (const ParameterSpec& parameter : window) {
    for (const auto& entry : Registry<Attack>::all()) CHECK(has(entry, parameter));
    for (const auto& entry : Registry<Misconduct>::all()) CHECK(has(entry, parameter));
  }
}

TEST_CASE("a protocol attack does what its parameters say", "[attacks]") {
  CHECK(made("wrong-aggregation").size == 0.5);
  CHECK(made("wrong-aggregation(size=0)").size == 0);
  CHECK(made("false-statement").size == 1);
  CHECK(made("false-statement(size=-2)").size == -2);
  CHECK(made("false-accusation").probability == 1);
  CHECK(made("false-accusation(probability=0.5)").probability == 0.5);
  CHECK(made("eliminate").probability == 0.1);
  CHECK_FALSE(made("cover-up").by_other);
  CHECK(made("cover-up(by=other)").by_other);
  CHECK(made("lazy-validator").lazy);
  CHECK_FALSE(made("lazy-validator(lazy=false)").lazy);
  for (const auto& [text, message] : std::vector<std::pair<std::string, std::string>>{
           {"wrong-aggregation(size=-1)", "wrong-aggregation: size = -1 must be at least 0"},
           {"eliminate(probability=2)", "eliminate: probability = 2 is out of range 0..1"},
           {"false-accusation(probability=-1)", "false-accusation: probability = -1 is out of range 0..1"},
           {"cover-up(by=owners)", "cover-up: by = owners is not one of 'owner', 'other'; did you mean 'owner'?"},
           {"equivocation(strat=3)", "equivocation: unknown parameter 'strat'; did you mean 'start'?"}}) {
    INFO(text);
    CHECK(user_error([&text = text] { made(text); }) == message);
  }
}

TEST_CASE("an attack has the misconduct that is joined to it, in the order written", "[attacks]") {
  const auto attack = make_attack(
      "sign-flip(scale=1e+3, stop=50, equivocation=mirror) + wrong-aggregation(size=n-f+1, start=5)+cover-up(every=3)",
      n, f);
  CHECK(attack->uses_own_messages());
  CHECK(attack->conduct.equivocation == Conduct::Equivocation::mirror);
  CHECK(is_window(attack->window, 0, 50, 1));
  REQUIRE(attack->misconduct.size() == 2);
  CHECK(attack->misconduct[0].kind == Kind::wrong_aggregation);
  CHECK(attack->misconduct[0].size == 6);
  CHECK(is_window(attack->misconduct[0].window, 5, 0, 1));
  CHECK(attack->misconduct[1].kind == Kind::cover_up);
  CHECK(is_window(attack->misconduct[1].window, 0, 0, 3));

  const auto turned = make_attack("cover-up + ipm + equivocation", n, f);
  CHECK_FALSE(turned->uses_own_messages());
  REQUIRE(turned->misconduct.size() == 2);
  CHECK(turned->misconduct[0].kind == Kind::cover_up);
  CHECK(turned->misconduct[1].kind == Kind::equivocation);
  CHECK(make_attack("ipm", n, f)->misconduct.empty());
}

TEST_CASE("where no attack on the messages is joined, the Byzantine peers send their own", "[attacks]") {
  const auto attack = make_attack("eliminate(probability=1)", n, f);
  CHECK(attack->is_honest());
  REQUIRE(attack->misconduct.size() == 1);
  CHECK(attack->misconduct[0].probability == 1);
}

TEST_CASE("an entry puts its attack on the messages first and leaves the rest as written", "[attacks]") {
  const auto ordered = [](const std::string& text) { return to_string(in_order(parse_joined(text)), " + "); };
  CHECK(ordered("lazy-validator(lazy=false)+cover-up + alie(z=1.5)") ==
        "alie(z=1.5) + lazy-validator(lazy=false) + cover-up");
  CHECK(ordered("foe + eliminate") == "foe + eliminate");
  CHECK(ordered("eliminate + commit-abort") == "eliminate + commit-abort");
}

TEST_CASE("what cannot be joined is refused with what was meant", "[attacks]") {
  CHECK(complaint("sing-flip") == "unknown attack 'sing-flip'; did you mean 'sign-flip'?");
  CHECK(complaint("sign-flip + cover_up") == "unknown attack 'cover_up'; did you mean 'cover-up'?");
  CHECK(complaint("wrong-agregation") == "unknown attack 'wrong-agregation'; did you mean 'wrong-aggregation'?");
  CHECK(complaint("ipm + cover-up + alie") ==
        "attack 'ipm + cover-up + alie': takes one attack on the messages, but both 'ipm' and 'alie' are; join "
        "protocol attacks (commit-abort, cover-up, eliminate, equivocation, false-accusation, false-statement, "
        "lazy-validator, wrong-aggregation) to it");
  CHECK(contains(complaint("ipm + foe"), "but both 'ipm' and 'foe' are"));
  CHECK(complaint("cover-up + ipm + cover-up(by=other)") ==
        "attack 'cover-up + ipm + cover-up(by=other)': joins 'cover-up' twice");
  CHECK(complaint("ipm + eliminate(probability=7)") == "eliminate: probability = 7 is out of range 0..1");
  CHECK(complaint("fang-krum + cover-up").empty());
  CHECK(user_error([] { make_attack("cover-up + fang-krum", 5, 2); }) == "fang-krum needs n > 2f + 2 (n = 5, f = 2)");
  CHECK(user_error([] { make_attack("ipm + wrong-aggregation(size=0-f)", 5, 2, " here"); }) ==
        "wrong-aggregation: size = 0-f = -2 (n = 5, f = 2) must be at least 0 (n = 5, f = 2 here)");
  CHECK(complaint("ipm | cover-up") == "'ipm | cover-up': expected '+' or the end, found '|' at position 5");
}

TEST_CASE("nobody checks peers under a protocol that leaves the reason to the default", "[attacks]") {
  const auto pipeline = std::make_shared<const Pipeline>(parse_pipeline("mean"), n, f);
  const std::string reason = "'cover-up' is an attack on peers that check each other: protocol btard";
  const auto protocol = Registry<Protocol>::find("server", "protocol").create({"server", {}}, n, f);
  CHECK(protocol->unmet({make_attack("ipm + cover-up + eliminate", n, f), pipeline}, n, f) == reason);
  CHECK(protocol->unmet({make_attack("ipm(silence=0.5) + cover-up", n, f), pipeline}, n, f) == reason);
  CHECK(protocol->unmet({make_attack("ipm", n, f), pipeline}, n, f).empty());
  CHECK(unmet_misconduct(*make_attack("ipm(equivocation=mirror)", n, f)).empty());
  CHECK(unmet_conduct(*make_attack("ipm + equivocation", n, f)).empty());
}

}  // namespace
}  // namespace gauntlet
