// SPDX-License-Identifier: Apache-2.0

#include "src/cell/catalogue.hpp"

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "src/report/listing.hpp"
#include "tests/support.hpp"

namespace gauntlet {
namespace {

TEST_CASE("no two components of a kind share a name") {
  CHECK(duplicate_components().empty());
  for (const Catalogue& each : catalogues()) {
    INFO(each.plural);
    CHECK_FALSE(each.components.empty());
    CHECK(&catalogue(each.kind) == &each);
  }
}

TEST_CASE("the JSON listing holds every component with all its parameters") {
  const auto json = nlohmann::json::parse(listing_json(catalogues()));
  CHECK(json.size() == catalogues().size());
  for (const Catalogue& each : catalogues()) {
    const auto& components = json.at(each.plural);
    REQUIRE(components.size() == each.components.size());
    for (std::size_t i = 0; i < components.size(); ++i) {
      const Component& component = *each.components[i];
      INFO(component.name);
      CHECK(components[i].at("name") == component.name);
      CHECK(components[i].at("source") == component.source);
      REQUIRE(components[i].at("parameters").size() == component.parameters.size());
      for (std::size_t p = 0; p < component.parameters.size(); ++p)
        CHECK(components[i].at("parameters")[p].at("default") == component.parameters[p].default_value);
    }
  }
}

TEST_CASE("the defaults of every component pass its own checks") {
  for (const Catalogue& each : catalogues())
    for (const Component* component : each.components) {
      INFO(each.singular << ' ' << component->name);
      CHECK_NOTHROW(Arguments(component->name, component->parameters, {component->name, {}}, 13, 2));
    }
}

TEST_CASE("tables are replaced between their markers and nowhere else") {
  const std::vector<Catalogue> models = {catalogue(Kind::model)};
  const std::string table = listing_markdown(models);
  const std::string text = "before\n<!-- begin: models -->\nold\n<!-- end: models -->\nafter\n";
  CHECK(update_tables(text, "README.md", tables_of(models)) == "before\n" + table + "after\n");
  CHECK(update_tables(table, "README.md", tables_of(catalogues())) == table);
  CHECK(contains(user_error([&] { update_tables("no table", "README.md", tables_of(models)); }),
                 "README.md: no table's marker"));
  CHECK(user_error([&] { update_tables("x\n<!-- begin: models -->\n", "README.md", tables_of(models)); }) ==
        "README.md:2: there is no '<!-- end: models -->' after this line");
}

TEST_CASE("the README lists what the program has") {
  std::ifstream file(source_folder() / "README.md");
  REQUIRE(file);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  CHECK(update_tables(text, "README.md", tables_of(catalogues())) == text);
  CHECK(update_tables(text, "README.md", documentation_tables()) == text);
  for (const char* kind : {"attacks", "protocol-attacks", "defenses", "keys"})
    CHECK(contains(text, std::string("<!-- begin: ") + kind + " -->"));
}

}  // namespace
}  // namespace gauntlet
