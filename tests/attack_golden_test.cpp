// SPDX-License-Identifier: Apache-2.0
#include <toml++/toml.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "kernels/protocols/trial.cuh"
#include "src/data/npy.hpp"
#include "tests/backends.hpp"
#include "tests/support.hpp"

namespace gauntlet {

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

}  // namespace gauntlet
