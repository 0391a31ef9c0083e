// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <set>
#include <sstream>

#include "kernels/protocols/trial.cuh"
#include "src/data/deal.hpp"
#include "src/data/load.hpp"
#include "src/data/npy.hpp"
#include "src/plan/components.hpp"
#include "src/run/simulation.hpp"
#include "tests/backends.hpp"
#include "tests/catalogue_reference.hpp"
#include "tests/command.hpp"
#include "tests/defense_support.hpp"

/// Rules with a message of the server's own, from the rule alone to whole runs.
namespace gauntlet {
namespace {

constexpr float nan = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity();

TEST_CASE("parameters of rules that trust a message change them as their definitions say", "[trusted]") {
  unsigned seed = 500;
  for (const auto& exec : test_backends())
    for (const char* text : {"zeno(b=0)", "zeno(b=5)", "zeno(rho=0)", "zeno(rho=0.3, b=4)", "zeno(rho=20)", "fltrust"})
      for (const auto& [n, f, d] : std::vector<std::array<int, 3>>{{11, 2, 60}, {12, 8, 33}, {90, 40, 7}}) {
        const auto rows = random_inbox(n, f, d, ++seed, 0.5f, -3);
        INFO(text << ", n = " << n << " on " << backend_name(*exec));
        CHECK(relative_error(aggregate(*exec, text, rows, f), expected(text, rows, f)) <= 1e-5);
      }
}

TEST_CASE("fltrust gives zero messages and strangers no weight", "[trusted]") {
  const std::vector<float> own = {3, 4, 0};
  for (const auto& exec : test_backends()) {
    INFO(backend_name(*exec));
    const FloatMatrix rows = {{6, 8, 0}, {0, 0, 0},   {nan, 4, 0},      {inf, inf, 0},
                              {0, 0, 7}, {-3, -4, 0}, {3e30f, 4e30f, 0}};
    CHECK(relative_error(aggregate(*exec, "fltrust", rows, 6, own), FloatMatrix{own}) <= 1e-6);
    const FloatMatrix strangers(rows.begin() + 1, rows.end() - 1);
    CHECK(aggregate(*exec, "fltrust", strangers, 4, own) == FloatMatrix{{0, 0, 0}});
    CHECK(aggregate(*exec, "fltrust", rows, 6, {0, 0, 0}) == FloatMatrix{{0, 0, 0}});
  }
}

TEST_CASE("zeno breaks ties by index and puts messages that are not finite last", "[trusted]") {
  for (const auto& exec : test_backends()) {
    INFO(backend_name(*exec));
    const FloatMatrix rows = {{nan, 0}, {1, 5}, {1, -5}, {1, 5}, {inf, 0}, {-2, 0}};
    CHECK(aggregate(*exec, "zeno(b=4)", rows, 2, {1, 0}) == FloatMatrix{{1, 0}});
    CHECK(aggregate(*exec, "zeno(b=2)", rows, 2, {1, 0}) == FloatMatrix{{0.25, 1.25}});
    // Even where no penalty is finite.
    CHECK(aggregate(*exec, "zeno(b=4, rho=1e308)", rows, 2, {1, 0}) == FloatMatrix{{1, 0}});
  }
}

TEST_CASE("a trusted message that is not finite moves nothing", "[trusted]") {
  const int n = 9, f = 2, d = 5;
  const auto rows = random_inbox(n, f, d, 540);
  int rules = 0;
  for (const auto& entry : Registry<Stage>::all()) {
    const auto stage = entry.create({entry.name, {}}, n, f);
    const GramRule* rule = stage->as_gram_rule();
    if (rule == nullptr || rule->memory(1).row != MemoryRow::trusted) continue;
    ++rules;
    CHECK(contains(entry.summary, "is not finite"));
    for (const auto& exec : test_backends())
      for (const float bad : {nan, inf, -inf})
        for (const std::size_t place : {0, 4}) {
          INFO(entry.name << ", " << bad << " at " << place << " on " << backend_name(*exec));
          std::vector<float> own(d, 1);
          own[place] = bad;
          for (const char* before : {"", "nnm | ", "bucketing | "})
            CHECK(aggregate(*exec, before + entry.name, rows, f, own) == FloatMatrix(1, std::vector<float>(d, 0)));
          const auto refined = aggregate(*exec, entry.name + " | ctma", rows, f, own)[0];
          for (const float value : refined) CHECK(std::isfinite(value));
        }
  }
  CHECK(rules >= 2);
}

TEST_CASE("pre-aggregators leave the trusted message as it is", "[trusted]") {
  const int n = 10, f = 3, d = 50;
  const auto rows = random_inbox(n, f, d, 520);
  std::vector<float> own(d, 0.5f);
  own[0] = 40;
  const reference::Vector trusted(own.begin(), own.end());
  for (const auto& exec : test_backends()) {
    INFO(backend_name(*exec));
    for (const std::string before : {"nnm", "clipping(threshold=2)"}) {
      reference::Matrix mixed = expected(before, rows, f);
      CHECK(relative_error(aggregate(*exec, before + " | fltrust", rows, f, own),
                           reference::Matrix{reference::fl_trust(mixed, trusted)}) <= 1e-5);
      CHECK(relative_error(aggregate(*exec, before + " | zeno", rows, f, own),
                           reference::Matrix{reference::zeno(mixed, trusted, f, 0.005)}) <= 1e-5);
    }
  }
}

TEST_CASE("an attack that knows a rule with a trusted message finds what a search by hand finds", "[trusted]") {
  const int n = 9, f = 3, d = 40;
  const auto rows = random_inbox(n, 0, d, 530);
  std::vector<float> flat;
  for (const auto& row : rows) flat.insert(flat.end(), row.begin(), row.end());
  const auto own = trusted_message(rows, f);
  reference::Matrix honest;
  for (int i = 0; i < n - f; ++i) honest.emplace_back(rows[i].begin(), rows[i].end());
  const auto center = reference::mean(honest);
  const auto harm = [&](Exec& exec, const std::string& defense, const std::vector<float>& message) {
    auto inbox = rows;
    for (int i = n - f; i < n; ++i) inbox[i] = message;
    const auto out = aggregate(exec, defense, inbox, f, own)[0];
    return reference::distance({out.begin(), out.end()}, center);
  };
  for (const auto& exec : test_backends())
    for (const std::string defense : {"fltrust", "zeno", "nnm | fltrust", "zeno | ctma"}) {
      INFO(defense << " on " << backend_name(*exec));
      const auto sent =
          attack_rows(*exec, "optimal(direction=mean, candidates=200)", defense, f, n, d, flat.data(), 0, own.data());
      double spread = 0, most = 0;
      for (const auto& row : honest) spread += std::pow(reference::distance(row, center), 2);
      spread = std::sqrt(spread / (n - f - 1)) / reference::norm(center);
      for (double t = 0.002; t <= 20; t *= 1.01) {
        std::vector<float> message;
        for (const double value : center) message.push_back(static_cast<float>((1 - t * spread) * value));
        most = std::max(most, harm(*exec, defense, message));
      }
      CHECK(harm(*exec, defense, {sent.begin(), sent.begin() + d}) > 0.97 * most);
    }
}

TEST_CASE("a rule that trusts a message says so when there is none", "[trusted]") {
  Exec exec(Backend::cpu);
  const std::vector<float> rows(12, 1);
  const std::string complaint = "defense 'nnm | fltrust' needs a message that the server trusts";
  CHECK(contains(user_error([&] { aggregate_rows(exec, "nnm | fltrust", 1, 4, 3, rows.data()); }), complaint));
  CHECK(contains(user_error([&] { attack_rows(exec, "optimal", "nnm | fltrust", 1, 4, 3, rows.data()); }), complaint));
  CHECK(user_error([&] { aggregate_rows(exec, "krum", 0, 4, 3, rows.data(), rows.data()); }).empty());
  CHECK(contains(user_error([&] { aggregate(exec, "zeno(b=4)", FloatMatrix(4, {1}), 1); }),
                 "b = 4 is out of range 0..3"));
  CHECK(contains(user_error([&] { aggregate(exec, "zeno(rho=-1)", FloatMatrix(4, {1}), 1); }), "rho"));
  CHECK(contains(user_error([&] { aggregate(exec, "fltrust(trusted_batch=0)", FloatMatrix(4, {1}), 1); }),
                 "trusted_batch"));
}

TEST_CASE("aggregate and attack take the trusted message from a file", "[trusted]") {
  const auto folder = temporary_folder();
  const std::vector<float> messages = {1, 0, 0, 5, 3, 4, -9, 0}, own = {2, 0}, longer = {2, 0, 0};
  write_npy(folder / "x.npy", messages.data(), 4, 2);
  write_npy(folder / "own.npy", own.data(), 1, 2);
  write_npy(folder / "longer.npy", longer.data(), 1, 3);
  CommandOptions options;
  options.folder = folder.path();
  const auto command = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--byzantine", "2", "--input", "x.npy", "--output", "y.npy", "--device", "cpu"});
    return run_command(arguments, options);
  };
  const CommandResult done = command({"aggregate", "--defense", "fltrust", "--trusted", "own.npy"});
  INFO(done.err);
  REQUIRE(done.exit_code == 0);
  const NpyMatrix output = read_npy(folder / "y.npy");
  CHECK(output.values[0] == Approx(1.7));
  CHECK(output.values[1] == Approx(0.6));
  CHECK(command({"attack", "--attack", "optimal", "--defense", "zeno", "--trusted", "own.npy"}).exit_code == 0);

  const auto refused = [&](const std::vector<std::string>& arguments, const std::string& part) {
    const CommandResult result = command(arguments);
    INFO(result.err);
    CHECK(result.exit_code == 2);
    CHECK(contains(result.err, part));
  };
  refused({"aggregate", "--defense", "fltrust"}, "with --trusted FILE");
  refused({"aggregate", "--defense", "krum", "--trusted", "own.npy"}, "krum needs n > 2f + 2");
  refused({"aggregate", "--defense", "mean", "--trusted", "own.npy"}, "defense 'mean' is none that takes");
  refused({"attack", "--attack", "ipm", "--trusted", "own.npy"}, "there is no --defense");
  refused({"aggregate", "--defense", "fltrust", "--trusted", "longer.npy"}, "found 1 x 3; accepted is 1 x 2");
  refused({"aggregate", "--defense", "fltrust", "--trusted", "absent.npy"}, "cannot read 'absent.npy'");
  for (const float bad : {nan, inf, -inf}) {
    const std::vector<float> broken = {2, bad};
    write_npy(folder / "broken.npy", broken.data(), 1, 2);
    for (const char* defense : {"fltrust", "zeno", "nnm | zeno"}) {
      refused({"aggregate", "--defense", defense, "--trusted", "broken.npy"},
              "--trusted 'broken.npy': found " + std::to_string(bad) + " at [0, 1]; accepted are finite numbers\n");
      refused({"attack", "--attack", "optimal", "--defense", defense, "--trusted", "broken.npy"}, "at [0, 1]");
    }
  }
}

/// A cell of synthetic digits with a linear model.
Cell digits(const std::string& attack, const std::string& defense, int n = 5, int f = 3, std::uint64_t seed = 0) {
  Cell cell;
  cell.dataset = "synthetic-digits(train=1000, test=300)", cell.model = "softmax", cell.partition = "iid";
  cell.batch = 20;
  cell.workers = n, cell.byzantine = cell.declared = f;
  cell.estimator = "momentum(beta=0.9)", cell.optimizer = "sgd", cell.schedule = "constant", cell.protocol = "server";
  cell.learning_rate = 0.1;
  cell.attack = attack, cell.defense = defense;
  cell.seed = seed;
  cell.rounds = 60, cell.evaluate_every = 20;
  return with_parts(cell);
}

std::vector<CellResult> simulate(Exec& exec, std::vector<Cell> cells) {
  ComponentMaker maker;  // cells that share a component are worked on together
  for (Cell& cell : cells) cell.parts = maker.parts(cell);
  const Cell& cell = cells.front();
  const int receivers = cell.byzantine_data ? cell.workers : cell.workers - cell.byzantine;
  const auto data = std::make_shared<DeviceData>(exec, load_dataset(cell.dataset, "", cell.seed, receivers));
  return Simulation(exec, cells, data).run({});
}

std::vector<Evaluation> simulate(Exec& exec, const Cell& cell) {
  return simulate(exec, std::vector<Cell>{cell})[0].evaluations;
}

TEST_CASE("label-flip poisons the rounds of its window alone") {
  for (const auto& exec : test_backends()) {
    const auto end = [&](const std::string& attack) {
      return simulate(*exec, digits(attack, "mean")).back()["test_loss"];
    };
    const double honest = end("sign-flip(start=60)"), poisoned = end("label-flip");
    CHECK(end("label-flip(start=60)") == honest);
    CHECK(end("label-flip(start=0, every=1)") == poisoned);
    const double late = end("label-flip(start=30)"), some = end("label-flip(every=3)");
    CHECK((honest < some && some < poisoned));
    CHECK((honest < late && late != poisoned));
  }
}

bool equal(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

bool equal(const std::vector<Evaluation>& a, const std::vector<Evaluation>& b) {
  bool same = a.size() == b.size();
  for (std::size_t i = 0; same && i < a.size(); ++i)
    for (const char* column : {"train_loss", "test_loss", "aggregate_norm", "aggregate_error", "byzantine_weight"})
      same = same && equal(a[i][column], b[i][column]);
  return same;
}

TEST_CASE("with a server of its own data a Byzantine majority does not keep the model from learning", "[trusted]") {
  for (const auto& exec : test_backends())
    for (const char* attack : {"sign-flip", "ipm(epsilon=2)", "label-flip", "nan"}) {
      INFO(attack << " on " << backend_name(*exec));
      for (const char* defense : {"fltrust", "zeno"}) {
        INFO(defense);
        CHECK(simulate(*exec, digits(attack, defense)).back()["test_accuracy"] > 0.75);
      }
      const auto mean = simulate(*exec, digits(attack, "mean")).back();
      CHECK_FALSE(mean["test_accuracy"] > 0.5);
    }
}

TEST_CASE("estimators that keep vectors of their own per worker keep the server's, too", "[trusted]") {
  for (const auto& exec : test_backends())
    for (const auto& [estimator, rate] : {std::pair("gradient", 0.1), std::pair("mu2", 0.01)}) {
      Cell cell = digits("sign-flip", "fltrust", 7, 3);
      cell.estimator = estimator, cell.learning_rate = rate;
      INFO(estimator << " on " << backend_name(*exec));
      CHECK(simulate(*exec, cell).back()["test_accuracy"] > 0.75);
    }
}

TEST_CASE("the server's message counts neither as an honest one nor as a message of the inbox", "[trusted]") {
  for (const auto& exec : test_backends()) {
    INFO(backend_name(*exec));
    // Leaving nobody out, zeno is the mean of the honest messages: the server must not show anywhere.
    const auto plain = simulate(*exec, digits("none", "mean", 4, 0)),
               zeno = simulate(*exec, digits("none", "zeno", 4, 0));
    REQUIRE(plain.size() == zeno.size());
    for (std::size_t i = 1; i < plain.size(); ++i) {
      CHECK(zeno[i]["aggregate_error"] <= 1e-5 * zeno[i]["aggregate_norm"]);
      CHECK(zeno[i]["train_loss"] == Approx(plain[i]["train_loss"]).epsilon(1e-4));
      CHECK(zeno[i]["test_loss"] == Approx(plain[i]["test_loss"]).epsilon(1e-4));
    }
    // One sample of the server's is another server, but the same honest workers.
    Cell few = digits("none", "fltrust(trusted_batch=1)", 4, 0);
    few.rounds = few.evaluate_every = 1;
    Cell many = few;
    many.defense = "fltrust";
    const auto one = simulate(*exec, few).back(), hundred = simulate(*exec, many).back();
    CHECK(one["train_loss"] == hundred["train_loss"]);
    CHECK(one["aggregate_error"] > 1.1 * hundred["aggregate_error"]);
  }
}

TEST_CASE("the server draws the same samples whatever the attackers compute", "[trusted]") {
  for (const auto& exec : test_backends()) {
    // With a last round the attack makes the attackers compute messages, which they never send here.
    const auto idle = simulate(*exec, digits("zero", "fltrust")),
               busy = simulate(*exec, digits("zero(stop=1000)", "fltrust"));
    REQUIRE(idle.size() == busy.size());
    for (std::size_t i = 1; i < idle.size(); ++i) {
      INFO("evaluation " << i << " on " << backend_name(*exec));
      CHECK(busy[i]["aggregate_norm"] == Approx(idle[i]["aggregate_norm"]).epsilon(1e-4));
      CHECK(busy[i]["test_loss"] == Approx(idle[i]["test_loss"]).epsilon(1e-4));
    }
  }
}

TEST_CASE("cells with a server in a batch give the same bits as alone", "[trusted]") {
  Exec exec(Backend::cpu);
  std::vector<Cell> cells;
  for (const std::uint64_t seed : {0, 1})
    for (const char* attack : {"ipm", "alie(z=1)"})
      for (const char* defense : {"fltrust", "zeno", "nnm | fltrust", "zeno | ctma"})
        cells.push_back(digits(attack, defense, 7, 2, seed));
  for (Cell& cell : cells) cell.rounds = cell.evaluate_every = 5;
  for (const Cell& cell : cells) CHECK(cohort_key(cell) == cohort_key(cells[0]));
  const auto together = simulate(exec, cells);
  for (std::size_t c = 0; c < cells.size(); ++c) {
    INFO(cells[c].attack << " against " << cells[c].defense);
    CHECK(equal(together[c].evaluations, simulate(exec, cells[c])));
  }
}

TEST_CASE("cells with and without a server, or with different ones, do not share a cohort", "[trusted]") {
  const CohortKey fltrust = cohort_key(digits("ipm", "fltrust"));
  CHECK(cohort_key(digits("ipm", "nnm | zeno | ctma", 9, 2)) == cohort_key(digits("alie(z=1)", "fltrust", 9, 2)));
  CHECK(cohort_key(digits("ipm", "zeno")) == fltrust);
  CHECK(cohort_key(digits("ipm", "mean")) != fltrust);
  CHECK(cohort_key(digits("ipm", "fltrust(trusted_batch=50)")) != fltrust);
  CHECK(bytes_per_cell(digits("ipm", "fltrust"), *load_dataset("synthetic-digits", "", 0, 2)) >
        bytes_per_cell(digits("ipm", "mean"), *load_dataset("synthetic-digits", "", 0, 2)));
}

TEST_CASE("cohorts are sized with what rules and attacks keep from round to round", "[cohort]") {
  const auto dataset = load_dataset("synthetic-digits", "", 0, 2);
  const auto bytes = [&](const std::string& attack, const std::string& defense) {
    return bytes_per_cell(digits(attack, defense, 9, 2), *dataset);
  };
  for (const char* keeps :
       {"signsgd-fd", "foolsgold", "safeguard", "byzantine-sgd", "mixture(rules=[median, foolsgold])"})
    CHECK(bytes("ipm", keeps) > bytes("ipm", "median"));
  CHECK(bytes("delayed(rounds=100)", "median") > 5 * bytes("delayed(rounds=1)", "median"));
}

TEST_CASE("the server's samples are different ones and depend on the seed alone", "[trusted]") {
  const auto dataset = load_dataset("synthetic-digits(train=500, test=10)", "", 0, 1);
  auto drawn = deal_trusted(*dataset, 100, 3);
  CHECK(drawn == deal_trusted(*dataset, 100, 3));
  CHECK(drawn != deal_trusted(*dataset, 100, 4));
  std::sort(drawn.begin(), drawn.end());
  CHECK(std::unique(drawn.begin(), drawn.end()) == drawn.end());
  CHECK((drawn.size() == 100 && drawn.front() >= 0 && drawn.back() < 500));
  CHECK(deal_trusted(*dataset, 500, 3).size() == 500);
  CHECK(user_error([&] { deal_trusted(*dataset, 501, 3); }) ==
        "trusted_batch = 501 is more than the 500 training samples of dataset 'synthetic-digits'");
}

TEST_CASE("workers that take all their samples need a server with as many", "[trusted]") {
  Exec exec(Backend::cpu);
  Cell cell = digits("none", "fltrust", 4, 0);
  cell.batch = 0;
  cell.rounds = cell.evaluate_every = 1;
  CHECK(contains(user_error([&] { simulate(exec, cell); }), "here one has 250 and the server (trusted_batch) 100"));
  cell.defense = "fltrust(trusted_batch=250)";
  CHECK(simulate(exec, cell).size() == 2);
}

TEST_CASE("a matrix with and without servers gives every cell what it gives alone", "[trusted]") {
  const auto folder = temporary_folder();
  write_text(folder / "spec.toml", R"toml(name = "servers"
rounds = 10
evaluate_every = 5
[task]
dataset = "synthetic-digits(train=400, test=100)"
batch = 10
[workers]
total = 6
byzantine = 2
[matrix]
attacks = ["sign-flip", "optimal"]
defenses = ["median", "fltrust", "zeno"]
)toml");
  CommandOptions options;
  options.folder = folder.path();
  // The rows of the tables by what follows the cell's number.
  const auto rows = [&](const std::string& out, const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {"run", "spec.toml", "--device", "cpu", "--quiet", "--out", out};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const CommandResult result = run_command(arguments, options);
    INFO(result.err);
    REQUIRE(result.exit_code == 0);
    std::istringstream lines(file_text(folder / out / "summary.csv"));
    std::set<std::string> found;
    std::string line;
    std::getline(lines, line);
    while (std::getline(lines, line)) found.insert(line.substr(line.find(',')));
    return found;
  };
  const auto all = rows("all", {});
  CHECK(all.size() == 6);
  std::set<std::string> single;
  for (const char* defense : {"median", "fltrust", "zeno"})
    single.merge(rows(defense, {"--set", std::string("matrix.defenses=[\"") + defense + "\"]"}));
  CHECK(single == all);
  CommandResult refused = run_command({"run", "spec.toml", "--device", "cpu", "--quiet", "--out", "none", "--set",
                                       "matrix.defenses=[\"zeno(trusted_batch=401)\"]"},
                                      options);
  CHECK(refused.exit_code == 2);
  CHECK(contains(refused.err, "trusted_batch = 401 is more than the 400 training samples"));
}

}  // namespace
}  // namespace gauntlet
