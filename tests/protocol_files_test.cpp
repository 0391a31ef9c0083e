// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "src/commands/protocol_files.hpp"
#include "src/data/npy.hpp"
#include "tests/backends.hpp"
#include "tests/command.hpp"

/// What the command `protocol` says of folders that do not hold what it needs.
namespace gauntlet {
namespace {

/// A folder with so many zeros in a file.
struct Folder {
  TemporaryFolder folder;

  void write(const std::string& name, const std::vector<std::size_t>& shape, float value = 0) const {
    std::size_t size = 1;
    for (const std::size_t length : shape) size *= length;
    write_npy(folder / name, std::vector<float>(size, value).data(), shape);
  }
  std::string error(const std::string& protocol, const std::string& defense, const std::string& attack, int f) const {
    return user_error([&] {
      run_protocol(*test_backends().front(), {protocol, defense, attack, f, 0, folder.path()});
    });
  }
};

TEST_CASE("a folder for agreement: what is missing, does not fit or is said twice", "[protocols][agreement]") {
  const Folder given;
  const auto error = [&](const std::string& attack = "", const std::string& protocol = "agreement(rounds=3)") {
    return given.error(protocol, "mean", attack, 2);
  };
  CHECK(contains(error(), "honest.npy': No such file"));
  given.write("honest.npy", {5});
  CHECK(contains(error(), "honest.npy: found 5; accepted is h x d, the honest clients' vectors"));
  given.write("honest.npy", {5, 4});
  CHECK(contains(error(), "messages.npy': No such file"));
  given.write("messages.npy", {2, 5, 2, 4});
  CHECK(contains(error(),
                 "found 2 x 5 x 2 x 4; accepted is K x h x f x d: exchange, receiver, Byzantine sender, here "
                 "3 x 5 x 2 x 4"));
  CHECK(contains(given.error("agreement", "mean", "", 1), "here any x 5 x 1 x 4"));
  CHECK(error("", "agreement(rounds=2)").empty());
  CHECK(error("", "agreement").empty());  // as many sub-rounds as there are messages
  CHECK(contains(error("", "agreement(round=2)"), "did you mean 'rounds'?"));
  CHECK(contains(given.error("agreement", "", "", 2), "--defense"));
  given.write("delivered.npy", {2, 5, 3}, 1);
  CHECK(contains(error("", "agreement"),
                 "delivered.npy: found 2 x 5 x 3; accepted is K x h x f of 0 and 1, here 2 x 5 "
                 "x 2"));
  given.write("delivered.npy", {2, 5, 2}, 0.5f);
  CHECK(contains(error("", "agreement"), "delivered.npy: found 0.5"));
  given.write("delivered.npy", {2, 5, 2}, 0);
  CHECK(error("", "agreement").empty());

  CHECK(contains(error("ipm"), "messages.npy says already what is sent"));
  std::filesystem::remove(given.folder / "messages.npy");
  CHECK(contains(error("ipm"), "delivered.npy says already what is sent"));
  std::filesystem::remove(given.folder / "delivered.npy");
  CHECK(error("ipm").empty());
  CHECK(error("ipm + cover-up") ==
        "protocol agreement: 'cover-up' is an attack on peers that check each other: protocol btard");
  CHECK(contains(error("ipm", "agreement"), "rounds=auto follows the rounds of a training; give a number"));
  CHECK(contains(error("sign-flip"), "own.npy"));
  given.write("own.npy", {1, 4});
  CHECK(contains(error("sign-flip"), "own.npy: found 1 x 4; accepted is f x d"));
  given.write("own.npy", {2, 4});
  CHECK(error("sign-flip").empty());
  CHECK(given.error("agreement(rounds=2)", "mean", "", 0).empty());
  CHECK(contains(given.error("agreement", "mean", "", 0), "rounds=auto"));
}

TEST_CASE("a folder for gossip: what is missing or does not fit, and none for a graph's weights",
          "[protocols][gossip]") {
  const Folder given;
  const auto error = [&](const std::string& graph, const std::string& defense, const std::string& attack, int f) {
    return given.error("gossip(graph=" + graph + ", rounds=2)", defense, attack, f);
  };
  CHECK(contains(error("ring", "mean", "", 1), "values.npy': No such file"));
  CHECK(error("ring(nodes=5)", "", "", 0).empty());
  CHECK(contains(error("ring", "", "", 0), "write ring(nodes=4)"));
  given.write("values.npy", {5, 4});
  CHECK(contains(error("ring(nodes=5)", "", "", 0), "--defense"));
  CHECK(error("complete", "mean", "", 0).empty());
  CHECK(contains(error("complete", "mean", "", 5), "only 5 rows, of which at least one must be honest"));
  CHECK(contains(error("complete", "mean", "", 1), "messages.npy': No such file"));
  CHECK(error("complete", "mean", "sign-flip", 1).empty());
  given.write("messages.npy", {2, 4, 2, 4});
  CHECK(contains(error("complete", "mean", "", 1), "found 2 x 4 x 2 x 4; accepted is K x h x f x d"));
  given.write("messages.npy", {2, 4, 1, 4});
  CHECK(error("complete", "mean", "", 1).empty());
  CHECK(error("complete", "mean", "dissensus", 1).empty());
}

TEST_CASE("protocols that run on no folder say what to use instead", "[protocols]") {
  const Folder given;
  CHECK(contains(given.error("server", "mean", "", 0), "use gauntlet aggregate or attack"));
  CHECK(contains(given.error("agrement", "mean", "", 0), "unknown protocol 'agrement'; did you mean 'agreement'?"));
  CHECK(contains(user_error([&] { run_protocol(*test_backends().front(), {"agreement", "mean", ""}); }), "--input: "));
}

TEST_CASE("the command protocol names an output folder that cannot be made", "[protocols]") {
  const Folder given;
  given.write("honest.npy", {5, 4}, 1);
  const std::string file = (given.folder / "honest.npy").string();
  const auto run = [&](const std::string& output) {
    return run_command({"protocol", "--protocol", "agreement(rounds=2)", "--defense", "mean", "--byzantine", "0",
                        "--input", given.folder.path().string(), "--output", output, "--device", "auto"});
  };
  const CommandResult refused = run(file);
  CHECK(refused.exit_code == 2);
  CHECK(contains(refused.err, "cannot create the folder '" + file + "'"));
  const CommandResult done = run((given.folder / "out").string());
  CHECK(done.exit_code == 0);
  const NpyArray vectors = read_npy_array(given.folder / "out" / "vectors.npy");
  CHECK(vectors.shape == std::vector<std::size_t>{2, 5, 4});
  CHECK(vectors.values == std::vector<float>(40, 1));
}

TEST_CASE("a step of btard that is given: statements of anybody may be false, and no number at all",
          "[protocols][btard]") {
  const Folder given;
  given.write("sent.npy", {4, 20}, 1);
  given.write("direction.npy", {20}, 1);
  given.write("s_lie.npy", {4, 4}, 1);
  const auto events = [&](const std::string& protocol, int f) {
    return run_protocol(*test_backends().front(), {protocol, "centered-clipping(tau=1)", "", f, 0, given.folder.path()})
        .back()
        .text;
  };
  for (const int f : {0, 1}) {
    const std::string text = events("btard", f);
    CHECK(std::count(text.begin(), text.end(), '\n') == 1 + 4 * (4 - f) + 4);
  }
  given.write("s_lie.npy", {4, 4}, NAN);
  CHECK(contains(events("btard(without=verification-1)", 1), "verification-2,-1,-1,0,guilty,0 1 2 3"));
}

TEST_CASE("gradients so small that floats have few digits are no reason to suspect anybody", "[protocols][btard]") {
  const Folder given;
  std::vector<float> sent(5 * 40);
  for (std::size_t k = 0; k < sent.size(); ++k) sent[k] = static_cast<float>(k * k % 7) * 1.4e-45f;
  write_npy(given.folder / "sent.npy", sent.data(), {5, 40});
  given.write("direction.npy", {40}, 1);
  for (const auto& exec : test_backends())
    for (const std::string protocol : {"btard", "btard(delta_max=1e-60)"})
      CHECK_FALSE(contains(
          run_protocol(*exec, {protocol, "centered-clipping(tau=1)", "", 1, 0, given.folder.path()}).back().text,
          "guilty"));
}

}  // namespace
}  // namespace gauntlet
