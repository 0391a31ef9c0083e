// SPDX-License-Identifier: Apache-2.0
#include "tests/reference/distances.hpp"

#include "tests/reference/defenses.hpp"
#include "tests/trial.hpp"

/// Rules that choose messages by the distances between them.
namespace gauntlet {
namespace {

TEST_CASE("parameters of rules that choose by distance change them as their definitions say") {
  unsigned seed = 110;
  for (const char* text : {"krum(neighbors=n-f-1)", "krum(power=1)", "krum(power=4)", "multi-krum(m=2)",
                           "multi-krum(m=3, power=1)", "monna(pivot=4)"})
    for (const auto& [n, f] : std::vector<std::pair<int, int>>{{11, 2}, {12, 3}})
      check_against_reference(text, random_inbox(n, f, 60, ++seed), f);
}

TEST_CASE("krum with its neighbors written needs a majority only") {
  for (const std::string name : {"krum", "multi-krum"}) {
    for (const auto& [n, f] : std::vector<std::pair<int, int>>{{3, 1}, {5, 2}, {6, 2}, {11, 5}}) {
      CHECK(unmet_need(parse_pipeline(name), n, f) ==
            name + " needs n > 2f + 2 (n = " + std::to_string(n) + ", f = " + std::to_string(f) + ")");
      CHECK(accepts(name + "(neighbors=n-f-1)", n, f));
      check_against_reference(name + "(neighbors=n-f-1)", random_inbox(n, f, 20, 120 + n), f);
      check_against_reference(name + "(neighbors=1, power=1)", random_inbox(n, f, 20, 140 + n), f);
    }
    CHECK(contains(unmet_need(parse_pipeline(name + "(neighbors=n-f-1)"), 6, 3), name + " needs n > 2f (n = 6"));
    CHECK_FALSE(accepts(name + "(power=1)", 5, 2));
  }
}

TEST_CASE("bulyan has the forms of its two other implementations") {
  unsigned seed = 180;
  for (const char* text :
       {"bulyan(power=1, even=lower)", "bulyan(form=initial, power=1, even=lower)", "bulyan(form=initial, m=3)",
        "bulyan(form=initial, m=1)", "bulyan(form=subtracted, even=upper)"})
    for (const auto& [n, f] : std::vector<std::pair<int, int>>{{7, 1}, {11, 2}, {17, 3}})
      check_against_reference(text, random_inbox(n, f, 60, ++seed), f);
  const auto message = [](const std::string& text) {
    return user_error([&] { Pipeline(parse_pipeline(text), 11, 2); });
  };
  CHECK(contains(message("bulyan(m=3)"), "m is for form=initial and form=subtracted"));
  CHECK(contains(message("bulyan(form=initial, m=8)"), "m = 8 is out of range 1..7"));
  CHECK(contains(message("bulyan(form=subtracted, m=4)"), "m = 4 is out of range 5..7"));
  CHECK_FALSE(accepts("bulyan(form=initial)", 11, 0));
  CHECK(contains(message("centered-clipping(start=mean)"), "start is for stateless=true"));
}

TEST_CASE("mda takes the first of equal subsets and finds the least diameter among many") {
  for (const auto& exec : test_backends()) {
    CHECK(aggregate(*exec, "mda", {{0}, {1}, {2}, {3}, {4}}, 2)[0][0] == 1);
    CHECK(aggregate(*exec, "mda", {{0}, {4}, {1}, {3}, {2}}, 2)[0][0] == Approx(1));  // {0, 1, 2} as rows 0, 2, 4
    CHECK(aggregate(*exec, "mda", {{5}, {5}, {5}}, 1)[0][0] == 5);
    // On a circle every subset is about as wide as any other: the hard case for a search that prunes by diameter.
    FloatMatrix circle;
    for (int i = 0; i < 40; ++i)
      circle.push_back({static_cast<float>(std::cos(0.157 * i)), static_cast<float>(std::sin(0.157 * i))});
    CHECK(std::isfinite(aggregate(*exec, "mda", circle, 8)[0][0]));
  }
  check_against_reference("mda", random_inbox(18, 0, 3, 49), 6);
}

}  // namespace
}  // namespace gauntlet
