// SPDX-License-Identifier: Apache-2.0
#include <toml++/toml.h>

#include <algorithm>
#include <set>
#include <sstream>

#include "src/commands/protocol_files.hpp"
#include "src/data/atomic_file.hpp"
#include "src/data/npy.hpp"
#include "tests/backends.hpp"
#include "tests/command.hpp"
#include "tests/trial.hpp"

/// Protocols on given vectors as an independent implementation has them.
namespace gauntlet {
namespace {

namespace fs = std::filesystem;

struct GoldenCase {
  std::string kind;
  std::vector<std::string> outputs;
  ProtocolRun run;
  fs::path expect;
  double rtol = 0;
};

/// None without the folder.
std::vector<GoldenCase> golden_cases() {
  const fs::path folder = shared_folder() / "golden-protocols";
  std::vector<GoldenCase> cases;
  if (shared_folder().empty() || !fs::exists(folder / "cases.toml")) return cases;
  const toml::table table = toml::parse_file((folder / "cases.toml").string());
  for (const auto& node : *table["case"].as_array()) {
    const toml::table& of = *node.as_table();
    const auto text = [&](const char* key) { return of[key].value_or(std::string()); };
    GoldenCase golden;
    golden.kind = text("kind");
    golden.run = {text("spec"), text("defense"), text("attack")};
    golden.run.byzantine = static_cast<int>(of["f"].value_or(std::int64_t{-1}));
    golden.run.input = folder / text("input");
    golden.expect = folder / text("expect");
    for (const auto& name : *of["outputs"].as_array()) golden.outputs.push_back(name.value_or(std::string()));
    golden.rtol = of["rtol"].value_or(0.0);
    cases.push_back(golden);
  }
  return cases;
}

/// The lines of a text in order of their checks; within one check the order is free.
std::vector<std::string> sorted_lines(const std::string& text) {
  std::vector<std::string> all;
  for (std::istringstream stream(text); stream;)
    if (std::string line; std::getline(stream, line)) all.push_back(line);
  const auto check_of = [](const std::string& line) { return line.substr(0, line.find(',')); };
  for (std::size_t first = 0, end = 0; first < all.size(); first = end) {
    while (end < all.size() && check_of(all[end]) == check_of(all[first])) ++end;
    std::sort(all.begin() + static_cast<std::ptrdiff_t>(first), all.begin() + static_cast<std::ptrdiff_t>(end));
  }
  return all;
}

void check_file(const GoldenCase& golden, const ProtocolFile& got) {
  INFO(got.name);
  if (got.shape.empty()) {
    CHECK(sorted_lines(got.text) == sorted_lines(read_file(golden.expect / got.name)));
    return;
  }
  const NpyArray want = read_npy_array(golden.expect / got.name);
  REQUIRE(got.shape == want.shape);
  CHECK(relative_error({got.values}, FloatMatrix{want.values}) <= golden.rtol);
}

TEST_CASE("protocols give the golden vectors of an independent implementation", "[protocols][golden]") {
  const auto cases = golden_cases();
  if (cases.empty()) SKIP_TEST("no golden vectors of protocols: set GAUNTLET_SHARED");
  for (const auto& exec : test_backends())
    for (const GoldenCase& golden : cases) {
      INFO(golden.run.protocol << ", " << golden.run.defense << ", " << golden.run.attack << " on "
                               << golden.run.input.filename() << ", " << backend_name(*exec));
      const auto files = run_protocol(*exec, golden.run);
      REQUIRE(files.size() == golden.outputs.size());
      for (std::size_t k = 0; k < files.size(); ++k) {
        CHECK(files[k].name == golden.outputs[k]);
        check_file(golden, files[k]);
      }
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
    for (const std::string& name : golden.outputs) {
      const fs::path path = folder / golden.kind / "new" / name;
      if (path.extension() != ".npy") {
        check_file(golden, {name, {}, {}, read_file(path)});
        continue;
      }
      const NpyArray got = read_npy_array(path);
      check_file(golden, {name, got.shape, got.values});
    }
  }
  CHECK_FALSE(kinds.empty());
}

}  // namespace
}  // namespace gauntlet
