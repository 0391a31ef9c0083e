// SPDX-License-Identifier: Apache-2.0
#include <toml++/toml.h>

#include <set>

#include "src/commands/protocol_files.hpp"
#include "src/data/npy.hpp"
#include "tests/backends.hpp"
#include "tests/command.hpp"
#include "tests/trial.hpp"

/// Protocols on given vectors as an independent implementation has them.
namespace gauntlet {
namespace {

namespace fs = std::filesystem;

struct GoldenCase {
  std::string kind, outputs;
  ProtocolRun run;
  fs::path expect;
  double rtol = 0;
};

/// Those whose protocol there is; none without the folder.
std::vector<GoldenCase> golden_cases() {
  const fs::path folder = shared_folder() / "golden-protocols";
  std::vector<GoldenCase> cases;
  if (shared_folder().empty() || !fs::exists(folder / "cases.toml")) return cases;
  const toml::table table = toml::parse_file((folder / "cases.toml").string());
  std::set<std::string> unknown;
  for (const auto& node : *table["case"].as_array()) {
    const toml::table& of = *node.as_table();
    const auto text = [&](const char* key) { return of[key].value_or(std::string()); };
    GoldenCase golden;
    golden.kind = text("kind");
    golden.run = {text("spec"), text("defense"), text("attack")};
    golden.run.byzantine = static_cast<int>(of["f"].value_or(std::int64_t{-1}));
    golden.run.input = folder / text("input");
    golden.expect = folder / text("expect");
    golden.outputs = of["outputs"].as_array()->at(0).value_or(std::string());
    golden.rtol = of["rtol"].value_or(0.0);
    const std::string protocol = parse_component(golden.run.protocol).name;
    if (Registry<Protocol>::lookup(protocol) == nullptr)
      unknown.insert(protocol);
    else
      cases.push_back(golden);
  }
  for (const std::string& name : unknown) WARN("not yet known: " << name);
  return cases;
}

void check_file(const GoldenCase& golden, const std::vector<std::size_t>& shape, const std::vector<float>& got) {
  const NpyArray want = read_npy_array(golden.expect / golden.outputs);
  REQUIRE(shape == want.shape);
  CHECK(relative_error({got}, FloatMatrix{want.values}) <= golden.rtol);
}

TEST_CASE("protocols give the golden vectors of an independent implementation", "[protocols][golden]") {
  const auto cases = golden_cases();
  if (cases.empty()) SKIP_TEST("no golden vectors of protocols: set GAUNTLET_SHARED");
  for (const auto& exec : test_backends())
    for (const GoldenCase& golden : cases) {
      INFO(golden.run.protocol << ", " << golden.run.defense << ", " << golden.run.attack << " on "
                               << golden.run.input.filename() << ", " << backend_name(*exec));
      const auto files = run_protocol(*exec, golden.run);
      REQUIRE(files.size() == 1);
      REQUIRE(files[0].name == golden.outputs);
      check_file(golden, files[0].shape, files[0].values);
    }
}

TEST_CASE("the command protocol writes what a protocol makes of a folder", "[protocols][golden]") {
  const auto cases = golden_cases();
  if (cases.empty()) SKIP_TEST("no golden vectors of protocols: set GAUNTLET_SHARED");
  const TemporaryFolder folder;
  std::set<std::string> kinds;
  for (const GoldenCase& golden : cases) {
    if (!kinds.insert(golden.kind).second) continue;
    std::vector<std::string> words = {"protocol",
                                      "--protocol",
                                      golden.run.protocol,
                                      "--byzantine",
                                      std::to_string(golden.run.byzantine),
                                      "--output",
                                      (folder / golden.kind / "new").string(),
                                      "--device",
                                      "auto"};
    if (!golden.run.defense.empty())
      words.insert(words.end(), {"--defense", golden.run.defense, "--input", golden.run.input.string()});
    const CommandResult result = run_command(words);
    INFO(golden.run.protocol << ": " << result.err);
    REQUIRE(result.exit_code == 0);
    const NpyArray got = read_npy_array(folder / golden.kind / "new" / golden.outputs);
    check_file(golden, got.shape, got.values);
  }
  CHECK_FALSE(kinds.empty());
}

}  // namespace
}  // namespace gauntlet
