// SPDX-License-Identifier: Apache-2.0
#include "tests/reference/trusted.hpp"

#include <limits>

#include "src/data/npy.hpp"
#include "tests/command.hpp"
#include "tests/reference/defenses.hpp"
#include "tests/trial.hpp"

/// Rules that take a message of the server's own.
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
        CHECK(relative_error(aggregate(*exec, text, rows, f), reference::expected(text, rows, f)) <= 1e-5);
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
      reference::Matrix mixed = reference::expected(before, rows, f);
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

}  // namespace
}  // namespace gauntlet
