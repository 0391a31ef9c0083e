// SPDX-License-Identifier: Apache-2.0
#include <toml++/toml.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <string>

#include "src/data/npy.hpp"
#include "tests/trial.hpp"

/// Defenses and attacks as other implementations have them.
namespace gauntlet {
namespace {

TEST_CASE("golden vectors of other implementations are met") {
  const auto folder = shared_folder() / "golden";
  if (!std::filesystem::exists(folder / "cases.toml")) SKIP_TEST("no golden vectors: set GAUNTLET_SHARED");
  const auto cases = toml::parse_file((folder / "cases.toml").string());
  std::set<std::string> unknown;
  int checked = 0;
  for (const auto& node : *cases["case"].as_array()) {
    const auto& test = *node.as_table();
    const std::string kind = *test["kind"].value<std::string>(), spec = *test["spec"].value<std::string>();
    if (kind == "attack") continue;
    bool known = true;
    for (const auto& text : parse_pipeline(spec))
      if (Registry<Stage>::lookup(text.name) == nullptr) known = false, unknown.insert(text.name);
    if (!known) continue;
    const auto read = [&](const char* key) {
      const auto matrix = read_npy(folder / *test[key].value<std::string>());
      FloatMatrix rows;
      for (std::size_t i = 0; i < matrix.rows; ++i)
        rows.emplace_back(matrix.values.begin() + static_cast<std::ptrdiff_t>(i * matrix.columns),
                          matrix.values.begin() + static_cast<std::ptrdiff_t>((i + 1) * matrix.columns));
      return rows;
    };
    const int f = static_cast<int>(*test["f"].value<std::int64_t>());
    for (const auto& exec : test_backends()) {
      INFO(spec << " of " << *test["input"].value<std::string>() << ", f = " << f << " on " << backend_name(*exec));
      CHECK(relative_error(aggregate(*exec, spec, read("input"), f), read("output")) <= *test["rtol"].value<double>());
    }
    ++checked;
  }
  for (const auto& name : unknown) WARN("not yet known: " << name);
  CHECK(checked > 0);
}

TEST_CASE("attacks give the golden vectors of other implementations", "[attacks][golden]") {
  const auto folder = shared_folder();
  if (folder.empty()) SKIP_TEST("no folder of golden vectors");
  const toml::table table = toml::parse_file((folder / "golden/cases.toml").string());
  for (const auto& exec : test_backends()) {
    int checked = 0;
    for (const auto& node : *table["case"].as_array()) {
      const toml::table& golden = *node.as_table();
      if (golden["kind"].value_or(std::string()) != "attack") continue;
      const std::string spec = golden["spec"].value_or(std::string());
      const std::string input_name = golden["input"].value_or(std::string());
      INFO(spec << " on " << input_name << ", " << backend_name(*exec));
      if (Registry<Attack>::lookup(parse_component(spec).name) == nullptr) continue;
      const NpyMatrix input = read_npy(folder / "golden" / input_name);
      const NpyMatrix want = read_npy(folder / "golden" / golden["output"].value_or(std::string()));
      const auto f = static_cast<int>(golden["f"].value_or(std::int64_t{-1}));
      const auto got = attack_rows(*exec, spec, "", f, static_cast<int>(input.rows),
                                   static_cast<std::int64_t>(input.columns), input.values.data());
      REQUIRE(got.size() == want.values.size());
      double scale = 1, worst = 0;
      for (std::size_t i = 0; i < got.size(); ++i) {
        scale = std::max(scale, std::abs(static_cast<double>(want.values[i])));
        const double error = std::abs(static_cast<double>(got[i]) - want.values[i]);
        worst = error <= worst ? worst : error;  // so that NaN counts as the worst
      }
      CHECK(worst <= golden["rtol"].value_or(0.0) * scale);
      ++checked;
    }
    CHECK(checked > 0);
  }
}

}  // namespace
}  // namespace gauntlet
