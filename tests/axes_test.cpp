// SPDX-License-Identifier: Apache-2.0

#include "src/cell/axes.hpp"

#include <set>

#include "src/cell/components.hpp"
#include "src/plan/plan.hpp"
#include "src/report/columns.hpp"
#include "src/spec/spec.hpp"
#include "tests/support.hpp"

/// The table of axes, what plans make of it, and the components that a plan makes.
namespace gauntlet {
namespace {

std::vector<Cell> plan_of(const std::string& text) { return make_plan(parse_spec("name = 'x'\n" + text, "spec.toml")); }

TEST_CASE("no two axes share a key, a column, a place or a field", "[axes]") {
  std::set<std::string> keys, columns;
  std::set<int> places;
  for (std::size_t i = 0; i < axes().size(); ++i) {
    const Axis& axis = axes()[i];
    INFO(axis.table << "." << axis.key);
    CHECK(keys.insert(axis.table + "." + axis.key).second);
    for (std::size_t j = 0; j < i; ++j) CHECK(axes()[j].field != axis.field);
    if (axis.column.name == nullptr) continue;
    CHECK(columns.insert(axis.column.name).second);
    CHECK(places.insert(axis.column.place).second);
  }
}

TEST_CASE("what a cell is given on an axis is what it has there", "[axes]") {
  for (const Axis& axis : axes())
    for (const AxisValue& value : axis.fallback) {
      Cell cell;
      axis.set(cell, value);
      CHECK(axis.of(cell) == value);
    }
}

TEST_CASE("cells of a group differ at most where the group does not look", "[axes]") {
  const Cell cell = plan_of("").front();
  const auto same = [&](AxisGroup group, auto change) {
    Cell other = cell;
    change(other);
    return key_of(other, group) == key_of(cell, group);
  };
  for (const AxisGroup group : {cohort, samples}) {
    CHECK(same(group, [](Cell& c) { c.attack = "ipm", c.defense = "krum", c.learning_rate = 1, c.declared = 2; }));
    CHECK_FALSE(same(group, [](Cell& c) { c.workers += 1; }));
    CHECK_FALSE(same(group, [](Cell& c) { c.dataset = "mnist"; }));
  }
  CHECK(same(cohort, [](Cell& c) { c.seed = 1, c.partition = "dirichlet(alpha=1)", c.train_fraction = 0.5; }));
  CHECK_FALSE(same(cohort, [](Cell& c) { c.rounds += 1; }));
  CHECK_FALSE(same(samples, [](Cell& c) { c.seed = 1; }));
  CHECK_FALSE(same(samples, [](Cell& c) { c.partition = "dirichlet(alpha=1)"; }));
  CHECK(same(samples, [](Cell& c) { c.model = "mlp", c.estimator = "sign", c.rounds += 1; }));
}

TEST_CASE("a plan makes every component once for its text, n and f, and the cells share it", "[axes]") {
  const std::vector<Cell> plan = plan_of(
      "seeds = '0..1'\n[workers]\nhonest = 6\nbyzantine = [0, 2]\n[matrix]\n"
      "attacks = ['ipm', 'sign-flip']\ndefenses = ['mean', 'krum(neighbors=n-f-1)', 'krum']\n");
  REQUIRE(plan.size() == 2 * 2 * 3 * 2);
  std::set<const Components*> distinct;
  std::set<const Estimator*> estimators;
  for (const Cell& cell : plan) {
    INFO(cell.index);
    REQUIRE(cell.skipped.empty());
    REQUIRE(cell.parts != nullptr);
    CHECK((cell.parts->attack == nullptr) == (cell.byzantine == 0));
    CHECK(cell.parts->family == nullptr);  // auto: the data decides
    CHECK(cell.parts->defense->n() == cell.workers);
    CHECK(cell.parts->defense->f() == cell.declared);
    distinct.insert(cell.parts.get());
    estimators.insert(cell.parts->estimator.get());
  }
  CHECK(plan[0].parts == plan[1].parts);  // of two seeds
  CHECK(distinct.size() == 3 + 2 * 3);    // without Byzantine workers the attack makes no difference
  CHECK(estimators.size() == 2);          // for two f
  const std::vector<Cell> skipped = plan_of("[workers]\ntotal = 4\nbyzantine = [0, 2]\n[matrix]\ndefenses = 'krum'\n");
  REQUIRE(skipped.size() == 2);
  CHECK(skipped[0].parts != nullptr);
  CHECK(skipped[1].parts == nullptr);
  CHECK(contains(user_error([&] { with_parts(skipped[1]); }), "krum needs n > 2f"));
}

TEST_CASE("an attack is made together with the protocol attacks that are joined to it", "[axes]") {
  const std::vector<Cell> plan =
      plan_of("[workers]\nbyzantine = [0, 2]\n[matrix]\nattacks = ['ipm', 'ipm + cover-up(by=other) + eliminate']\n");
  REQUIRE(plan.size() == 4);
  CHECK(plan[1].skipped.empty());  // nobody attacks
  CHECK(plan[2].skipped.empty());
  CHECK(plan[3].attack == "ipm + cover-up(by=other) + eliminate");
  CHECK(plan[3].skipped == "'cover-up' is an attack on peers that check each other: protocol btard");
  const auto parts = ComponentMaker().parts(plan[3]);
  REQUIRE(parts->attack->misconduct.size() == 2);
  CHECK(parts->attack->misconduct[0].by_other);
  CHECK(user_error([] { ComponentMaker().made(Kind::attack, "fang-krum + cover-up", 5, 2); }).empty());
  CHECK(ComponentMaker().made(Kind::attack, "cover-up + fang-krum", 5, 2).unmet ==
        "fang-krum needs n > 2f + 2 (n = 5, f = 2)");
}

TEST_CASE("an optimizer's own rate may depend on n", "[axes]") {
  const auto plan =
      plan_of("[workers]\nhonest = [4, 8]\nbyzantine = 0\n[training]\noptimizer = 'sgd(learning_rate=1/n)'");
  REQUIRE(plan.size() == 2);
  CHECK(plan[0].learning_rate == 0.25);
  CHECK(plan[1].learning_rate == 0.125);
}

TEST_CASE("a defense is listed as the stage that it makes", "[axes]") {
  for (const auto& entry : Registry<Stage>::all()) {
    INFO(entry.name);
    const auto stage = entry.create({entry.name, {}}, 13, 2);
    const StageRole role = entry.role == "pre-aggregator"    ? StageRole::pre_aggregator
                           : entry.role == "meta-aggregator" ? StageRole::meta_aggregator
                                                             : StageRole::rule;
    CHECK(stage->role() == role);
    CHECK((entry.space == "column") == (stage->as_column_rule() != nullptr));
    CHECK((entry.space == "custom") == (stage->as_custom() != nullptr));
    CHECK((entry.role == "rule" || entry.role == "pre-aggregator" || entry.role == "meta-aggregator"));
  }
}

TEST_CASE("the columns of a plan are the standard ones and what its components declare", "[axes]") {
  std::vector<std::string> declared;
  for (const ObservedColumn& column : columns_of(plan_of("[matrix]\ndefenses = ['mean', 'signsgd-fd']")))
    declared.push_back(column.name);
  std::vector<std::string> standard;
  for (const ObservedColumn& column : standard_columns()) standard.push_back(column.name);
  CHECK(declared == standard);  // the columns of signsgd-fd are among them
  CHECK(columns_of(plan_of("[matrix]\nattacks = ['none', 'ipm + cover-up']")).size() == standard.size());
  const auto& rule = catalogue(Kind::defense).find("signsgd-fd");
  REQUIRE(rule.columns.size() == 2);
  CHECK(rule.columns[0].name == "worker_weights");
}

}  // namespace
}  // namespace gauntlet
