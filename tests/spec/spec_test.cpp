// SPDX-License-Identifier: Apache-2.0

#include "src/spec/spec.hpp"

#include <algorithm>
#include <fstream>
#include <set>

#include "kernels/attacks/attack.cuh"
#include "src/plan/plan.hpp"
#include "tests/support.hpp"

namespace gauntlet {
namespace {

const std::string small = R"toml(name = "small"
seeds = "0..1"
[workers]
honest = 5
byzantine = [1, 2]
[matrix]
attacks = ["none", { name = "alie", z = 1.5 }]
defenses = ["mean", "nnm|krum( neighbors = n-f-1 )"]
)toml";

Spec parse(const std::string& text, const std::vector<std::string>& settings = {}) {
  return parse_spec(text, "spec.toml", settings);
}

std::string complaint(const std::string& text, const std::vector<std::string>& settings = {}) {
  return user_error([&] { make_plan(parse(text, settings)); });
}

using Texts = std::vector<std::string>;

std::vector<std::string> texts(const std::vector<Written>& axis) {
  std::vector<std::string> result;
  for (const Written& written : axis) result.push_back(text_of(written.value));
  return result;
}

TEST_CASE("a spec needs no more than a name") {
  const Spec spec = parse("name = 'x'");
  CHECK(texts(spec.of(&Cell::rounds)) == Texts{"200"});
  CHECK(texts(spec.of(&Cell::evaluate_every)) == Texts{"20"});
  CHECK(texts(spec.of(&Cell::attack)) == Texts{"none"});
  const std::vector<Cell> plan = make_plan(spec);
  REQUIRE(plan.size() == 1);
  CHECK(plan[0].workers == 13);
  CHECK(plan[0].declared == 3);
  CHECK(plan[0].model == "auto");
  CHECK(texts(parse("name = 'x'\nrounds = 5").of(&Cell::evaluate_every)) == Texts{"1"});
}

TEST_CASE("components are read in their canonical spelling") {
  const Spec spec = parse(small);
  CHECK(texts(spec.of(&Cell::attack)) == Texts{"none", "alie(z=1.5)"});
  CHECK(texts(spec.of(&Cell::defense)) == Texts{"mean", "nnm | krum(neighbors=n-f-1)"});
  CHECK(spec.of(&Cell::attack)[1].where == "spec.toml:7:20");
  CHECK(texts(parse("name='x'\n[matrix]\nattacks='foe(epsilon=1)'").of(&Cell::attack)) == Texts{"ipm(epsilon=1)"});
  CHECK(texts(parse("name='x'\n[task]\nmodel={name='mlp', hidden=[100,50]}").of(&Cell::model)) ==
        Texts{"mlp(hidden=[100, 50])"});
}

TEST_CASE("all stands for every attack, and for every rule in its place of a defense") {
  const Spec spec = parse("name='x'\n[matrix]\nattacks=['none', 'all']\ndefenses=['all', 'nnm | all | ctma', 'mean']");
  const Texts attacks = texts(spec.of(&Cell::attack)), defenses = texts(spec.of(&Cell::defense));
  CHECK(attacks[0] == "none");
  CHECK(std::set<std::string>(attacks.begin(), attacks.end()).size() == attacks.size());
  for (const char* attack : {"alie", "ipm", "sign-flip"})
    CHECK(std::count(attacks.begin(), attacks.end(), attack) == 1);
  for (const char* defense : {"krum", "mean", "nnm | krum | ctma", "nnm | median | ctma"})
    CHECK(std::count(defenses.begin(), defenses.end(), defense) == 1);
  for (const char* stage : {"nnm", "ctma"}) CHECK(std::count(defenses.begin(), defenses.end(), stage) == 0);
}

TEST_CASE("an attack and the protocol attacks that are joined to it are one value of the axis") {
  const std::string text =
      "name='x'\n[matrix]\nattacks=[{name='alie', z=1.5}, 'cover-up( by = other )', "
      "'cover-up+foe(epsilon=1e+3)+ wrong-aggregation(size=0.5, start=5)']";
  const Spec spec = parse(text);
  CHECK(texts(spec.of(&Cell::attack)) == Texts{"alie(z=1.5)", "cover-up(by=other)",
                                               "ipm(epsilon=1e+3) + cover-up + wrong-aggregation(size=0.5, start=5)"});
  CHECK(resolved(parse(resolved(spec))) == resolved(spec));
  CHECK(texts(parse(resolved(spec)).of(&Cell::attack)) == texts(spec.of(&Cell::attack)));
}

TEST_CASE("all stands for the attacks on the messages, and for these where protocol attacks are joined to it") {
  const Texts all = texts(parse("name='x'\n[matrix]\nattacks='all'").of(&Cell::attack));
  CHECK(all == Registry<Attack>::names());
  Texts joined;
  for (const std::string& name : all) joined.push_back(name + " + cover-up");
  CHECK(texts(parse("name='x'\n[matrix]\nattacks='cover-up + all'").of(&Cell::attack)) == joined);
}

TEST_CASE("settings from the command line win") {
  const Spec spec =
      parse(small, {"rounds=20", "task.batch=[1, 2]", "task.data_dir=/data/sets", "workers.total=9",
                    "matrix.attacks=[\"none\",\"ipm\"]", "task.dataset=mnist", "training.schedule=constant"});
  CHECK(texts(spec.of(&Cell::rounds)) == Texts{"20"});
  CHECK(texts(spec.of(&Cell::evaluate_every)) == Texts{"2"});
  CHECK(texts(spec.of(&Cell::batch)) == Texts{"1", "2"});
  CHECK(texts(spec.of(&Cell::data_dir)) == Texts{"/data/sets"});
  CHECK(spec.total);
  CHECK(texts(spec.of(&Cell::workers)) == Texts{"9"});
  CHECK(texts(spec.of(&Cell::attack)) == Texts{"none", "ipm"});
  CHECK(texts(spec.of(&Cell::dataset)) == Texts{"mnist"});
  CHECK(complaint(small, {"rounds"}) == "--set rounds: expected key=value, as in --set task.batch=50");
  CHECK(complaint(small, {"task.bath=3"}) == "--set task.bath: unknown key 'bath' in [task]; did you mean 'batch'?");
  CHECK(complaint(small, {"rounds=many"}) == "--set rounds: rounds must be a whole number, found the string 'many'");
  CHECK(complaint(small, {"name.x=1"}) == "--set name.x=1: 'name' is not a table");
  CHECK(complaint(small, {"rounds=1\nname='y'"}) != "");
}

TEST_CASE("the resolved spec reads back as itself and is the identity of the run") {
  const std::string text = resolved(parse(small));
  CHECK(resolved(parse(text)) == text);
  CHECK(contains(text, "seeds = [0, 1]\n"));
  CHECK(contains(text, "attacks = [\"none\", \"alie(z=1.5)\"]\n"));
  CHECK(contains(text, "learning_rate = [0.1]\n"));
  CHECK(contains(text, "declared = [\"same\"]\n"));
  CHECK(resolved(parse(small, {"task.data_dir=elsewhere"})) == text);
  CHECK(resolved(parse(small, {"evaluate_every=7"})) != text);
  CHECK(resolved(parse(small, {"workers.declared=[\"same\", 1]"})) != text);
  const std::string odd = resolved(parse("name = \"a \\\"b\\\" é\""));
  CHECK(resolved(parse(odd)) == odd);
}

TEST_CASE("the plan is the cross product, seeds fastest, and its index is the position") {
  const std::vector<Cell> plan = make_plan(parse(small));
  REQUIRE(plan.size() == 2 * 2 * 2 * 2);
  for (std::size_t i = 0; i < plan.size(); ++i) CHECK(plan[i].index == static_cast<int>(i));
  CHECK(plan[1].seed == 1);
  CHECK(plan[2].defense == "nnm | krum(neighbors=n-f-1)");
  CHECK(plan[4].attack == "alie(z=1.5)");
  CHECK(plan[7].workers == 6);
  CHECK(plan[8].workers == 7);
  CHECK(plan[8].byzantine == 2);
  CHECK(plan[8].declared == 2);
}

TEST_CASE("a cell that its components cannot work with is kept with the reason") {
  const std::vector<Cell> plan = make_plan(parse(small, {"workers.total=4", "workers.byzantine=[0, 2, 4]"}));
  REQUIRE(plan.size() == 24);
  CHECK(plan[0].skipped.empty());
  CHECK(plan[10].defense == "nnm | krum(neighbors=n-f-1)");
  CHECK(plan[10].skipped == "krum needs n > 2f (n = 4, f = 2)");
  CHECK(plan[16].skipped == "no worker is honest (n = 4, f = 4)");
  const std::string text = describe_plan(plan);
  CHECK(contains(text, "24 cells, 12 to run, 12 skipped\n"));
  CHECK(contains(text, "axis f (3): 0, 2, 4\n"));
  CHECK(contains(text, "  4 cells: krum needs n > 2f (n = 4, f = 2)\n"));
  CHECK(contains(text, "  n: 4\n"));
}

TEST_CASE("an axis value that only repeats another one makes no second cell") {
  CHECK(make_plan(parse("name='x'", {"workers.byzantine=[1, 2]", "workers.declared=['same', 2]"})).size() == 3);
}

TEST_CASE("an optimizer may bring its own learning rate") {
  const auto plan = make_plan(parse(
      "name='x'", {"training.optimizer=['sgd', 'adam(learning_rate=0.001)']", "training.learning_rate=[0.1, 0.2]"}));
  REQUIRE(plan.size() == 3);
  CHECK(plan[0].learning_rate == 0.1);
  CHECK(plan[1].learning_rate == 0.2);
  CHECK(plan[2].learning_rate == 0.001);
  CHECK(plan[2].optimizer == "adam(learning_rate=0.001)");
}

TEST_CASE("a mistake in a spec is one line with its place and the nearest name") {
  const std::string head = "name = \"x\"\n";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "spec.toml: is empty; a spec needs at least a name"},
      {"# nothing", "spec.toml: is empty; a spec needs at least a name"},
      {"rounds = 5", "spec.toml: name is missing"},
      {"rounds = 5\nnmae = \"x\"", "spec.toml:2:1: unknown key 'nmae'; did you mean 'name'?"},
      {"name = \"a/b\"", "spec.toml:1:8: name must be usable as a folder's name"},
      {"name = 3", "spec.toml:1:8: name must be a string, found 3"},
      {"name = ", "spec.toml:1:"},
      {head + "ruonds = 3", "spec.toml:2:1: unknown key 'ruonds'; did you mean 'rounds'?"},
      {head + "[task]\nbath = 3", "spec.toml:3:1: unknown key 'bath' in [task]; did you mean 'batch'?"},
      {head + "rounds = \"ten\"", "spec.toml:2:10: rounds must be a whole number, found the string 'ten'"},
      {head + "rounds = 2.5", "spec.toml:2:10: rounds must be a whole number, found 2.5"},
      {head + "rounds = 0", "spec.toml:2:10: rounds = 0 is out of range 1..1000000000"},
      {head + "rounds = []", "spec.toml:2:10: rounds is an empty list"},
      {head + "rounds = [5, 5]", "spec.toml:2:14: rounds holds a value twice"},
      {head + "[|task]\na = 1", "spec.toml:2:2: "},
      {head + "task = 3", "spec.toml:2:8: task must be a table: [task], found 3"},
      {head + "seeds = \"4..0\"", "spec.toml:2:9: seeds must be whole numbers, or a range"},
      {head + "seeds = \"0..99999999\"", "spec.toml:2:9: seeds has too many values"},
      {head + "seeds = [\"0..3\", 2]", "spec.toml:2:9: seeds holds 2 twice"},
      {head + "seeds = -1", "spec.toml:2:9: seeds = -1 is out of range"},
      {head + "[training]\nlearning_rate = nan", "spec.toml:3:17: training.learning_rate must be a finite number"},
      {head + "[task]\ntrain_fraction = 0.0", "spec.toml:3:18: task.train_fraction = 0 is out of range"},
      {head + "[task]\nbyzantine_data = 1", "spec.toml:3:18: task.byzantine_data must be true or false, found 1"},
      {head + "[workers]\nhonest = 3\ntotal = 5", "spec.toml:4:9: workers.total cannot stand beside workers.honest"},
      {head + "[workers]\ndeclared = \"some\"", "spec.toml:3:12: workers.declared must be \"same\" or a whole number"},
      {head + "[matrix]\nattacks = []", "spec.toml:3:11: matrix.attacks is an empty list"},
      {head + "[matrix]\nattacks = [\"ipm\", \"foe\"]", "spec.toml:3:19: matrix.attacks holds 'ipm' twice"},
      {head + "[matrix]\nattacks = [3]", "spec.toml:3:12: matrix.attacks must be a string, found 3"},
      {head + "[matrix]\ndefenses = [\"krmu\"]", "spec.toml:3:13: unknown defense 'krmu'; did you mean 'krum'?"},
      {head + "[matrix]\ndefenses = [\"krum(neighbours=3)\"]",
       "spec.toml:3:13: krum: unknown parameter 'neighbours'; did you mean 'neighbors'?"},
      {head + "[matrix]\ndefenses = [\"krum(neighbors=0)\"]", "spec.toml:3:13: krum: neighbors = 0"},
      {head + "[matrix]\nattacks = [{ z = 1 }]", "spec.toml:3:12: matrix.attacks needs a name"},
      {head + "[matrix]\nattacks = [{ name = \"alie\", z = \"a)b\" }]", "spec.toml:3:12: 'alie(z=a)b)': expected"},
      {head + "[matrix]\nattacks = [\"none\", \"sign-flip + cover-pu\"]",
       "spec.toml:3:20: unknown attack 'cover-pu'; did you mean 'cover-up'?"},
      {head + "[matrix]\nattacks = \"ipm + cover-up(bye=other)\"",
       "spec.toml:3:11: cover-up: unknown parameter 'bye'; did you mean 'by'?"},
      {head + "[matrix]\nattacks = \"ipm + eliminate(probability=2)\"",
       "spec.toml:3:11: eliminate: probability = 2 is out of range 0..1"},
      {head + "[matrix]\nattacks = \"cover-up + ipm + alie\"",
       "spec.toml:3:11: attack 'cover-up + ipm + alie': takes one attack on the messages, but both 'ipm' and 'alie'"},
      {head + "[matrix]\nattacks = \"cover-up + cover-up\"",
       "spec.toml:3:11: attack 'cover-up + cover-up': joins 'cover-up' twice"},
      {head + "[matrix]\nattacks = [\"ipm + cover-up\", \"cover-up + foe\"]",
       "spec.toml:3:30: matrix.attacks holds 'ipm + cover-up' twice"},
      {head + "[matrix]\nattacks = [{ name = \"ipm + cover-up\", by = \"other\" }]",
       "spec.toml:3:12: 'ipm + cover-up(by=other)': expected the end, found '+' at position 5"},
      {head + "[matrix]\nattacks = \"ipm | cover-up\"",
       "spec.toml:3:11: 'ipm | cover-up': expected '+' or the end, found '|' at position 5"},
      {head + "[matrix]\ndefenses = \"nnm + mean\"",
       "spec.toml:3:12: 'nnm + mean': expected '|' or the end, found '+' at position 5"},
      {head + "[matrix]\nattacks = \"ipm + cover-up\"",
       "spec.toml:3:11: the matrix is empty: all its cells are skipped, the first as 'cover-up' is an attack on peers "
       "that check each other: protocol btard"},
      {head + "[matrix]\ndefenses = \"nnm | \"",
       "spec.toml:3:12: 'nnm | ': expected a name, found the end at position 7"},
      {head + "[matrix]\ndefenses = \"nnm\"", "spec.toml:3:12: defense 'nnm': ends without a rule"},
      {head + "[matrix]\ndefenses = \"krum | nnm\"",
       "spec.toml:3:12: defense 'krum | nnm': the pre-aggregator 'nnm' must come before the rule 'krum'"},
      {head + "[matrix]\ndefenses = \"krum | mean\"",
       "spec.toml:3:12: defense 'krum | mean': takes one rule, but both 'krum' and 'mean' are rules"},
      {head + "[matrix]\ndefenses = \"ctma | mean\"",
       "spec.toml:3:12: defense 'ctma | mean': the meta-aggregator 'ctma' must come after a rule"},
      {head + "[workers]\ntotal = 3\nbyzantine = 3", "the matrix is empty: all its cells are skipped"},
      {head + "seeds = \"0..999999\"\nrounds = [1, 2]", "the matrix has more than 1000000 cells"},
  };
  for (const auto& [text, message] : cases) {
    INFO(text);
    const std::string error = complaint(text);
    INFO(error);
    CHECK(error.rfind(message, 0) == 0);
    CHECK(error.find('\n') == std::string::npos);
  }
}

TEST_CASE("a spec file that cannot be read is named") {
  const TemporaryFolder folder;
  const std::string here = folder.path().string();
  CHECK(user_error([&] { read_spec(folder.path()); }) == here + ": is a directory, not a spec file");
  std::ofstream(folder / "quickstart.toml") << small;
  CHECK(texts(read_spec(folder / "quickstart.toml").of(&Cell::attack)).size() == 2);
  CHECK(user_error([&] { read_spec(folder / "quikstart.toml"); }) ==
        here + "/quikstart.toml: no such file; did you mean 'quickstart.toml'?");
  std::ofstream(folder / "empty.toml");
  CHECK(contains(user_error([&] { read_spec(folder / "empty.toml"); }), "is empty"));
  std::ofstream(folder / "binary.toml") << std::string("\xff\xfe\x00\x01", 4);
  CHECK(contains(user_error([&] { read_spec(folder / "binary.toml"); }), "binary.toml:1:"));
}

}  // namespace
}  // namespace gauntlet
