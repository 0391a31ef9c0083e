// SPDX-License-Identifier: Apache-2.0

#include "kernels/registry/parameters.hpp"

#include <stdexcept>

#include "tests/support.hpp"

namespace gauntlet {
namespace {

const std::vector<ParameterSpec>& specs() {
  static const std::vector<ParameterSpec> all = {
      count("neighbors", "n-f-2", "nearest others", 1),
      number("z", "auto", "deviation", -10, 10, {"auto"}),
      number("power", "2", "exponent", 1, 4),
      count("trim", "0", "dropped", 0, 6),
      flag("stateless", false, "forget"),
      word("even", "mid", "of two middle values", {"mid", "lower", "upper"}),
      list("hidden", "[100]", "layers", 1, 5000),
      pipelines("rules", "[krum]", "inner defenses"),
  };
  return all;
}

Arguments arguments(const std::string& text, int n = 13, int f = 3) {
  return Arguments("rule", specs(), parse_component(text), n, f);
}

std::string complaint(const std::string& text, int n = 13, int f = 3) {
  return user_error([&] { arguments(text, n, f); });
}

std::string round_trip(const std::string& text) { return to_string(parse_pipeline(text)); }

TEST_CASE("a component is spelt in one canonical way") {
  CHECK(round_trip("krum") == "krum");
  CHECK(round_trip(" krum ( ) ") == "krum");
  CHECK(round_trip("alie( z = 1.5 )") == "alie(z=1.5)");
  CHECK(round_trip("mlp(hidden=[ 100,50 ],bias = true)") == "mlp(hidden=[100, 50], bias=true)");
  CHECK(round_trip("krum(neighbors=(n - f) / 2)") == "krum(neighbors=(n-f)/2)");
  CHECK(round_trip("arc|nnm |\ttrimmed-mean(trim=2)") == "arc | nnm | trimmed-mean(trim=2)");
  CHECK(round_trip("a(b=1 0)") == "a(b=1 0)");
  CHECK(round_trip("a(b=[ c ,d( e = [1,2] )|f ], g=1) | h") == "a(b=[c, d(e=[1, 2]) | f], g=1) | h");
}

TEST_CASE("bad component text is reported with its position") {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "expected a name, found the end at position 1"},
      {"krum(", "expected a parameter name, found the end at position 6"},
      {"krum(a", "expected '=' after 'a', found the end at position 7"},
      {"krum(a=", "expected a value, found the end at position 8"},
      {"krum(a=1", "expected ',' or ')', found the end at position 9"},
      {"krum(a=1))", "expected '|' or the end, found ')' at position 10"},
      {"krum(a=[1)", "unmatched ')' at position 10"},
      {"krum(a=[1", "expected ']', found the end at position 10"},
      {"krum(a=1,)", "expected a parameter name, found ')' at position 10"},
      {"krum(a=1, a=2)", "parameter 'a' is given twice"},
      {"nnm | ", "expected a name, found the end at position 7"},
      {"nnm || krum", "expected a name, found '|' at position 6"},
      {"krum median", "expected '|' or the end, found 'm' at position 6"},
      {"a(b=c=d)", "unexpected '=' in a value at position 6"},
      {"a(b=c|d)", "unexpected '|' in a value at position 6"},
      {"a(b=[c|d], e=f|g)", "unexpected '|' in a value at position 15"},
  };
  for (const auto& [text, message] : cases) {
    INFO(text);
    const std::string error = user_error([&text = text] { parse_pipeline(text); });
    INFO(error);
    CHECK(contains(error, message));
  }
  CHECK(contains(user_error([] { parse_component("nnm | krum"); }), "expected the end, found '|' at position 5"));
  CHECK(user_error([] { parse_component("a(b=\n\n\x01)"); }).find('\n') == std::string::npos);
}

TEST_CASE("components are joined with a plus, which in a value is part of the value") {
  const auto joined = [](const std::string& text) { return to_string(parse_joined(text), " + "); };
  CHECK(joined("sign-flip") == "sign-flip");
  CHECK(joined("a+b(x=1e+3)+\tc ( y = n-f + 1, z=(1+2) )") == "a + b(x=1e+3) + c(y=n-f+1, z=(1+2))");
  CHECK(parse_joined("a(x=1e+3)").size() == 1);
  CHECK(parse_component("a(x=n-f+1)").arguments.front().second == "n-f+1");
  for (const auto& [text, message] : std::vector<std::pair<std::string, std::string>>{
           {"", "expected a name, found the end at position 1"},
           {"a +", "expected a name, found the end at position 4"},
           {"+ a", "expected a name, found '+' at position 1"},
           {"a + + b", "expected a name, found '+' at position 5"},
           {"a | b", "expected '+' or the end, found '|' at position 3"},
           {"a(x=1) b", "expected '+' or the end, found 'b' at position 8"},
           {"a(x+1)", "expected '=' after 'x', found '+' at position 4"}}) {
    INFO(text);
    CHECK(contains(user_error([&text = text] { parse_joined(text); }), message));
  }
  CHECK(contains(user_error([] { parse_component("a + b"); }), "expected the end, found '+' at position 3"));
  CHECK(contains(user_error([] { parse_pipeline("a + b"); }), "expected '|' or the end, found '+' at position 3"));
  CHECK(contains(user_error([] { parse_pipelines("[a + b]"); }), "expected '|', ',' or ']', found '+' at position 4"));
}

TEST_CASE("pipelines in brackets are read one by one") {
  const auto read = parse_pipelines("[ krum(neighbors=3, power=1), nnm | median|ctma ]");
  REQUIRE(read.size() == 2);
  CHECK(to_string(read[0]) == "krum(neighbors=3, power=1)");
  CHECK(to_string(read[1]) == "nnm | median | ctma");
  for (const auto& [text, message] : std::vector<std::pair<std::string, std::string>>{
           {"krum", "expected '[', found 'k' at position 1"},
           {"[]", "expected a name, found ']' at position 2"},
           {"[krum,]", "expected a name, found ']' at position 7"},
           {"[krum", "expected '|', ',' or ']', found the end at position 6"},
           {"[krum] | nnm", "expected the end, found '|' at position 8"}}) {
    INFO(text);
    CHECK(contains(user_error([&text = text] { parse_pipelines(text); }), message));
  }
}

TEST_CASE("deep nesting is an error or a value, never a crash") {
  const std::string deep = "a(b=" + std::string(100000, '(') + "1" + std::string(100000, ')') + ")";
  const ComponentText text = parse_component(deep);
  CHECK_THROWS_AS(evaluate_expression(text.arguments[0].second, 5, 1), UserError);
  CHECK_THROWS_AS(evaluate_expression(std::string(100000, '-') + "1", 5, 1), UserError);
  CHECK_THROWS_AS(parse_component("a(b=" + std::string(100000, '[')), UserError);
}

TEST_CASE("expressions follow the usual precedence") {
  CHECK(evaluate_expression("n-f-1", 13, 3) == 9);
  CHECK(evaluate_expression("n - 2*f", 13, 3) == 7);
  CHECK(evaluate_expression("(n-f)/2", 13, 3) == 5);
  CHECK(evaluate_expression("-n+-(-f)", 13, 3) == -10);
  CHECK(evaluate_expression("8/2/2", 0, 0) == 2);
  CHECK(evaluate_expression("1e-4", 0, 0) == 1e-4);
  for (const char* bad : {"", "n-", "2f", "x", "(n", "n)", "1/0", "nan", "inf", "1e999", "0/0", "n n", "0x10"}) {
    INFO(bad);
    CHECK_THROWS_AS(evaluate_expression(bad, 13, 3), UserError);
  }
}

TEST_CASE("arguments hold the given values and the defaults") {
  const Arguments defaults = arguments("rule");
  CHECK(defaults.count("neighbors") == 8);
  CHECK(defaults.is("z", "auto"));
  CHECK_FALSE(defaults.given("z"));
  CHECK(defaults.word("even") == "mid");
  CHECK_FALSE(defaults.flag("stateless"));
  CHECK(defaults.list("hidden") == std::vector<int>{100});

  const Arguments given =
      arguments("rule(neighbors=n-f-1, z=-1.5, stateless=true, even=upper, hidden=[3, 4], power=1e0)");
  CHECK(given.count("neighbors") == 9);
  CHECK(given.number("z") == -1.5);
  CHECK(given.given("z"));
  CHECK(given.flag("stateless"));
  CHECK(given.word("even") == "upper");
  CHECK(given.list("hidden") == std::vector<int>{3, 4});
  CHECK(to_string(arguments("rule(rules=[median, arc | mean])").pipelines("rules").at(1)) == "arc | mean");
  CHECK(given.number("power") == 1);
  CHECK(arguments("rule(hidden=[])").list("hidden").empty());
  CHECK(arguments("rule(hidden=7)").list("hidden") == std::vector<int>{7});
}

TEST_CASE("a component that asks for what it did not declare has a bug") {
  const Arguments a = arguments("rule");
  CHECK_THROWS_AS(a.number("absent"), std::logic_error);
  CHECK_THROWS_AS(a.number("z"), std::logic_error);
}

TEST_CASE("bad arguments are named with what was meant") {
  CHECK(complaint("rule(neighbours=3)") == "rule: unknown parameter 'neighbours'; did you mean 'neighbors'?");
  CHECK(complaint("rule(trim=9)") == "rule: trim = 9 is out of range 0..6");
  CHECK(complaint("rule(z=abc)") == "rule: z = abc is neither a number nor 'auto'");
  CHECK(complaint("rule(z=atuo)") == "rule: z = atuo is neither a number nor 'auto'; did you mean 'auto'?");
  CHECK(complaint("rule(even=low)") == "rule: even = low is not one of 'mid', 'lower', 'upper'; did you mean 'lower'?");
  CHECK(complaint("rule(stateless=1)") == "rule: stateless = 1 is neither true nor false");
  CHECK(complaint("rule(trim=1.5)") == "rule: trim = 1.5 is not a whole number");
  CHECK(complaint("rule(trim=n/2)") == "rule: trim = n/2 is not a whole number = 6.5 (n = 13, f = 3)");
  CHECK(complaint("rule(trim=n)") == "rule: trim = n = 13 (n = 13, f = 3) is out of range 0..6");
  CHECK(complaint("rule", 4, 2) == "rule: neighbors = n-f-2 = 0 (n = 4, f = 2) must be at least 1");
  CHECK(complaint("rule(hidden=[1, x])") == "rule: hidden = [1, x] is not a list of whole numbers such as [100, 50]");
  CHECK(complaint("rule(hidden=[1, 9000])") == "rule: hidden = [1, 9000] is out of range 1..5000");
  CHECK(complaint("rule(hidden=[99999999999])") != "");
  CHECK(
      complaint("rule(rules=krum)") ==
      "rule: rules = krum is not a list of pipelines such as [krum, nnm | median]: 'krum': expected '[', found 'k' at "
      "position 1");
  CHECK(complaint("rule(power=nan)") == "rule: power = nan is not a number");
  CHECK(complaint("rule(neighbors=1e300)") == "rule: neighbors = 1e300 is too large for a count");
  CHECK(user_error([] { Arguments("mean", {}, parse_component("mean(a=1)"), 5, 1); }) ==
        "mean: takes no parameters, but 'a' is given");
  ComponentText twice{"rule", {{"trim", "1"}, {"trim", "2"}}};
  CHECK(user_error([&] { Arguments("rule", specs(), twice, 5, 1); }) == "rule: parameter 'trim' is given twice");
}

TEST_CASE("the nearest name is suggested only when it is near") {
  const std::vector<std::string> names = {"krum", "multi-krum", "trimmed-mean", "mean", "rfa"};
  CHECK(suggestion("krmu", names) == "; did you mean 'krum'?");
  CHECK(suggestion("Krum", names) == "; did you mean 'krum'?");
  CHECK(suggestion("trimmed_mean", names) == "; did you mean 'trimmed-mean'?");
  CHECK(suggestion("trimmed", names) == "; did you mean 'trimmed-mean'?");
  CHECK(suggestion("banana", names) == "");
  CHECK(suggestion("", names) == "");
  CHECK(suggestion(std::string(1000000, 'x'), names) == "");
}

}  // namespace
}  // namespace gauntlet
