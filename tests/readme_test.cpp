// SPDX-License-Identifier: Apache-2.0
#include <iterator>
#include <map>
#include <set>
#include <sstream>

#include "src/data/npy.hpp"
#include "src/report/csv.hpp"
#include "src/spec/spec.hpp"
#include "tests/command.hpp"

/// The README holds what it says: its example rule compiles and works, its specs and commands are understood.
namespace gauntlet {
namespace {

namespace fs = std::filesystem;

constexpr const char* example_file = "tests/example/medoid.cu";

std::string readme() {
  const std::string text = file_text(source_file("README.md"));
  REQUIRE_FALSE(text.empty());
  return text;
}

/// The README in parts, in order: each with the fence that opened it (```sh), empty for the prose between the blocks.
std::vector<std::pair<std::string, std::string>> parts() {
  std::vector<std::pair<std::string, std::string>> result = {{"", ""}};
  std::istringstream lines(readme());
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind("```", 0) == 0) {
      result.push_back({result.back().first.empty() ? line : "", ""});
    } else {
      result.back().second += line + "\n";
    }
  }
  return result;
}

/// The texts of the parts with one fence.
std::vector<std::string> blocks(const std::string& fence) {
  std::vector<std::string> result;
  for (const auto& [opened, text] : parts())
    if (opened == fence) result.push_back(text);
  return result;
}

std::vector<std::string> words_of(const std::string& line) {
  std::istringstream stream(line);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

CommandResult example(const std::vector<std::string>& arguments, const fs::path& folder = {}) {
  CommandOptions options;
  options.binary = example_binary();
  if (!fs::exists(options.binary)) SKIP_TEST("the program with the example rule was not carried here");
  options.folder = folder;
  return run_command(arguments, options);
}

TEST_CASE("the README shows the example rule as it is compiled") {
  const auto shown = blocks("```cpp");
  REQUIRE(shown.size() == 1);
  CHECK(shown[0] == file_text(source_file(example_file)));
}

TEST_CASE("the example rule gives its known answer on every back end and is in the listings") {
  std::istringstream verified(example({"verify"}).out);
  int answers = 0;
  for (std::string line; std::getline(verified, line);) {
    if (!contains(line, " medoid ")) continue;
    INFO(line);
    CHECK(line.substr(line.rfind(' ')) == " ok");
    ++answers;
  }
  CHECK(answers >= 1);

  const CommandResult listed = example({"list", "medoid"});
  CHECK(listed.exit_code == 0);
  CHECK(contains(listed.out, "the message with the least sum of distances to all others"));
  CHECK(contains(listed.out, "n > 2f"));
  CHECK(run_command({"list", "medoid"}).exit_code == 2);  // and not in the program itself
}

TEST_CASE("the example rule works alone, in pipelines and among messages that are not finite") {
  const TemporaryFolder folder;
  const auto aggregate = [&](const std::string& defense, std::vector<float> rows) {
    write_npy(folder / "x.npy", rows.data(), rows.size() / 2, 2);
    const CommandResult result =
        example({"aggregate", "--defense", defense, "--byzantine", "1", "--input", "x.npy", "--output", "y.npy"},
                folder.path());
    INFO(defense << ": " << result.err);
    REQUIRE(result.exit_code == 0);
    return read_npy(folder / "y.npy").values;
  };
  CHECK(aggregate("medoid", {0, 0, 2, 0, 3, 0, 5, 0, 0, 90}) == std::vector<float>{2, 0});
  CHECK(aggregate("medoid", {NAN, 0, 2, 0, 3, 0, 5, 0}) == std::vector<float>{3, 0});
  CHECK(aggregate("medoid", {2, 0, 3, 0, 5, 0, 0, INFINITY}) == std::vector<float>{3, 0});
  // Clipped to length 2, the messages are (0, 0), (2, 0), (2, 0), (2, 0) and (0, 2).
  CHECK(aggregate("clipping(threshold=2) | medoid", {0, 0, 2, 0, 3, 0, 5, 0, 0, 90}) == std::vector<float>{2, 0});
  // The four messages nearest to (2, 0).
  CHECK(aggregate("medoid | ctma", {0, 0, 2, 0, 3, 0, 5, 0, 0, 90}) == std::vector<float>{2.5, 0});
}

TEST_CASE("the example rules, one of which has a memory, have what verify asks of them") {
  for (const char* rule : {"medoid", "afa"}) {
    const CommandResult verified = example({"verify", "--rule", rule});
    INFO(verified.out << verified.err);
    CHECK(verified.exit_code == 0);
    CHECK(contains(verified.out, "a rehearsal leaves no trace"));
    CHECK(contains(verified.out, "nothing is wrong\n"));
  }
}

TEST_CASE("the example rule trains in a matrix beside the others") {
  const TemporaryFolder folder;
  write_text(folder / "spec.toml",
             "name = \"example\"\nrounds = 50\nevaluate_every = 50\n"
             "[task]\ndataset = \"synthetic-digits(train=1000, test=300)\"\n"
             "[workers]\nhonest = 7\nbyzantine = 2\n"
             "[matrix]\nattacks = \"sign-flip\"\ndefenses = [\"mean\", \"medoid\", \"afa\", \"nnm | medoid\"]\n");
  const CommandResult result = example({"run", "spec.toml", "--device", "cpu", "--out", "out"}, folder.path());
  INFO(result.err);
  CHECK(result.exit_code == 0);
  CHECK(contains(result.out, "\nnnm | medoid "));
  const CommandResult table = example({"table", "out", "--format", "csv"}, folder.path());
  INFO(table.out);
  for (const std::string row : {"\nmedoid,sign-flip,final_accuracy,", "\nafa,sign-flip,final_accuracy,",
                                "\nnnm | medoid,sign-flip,final_accuracy,"}) {
    const std::size_t at = table.out.find(row);
    REQUIRE(at != std::string::npos);
    CHECK(std::stod(table.out.substr(at + row.size())) > 0.3);  // ten classes: chance is 0.1
  }
  // What the rule with a memory holds of its nine workers: all trusted alike at first, then the two attackers less.
  const CsvTable rounds = read_csv(folder / "out" / "convergence.csv");
  const std::size_t defense = rounds.column("defense"), weights = rounds.column("worker_weights");
  std::vector<std::string> trusts;
  for (const auto& row : rounds.rows)
    if (row[defense] == "afa") trusts.push_back(row[weights]);
  REQUIRE(trusts.size() == 2);
  CHECK(trusts[0].empty());
  std::istringstream last(trusts[1]);
  const std::vector<double> trust{std::istream_iterator<double>(last), {}};
  REQUIRE(trust.size() == 9);
  CHECK(trust[0] > 2 * trust[8]);
}

TEST_CASE("the README names every key of a spec with its default") {
  std::map<std::string, std::string> defaults;
  std::istringstream resolved_lines(resolved(parse_spec("name = 'x'", "spec.toml")));
  for (std::string line, table; std::getline(resolved_lines, line);) {
    if (!line.empty() && line[0] == '[') table = line.substr(1, line.size() - 2) + ".";
    const std::size_t equals = line.find(" = ");
    if (equals == std::string::npos) continue;
    std::string value = line.substr(equals + 3);
    if (value[0] == '[' && line.rfind("seeds", 0) != 0) value = value.substr(1, value.size() - 2);
    defaults[table + line.substr(0, equals)] = value;
  }
  defaults["name"] = "";
  defaults["evaluate_every"] = "a tenth of `rounds`";
  defaults["workers.total"] = "";
  defaults["task.data_dir"] = "\"\"";

  const std::string page = readme(), begin = "<!-- begin: keys -->";
  const std::size_t at = page.find(begin);
  REQUIRE(at != std::string::npos);
  std::istringstream lines(page.substr(at, page.find("<!-- end: keys -->") - at));
  std::set<std::string> named;
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind("| `", 0) != 0) continue;
    const std::string key = line.substr(3, line.find('`', 3) - 3);
    named.insert(key);
    INFO(key);
    REQUIRE(defaults.count(key) == 1);
    std::string shown = line.substr(line.find('|', 1) + 1);
    shown = shown.substr(0, shown.find('|'));
    const bool code = contains(shown, "`") && key != "evaluate_every";
    CHECK(shown == (defaults[key].empty() ? " " : code ? " `" + defaults[key] + "` " : " " + defaults[key] + " "));
  }
  CHECK(named.size() == defaults.size());
}

TEST_CASE("every spec in the README and in the experiments folder gives a plan") {
  const TemporaryFolder folder;
  const auto shown = blocks("```toml");
  CHECK_FALSE(shown.empty());
  std::vector<fs::path> specs;
  for (const std::string& text : shown) {
    specs.push_back(folder / ("shown" + std::to_string(specs.size()) + ".toml"));
    write_text(specs.back(), text);
  }
  for (const auto& entry : fs::directory_iterator(source_file("experiments")))
    if (entry.path().extension() == ".toml") specs.push_back(fs::absolute(entry.path()));
  CHECK(specs.size() >= shown.size() + 4);
  CommandOptions options;
  options.folder = folder.path();
  for (const fs::path& spec : specs) {
    const CommandResult result = run_command({"run", spec.string(), "--dry-run"}, options);
    INFO(spec.filename() << ": " << result.err);
    CHECK(result.exit_code == 0);
    CHECK(contains(result.out, " to run, "));
  }
}

TEST_CASE("every command in the README is one that the program has, with options that it takes") {
  int checked = 0;
  std::set<std::string> scripts = {"./gauntlet.sh", "gauntlet"};
  for (const std::string& block : blocks("```sh")) {
    std::istringstream lines(block);
    for (std::string line; std::getline(lines, line);) {
      const auto words = words_of(line.substr(0, line.find(" #")));
      if (words.size() < 2 || scripts.count(words[0]) == 0 || words[1] == "test" || words[1] == "setup") continue;
      INFO(line);
      const CommandResult help = run_command({words[1], "--help"});
      CHECK(help.exit_code == 0);
      for (const std::string& word : words)
        if (word.rfind("--", 0) == 0) CHECK(contains(help.out, "  " + word.substr(0, word.find('='))));
      for (const std::string& word : words)
        if (word.rfind("experiments/", 0) == 0) CHECK(fs::exists(source_file(word)));
      ++checked;
    }
  }
  CHECK(checked >= 10);
}

TEST_CASE("the README names every folder of the source tree and links to files that exist") {
  const std::string text = readme();
  for (const char* top : {"kernels", "src", "tests"})
    for (const auto& entry : fs::directory_iterator(source_file(top)))
      if (entry.is_directory()) {
        const std::string folder = std::string(top) + "/" + entry.path().filename().string();
        INFO(folder);
        CHECK((contains(text, folder) || contains(text, entry.path().filename().string() + "/")));
      }
  for (const std::string& prose : blocks(""))
    for (std::size_t at = prose.find("]("); at != std::string::npos; at = prose.find("](", at + 1)) {
      const std::string link = prose.substr(at + 2, prose.find(')', at) - at - 2);
      if (link.rfind("http", 0) == 0 || link.rfind('#', 0) == 0) continue;
      INFO(link);
      CHECK(fs::exists(source_file(link.substr(0, link.find('#')))));
    }
}

}  // namespace
}  // namespace gauntlet
