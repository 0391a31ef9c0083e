// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>
#include <functional>

#include "src/data/npy.hpp"
#include "tests/command.hpp"

/// Every bad input ends the program with exit code 2 and one line that says what is wrong and where, and changes
/// nothing on the disk.
namespace gauntlet {
namespace {

namespace fs = std::filesystem;

/// A folder to run in. It holds a good spec, good data in the format of MNIST, and good messages.
class Bench {
 public:
  Bench() {
    spec();
    for (const std::string part : {"train", "t10k"}) {
      write(part + "-images-idx3-ubyte", images());
      write(part + "-labels-idx1-ubyte", labels());
    }
    const std::vector<float> values(7 * 2, 1.0f);
    write_npy(folder_ / "x.npy", values.data(), 7, 2);
  }

  /// 60 images of 4 x 4 pixels, and their labels.
  static std::string images() { return header(2051) + big_endian(4) + big_endian(4) + std::string(60 * 16, '\x40'); }
  static std::string labels() {
    std::string bytes = header(2049);
    for (int i = 0; i < 60; ++i) bytes += static_cast<char>(i % 10);
    return bytes;
  }
  static std::string big_endian(std::uint32_t value) {
    return {static_cast<char>(value >> 24), static_cast<char>(value >> 16), static_cast<char>(value >> 8),
            static_cast<char>(value)};
  }

  /// Writes the spec, with one of its lines, known by what it begins with, replaced.
  void spec(const std::string& begin = "", const std::string& line = "") const {
    std::string text;
    for (const std::string each :
         {"name = \"small\"", "rounds = 4", "evaluate_every = 2", "[task]", "dataset = \"mnist\"", "data_dir = \".\"",
          "model = \"softmax\"", "batch = 4", "[workers]", "honest = 5", "byzantine = 1", "[training]",
          "estimator = \"momentum(beta=0.9)\"", "[matrix]", "attacks = [\"none\", \"sign-flip\"]",
          "defenses = [\"mean\", \"krum\"]"})
      text += (!begin.empty() && each.rfind(begin, 0) == 0 ? line : each) + "\n";
    if (!begin.empty()) REQUIRE(contains(text, line));
    write("spec.toml", text);
  }
  void write(const std::string& name, const std::string& bytes) const { write_text(folder_ / name, bytes); }
  fs::path operator/(const std::string& name) const { return folder_ / name; }

  CommandResult command(std::vector<std::string> arguments) const {
    CommandOptions options;
    options.folder = folder_.path();
    return run_command(arguments, options);
  }
  CommandResult run(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> arguments = {"run", "spec.toml", "--quiet", "--out", "out"};
    if (std::count(more.begin(), more.end(), "--device") == 0) arguments.insert(arguments.end(), {"--device", "cpu"});
    arguments.insert(arguments.end(), more.begin(), more.end());
    return command(arguments);
  }
  std::vector<std::pair<std::string, std::string>> files() const { return contents(folder_.path()); }

 private:
  static std::string header(std::uint32_t magic) { return big_endian(magic) + big_endian(60); }

  TemporaryFolder folder_;
};

/// Exit code 2 and exactly this one line on standard error.
void check_refused(const CommandResult& result, const std::string& line) {
  CHECK(result.exit_code == 2);
  CHECK(result.out.empty());
  CHECK(result.err == "gauntlet: " + line + "\n");
}

/// The same where the line only begins so and holds `part`, because the system or a list of names has its say in it.
void check_refused(const CommandResult& result, const std::string& begin, const std::string& part) {
  INFO(result.err);
  CHECK(result.exit_code == 2);
  CHECK(result.out.empty());
  CHECK(std::count(result.err.begin(), result.err.end(), '\n') == 1);
  CHECK(result.err.rfind("gauntlet: " + begin, 0) == 0);
  CHECK(contains(result.err, part));
}

TEST_CASE("the good spec and the good files that the bad ones differ from are accepted") {
  const Bench bench;
  const CommandResult result = bench.run();
  INFO(result.err);
  CHECK(result.exit_code == 0);
  CHECK(fs::exists(bench / "out/summary.csv"));
  CHECK(bench.command({"aggregate", "--defense", "krum", "--byzantine", "2", "--input", "x.npy", "--output", "y.npy"})
            .exit_code == 0);
  CHECK(read_npy(bench / "y.npy").values == std::vector<float>{1, 1});
}

TEST_CASE("a bad spec is refused with its place and the nearest name and leaves no results folder") {
  struct Case {
    std::string begin, line, message;
  };
  const std::vector<Case> cases = {
      {"batch", "bacth = 4", "spec.toml:8:1: unknown key 'bacth' in [task]; did you mean 'batch'?"},
      {"[workers]", "[worker]", "spec.toml:9:2: unknown key 'worker'; did you mean 'workers'?"},
      {"defenses", "defenses = [\"mean\", \"krmu\"]", "spec.toml:16:21: unknown defense 'krmu'; did you mean 'krum'?"},
      {"defenses", "defenses = [\"nnm | trimed-mean\"]",
       "spec.toml:16:13: unknown defense 'trimed-mean'; did you mean 'trimmed-mean'?"},
      {"attacks", "attacks = \"sing-flip\"", "spec.toml:15:11: unknown attack 'sing-flip'; did you mean 'sign-flip'?"},
      {"dataset", "dataset = \"mnits\"", "spec.toml:5:11: unknown dataset 'mnits'; did you mean 'mnist'?"},
      {"model", "model = \"sotfmax\"", "spec.toml:7:9: unknown model 'sotfmax'; did you mean 'softmax'?"},
      {"estimator", "estimator = \"momentum(bta=0.9)\"",
       "spec.toml:13:13: momentum: unknown parameter 'bta'; did you mean 'beta'?"},
      {"defenses", "defenses = [\"multi-krum(m=99)\"]", "spec.toml:16:13: multi-krum: m = 99 is out of range 1..6"},
      {"estimator", "estimator = \"momentum(beta=1.5)\"",
       "spec.toml:13:13: momentum: beta = 1.5 is out of range 0..0.999999"},
      {"rounds", "rounds = 0", "spec.toml:2:10: rounds = 0 is out of range 1..1000000000"},
      {"rounds", "rounds = \"many\"", "spec.toml:2:10: rounds must be a whole number, found the string 'many'"},
      {"byzantine", "byzantine = -1", "spec.toml:11:13: workers.byzantine = -1 is out of range 0..1000000"},
      {"defenses", "defenses = []",
       "spec.toml:16:12: matrix.defenses is an empty list; an axis needs at least one value"},
      {"attacks", "attacks = [\"none\", \"none\"]", "spec.toml:15:20: matrix.attacks holds 'none' twice"},
      {"name", "nmae = \"small\"", "spec.toml:1:1: unknown key 'nmae'; did you mean 'name'?"},
      {"defenses", "defenses = [\"krum\"]\nprotocol = \"server\"",
       "spec.toml:17:1: unknown key 'protocol' in [matrix]"},
      {"defenses", "defenses = [\"ctma\"]",
       "spec.toml:16:13: defense 'ctma': the meta-aggregator 'ctma' must come after a rule, as in 'median | ctma'"},
      {"defenses", "defenses = [\"mean |\"]",
       "spec.toml:16:13: 'mean |': expected a name, found the end at position 7"},
  };
  for (const Case& each : cases) {
    INFO(each.line);
    const Bench bench;
    bench.spec(each.begin, each.line);
    check_refused(bench.run(), each.message);
    CHECK_FALSE(fs::exists(bench / "out"));
  }
}

TEST_CASE("text that is not TOML, and what is no file, is refused with its place") {
  const Bench bench;
  bench.write("spec.toml", "rounds = 4\nrounds = [\n");
  check_refused(bench.run(), "spec.toml:2:", "");
  check_refused(bench.command({"run", "absent.toml", "--out", "out"}), "absent.toml: no such file");
  fs::create_directory(bench / "folder.toml");
  check_refused(bench.command({"run", "folder.toml", "--out", "out"}), "folder.toml: is a directory, not a spec file");
  CHECK_FALSE(fs::exists(bench / "out"));
}

TEST_CASE("f that is too large for a rule is refused where the rule is alone and skipped among others") {
  const Bench bench;
  bench.spec("defenses", "defenses = [\"krum\"]");
  check_refused(bench.run({"--set", "workers.byzantine=3"}),
                "spec.toml:16:13: the matrix is empty:", "krum needs n > 2f + 2 (n = 8, f = 3)");
  CHECK_FALSE(fs::exists(bench / "out"));
  CHECK(bench.run({"--set", "workers.byzantine=[1, 3]"}).exit_code == 0);
  CHECK(contains(file_text(bench / "out/summary.csv"), ",skipped,\"krum needs n > 2f + 2 (n = 8, f = 3)\""));
}

TEST_CASE("a data file that is missing, truncated or wrong is refused by its name") {
  struct Case {
    std::string file, bytes, message;
  };
  const std::string images = Bench::images(), labels = Bench::labels();
  std::string label_10 = labels, magic = images;
  label_10[8 + 7] = 10;
  magic[3] = 1;
  const std::vector<Case> cases = {
      {"train-images-idx3-ubyte", images.substr(0, 500), "truncated: 500 bytes, expected 976 by its header"},
      {"train-images-idx3-ubyte", images + "x", "trailing bytes: 977 bytes, expected 976 by its header"},
      {"train-images-idx3-ubyte", magic, "magic number 2049, expected 2051 for IDX images"},
      {"t10k-images-idx3-ubyte", labels, "magic number 2049, expected 2051 for IDX images"},
      {"train-labels-idx1-ubyte", labels.substr(0, 5), "truncated: 5 bytes"},
      {"train-labels-idx1-ubyte", label_10, "label 10 at position 7, expected 0 to 9"},
      {"t10k-labels-idx1-ubyte", Bench::big_endian(2049) + Bench::big_endian(1) + std::string(1, '\0'),
       "1 labels, expected 60"},
      {"t10k-labels-idx1-ubyte", "", "truncated: 0 bytes"},
      {"t10k-images-idx3-ubyte", "\x1f\x8b\x08 not gzip at all", "corrupt gzip data"},
  };
  for (const Case& each : cases) {
    INFO(each.message);
    const Bench bench;
    bench.write(each.file, each.bytes);
    check_refused(bench.run(), "./" + each.file + ": ", each.message);
    CHECK_FALSE(fs::exists(bench / "out"));
  }
  const Bench bench;
  fs::remove(bench / "t10k-labels-idx1-ubyte");
  check_refused(bench.run(), "dataset 'mnist': ", "t10k-labels-idx1-ubyte");
  check_refused(bench.run({"--set", "task.data_dir=nowhere"}), "dataset 'mnist': ", "nowhere/mnist");
  check_refused(bench.run({"--set", "task.dataset=cifar10"}), "dataset 'cifar10': no data_batch_1.bin", "");
  CHECK_FALSE(fs::exists(bench / "out"));
}

TEST_CASE("results are not continued with other data") {
  const Bench bench;
  CHECK(bench.run().exit_code == 0);
  const auto before = contents(bench / "out");
  CHECK(bench.run().exit_code == 0);
  std::string labels = Bench::labels();
  labels.back() = 1;
  bench.write("train-labels-idx1-ubyte", labels);
  const auto refused = contents(bench / "out");
  check_refused(bench.run(), "'out' holds the results of other data: mnist (checksum ", "--overwrite");
  CHECK(contents(bench / "out") == refused);
  CHECK(bench.run({"--overwrite"}).exit_code == 0);
  CHECK(contents(bench / "out") != before);
}

TEST_CASE("a batch of everything is refused before the run where workers hold different numbers of samples") {
  const Bench bench;
  const auto refused = [&](std::vector<std::string> settings, const std::string& part) {
    std::vector<std::string> arguments = {"--set", "task.batch=0"};
    for (const std::string& setting : settings) arguments.insert(arguments.end(), {"--set", setting});
    check_refused(bench.run(arguments),
                  "task.batch = 0 (all samples) needs workers with equally many samples; here one has ", part);
    CHECK_FALSE(fs::exists(bench / "out"));
  };
  refused({"task.partition=dirichlet(alpha=0.1)", "task.byzantine_data=true"}, "and another ");
  refused({}, "12 and a Byzantine one, which computes its message under this attack, 60");
  refused({"workers.byzantine=[0, 1]", "matrix.attacks=sign-flip"}, "12 and a Byzantine one");
  refused({"matrix.attacks=ipm", "matrix.defenses=zeno(trusted_batch=7)"}, "12 and the server (trusted_batch) 7");
  // Where those who send have equally many: Byzantine workers that compute nothing do not count.
  for (const std::vector<std::string>& settings : std::vector<std::vector<std::string>>{
           {"task.byzantine_data=true"},
           {"workers.honest=1"},
           {"matrix.attacks=ipm"},
           {"matrix.attacks=ipm", "task.byzantine_data=true", "workers.honest=3", "workers.byzantine=4"}}) {
    std::vector<std::string> arguments = {"--set", "task.batch=0", "--set", "matrix.defenses=mean", "--overwrite"};
    for (const std::string& setting : settings) arguments.insert(arguments.end(), {"--set", setting});
    const CommandResult result = bench.run(arguments);
    INFO(settings.back() << ": " << result.err);
    CHECK(result.exit_code == 0);
  }
}

TEST_CASE("a model that does not fit the data is refused") {
  const Bench bench;
  check_refused(bench.run({"--set", "task.model=linear"}), "linear: ", "softmax");
  check_refused(bench.run({"--set", "task.dataset=quadratic"}), "softmax: ", "use linear");
  check_refused(bench.run({"--set", "task.model=cnn"}), "cnn", "4 x 4");
  CHECK_FALSE(fs::exists(bench / "out"));
}

TEST_CASE("a matrix of the wrong type or shape is refused by its file's name") {
  const auto npy = [](const std::string& descr, const std::string& shape, std::size_t data_bytes) {
    std::string header = "{'descr': '" + descr + "', 'fortran_order': False, 'shape': " + shape + ", }";
    header.resize(117, ' ');
    header += '\n';
    return std::string("\x93NUMPY\x01\x00", 8) + static_cast<char>(header.size()) + '\0' + header +
           std::string(data_bytes, '\0');
  };
  const std::vector<std::pair<std::string, std::string>> cases = {
      {npy("<i8", "(7, 2)", 112), "found type '<i8'; accepted is float32"},
      {npy(">f4", "(7, 2)", 56), "found type '>f4'; accepted is float32"},
      {npy("<f4", "(14,)", 56), "found shape (14,); accepted is n x d"},
      {npy("<f4", "(7, 2, 1)", 56), "found shape (7, 2, 1); accepted is n x d"},
      {npy("<f4", "(0, 2)", 0), "found shape (0, 2); accepted is n x d"},
      {npy("<f4", "(7, 2)", 55), "found 55 bytes of data for shape (7, 2)"},
      {npy("<f4", "(7, 2)", 56).substr(0, 40), "found a file that ends inside its header"},
      {"PK\x03\x04", "at the start; accepted is a .npy file"},
      {"", "at the start; accepted is a .npy file"},
  };
  const Bench bench;
  for (const auto& [bytes, message] : cases) {
    INFO(message);
    bench.write("bad.npy", bytes);
    for (const std::vector<std::string>& command :
         {std::vector<std::string>{"aggregate", "--defense", "median"}, {"attack", "--attack", "sign-flip"}}) {
      std::vector<std::string> arguments = command;
      arguments.insert(arguments.end(), {"--byzantine", "1", "--input", "bad.npy", "--output", "y.npy"});
      check_refused(bench.command(arguments), "bad.npy: ", message);
    }
  }
  CHECK_FALSE(fs::exists(bench / "y.npy"));
}

TEST_CASE("aggregate and attack refuse what the messages do not allow") {
  struct Case {
    std::vector<std::string> arguments;
    std::string begin, part;
  };
  const std::vector<Case> cases = {
      {{"aggregate", "--defense", "krum", "--byzantine", "3"}, "", "krum needs n > 2f + 2 (n = 7, f = 3)"},
      {{"aggregate", "--defense", "krmu", "--byzantine", "1"}, "unknown defense 'krmu'; did you mean 'krum'?", ""},
      {{"aggregate", "--defense", "krum(nieghbors=2)", "--byzantine", "1"},
       "krum: unknown parameter 'nieghbors'; did you mean 'neighbors'?",
       ""},
      {{"aggregate", "--defense", "krum(neighbors=9)", "--byzantine", "1"}, "krum: neighbors = 9 is out of range", ""},
      {{"aggregate", "--defense", "", "--byzantine", "1"}, "", "expected a name"},
      {{"aggregate", "--defense", "mean", "--byzantine", "-1"}, "--byzantine: ", "-1"},
      {{"aggregate", "--defense", "mean", "--byzantine", "7"}, "--byzantine 7: 'x.npy' has only 7 rows", ""},
      {{"aggregate", "--defense", "mean", "--byzantine", "two"}, "", "--byzantine"},
      {{"attack", "--attack", "sing-flip", "--byzantine", "1"},
       "unknown attack 'sing-flip'; did you mean 'sign-flip'?",
       ""},
      {{"attack", "--attack", "sign-flip + cover-up", "--byzantine", "1"},
       "'cover-up' is an attack on peers that check each other: protocol btard",
       ""},
      {{"attack", "--attack", "sign-flip", "--byzantine", "7"}, "--byzantine 7: 'x.npy' has only 7 rows", ""},
      {{"attack", "--attack", "alie(z=high)", "--byzantine", "2"}, "alie: z = high is neither", ""},
  };
  const Bench bench;
  for (const Case& each : cases) {
    std::vector<std::string> arguments = each.arguments;
    arguments.insert(arguments.end(), {"--input", "x.npy", "--output", "y.npy", "--device", "cpu"});
    INFO(arguments[0] << ' ' << arguments[2] << ' ' << arguments[4]);
    check_refused(bench.command(arguments), each.begin, each.part);
  }
  const std::vector<std::string> mean = {"aggregate", "--defense", "mean", "--byzantine", "1", "--device", "cpu"};
  const auto with = [&](const std::string& input, const std::string& output) {
    std::vector<std::string> arguments = mean;
    arguments.insert(arguments.end(), {"--input", input, "--output", output});
    return bench.command(arguments);
  };
  const auto doubles = [](const std::vector<double>& values) {
    std::string bytes =
        std::string("\x93NUMPY\x01\x00\x36\x00", 10) + "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 1)}";
    bytes[8] = static_cast<char>(bytes.size() - 10);
    return bytes.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(double));
  };
  bench.write("huge.npy", doubles({1, 3.5e38}));
  check_refused(with("huge.npy", "y.npy"), "huge.npy: found 3.5e+38 at [1, 0]; ", "single precision");
  bench.write("close.npy", doubles({1e6, 1e6 + 1e-3}));
  for (const char* command : {"aggregate", "attack"}) {
    const std::string kind = std::string(command) == "attack" ? "--attack" : "--defense";
    const CommandResult close =
        bench.command({command, kind, std::string(command) == "attack" ? "sign-flip" : "mean", "--byzantine", "1",
                       "--device", "cpu", "--input", "close.npy", "--output", "close_out.npy"});
    CHECK(close.exit_code == 0);
    CHECK(close.err ==
          "gauntlet: warning: close.npy: rows 0 and 1 differ, but not in single precision, in which "
          "gauntlet computes\n");
    CHECK(contains(bench.command({command, "--help"}).out, "single precision"));
  }
  check_refused(with("absent.npy", "y.npy"), "cannot read 'absent.npy': No such file or directory");
  check_refused(with(".", "y.npy"), "cannot read '.': Is a directory");
  check_refused(with("x.npy", "absent/y.npy"), "cannot write 'absent/y.npy': No such file or directory");
  check_refused(with("x.npy", "/dev/full"), "cannot write '/dev/full': No space left on device");
  CHECK_FALSE(fs::exists(bench / "y.npy"));
}

TEST_CASE("an output folder that cannot be written or holds another spec's results is refused and left as it is") {
  const Bench bench;
  bench.write("file", "mine");
  check_refused(bench.command({"run", "spec.toml", "--out", "file"}), "cannot create the folder 'file': ", "");
  check_refused(bench.command({"run", "spec.toml", "--out", "file/below"}),
                "cannot create the folder 'file/below': ", "");
  check_refused(bench.command({"run", "spec.toml", "--out", "/proc/gauntlet"}),
                "cannot create the folder '/proc/gauntlet': ", "");
  CHECK(file_text(bench / "file") == "mine");

  REQUIRE(bench.run().exit_code == 0);
  const auto before = bench.files();
  check_refused(
      bench.run({"--set", "rounds=6"}),
      "'out' holds the results of another spec (spec.toml line 2: 'rounds = [4]', not 'rounds = [6]'); choose "
      "another --out or discard them with --overwrite");
  CHECK(bench.files() == before);
  fs::remove(bench / "out/spec.toml");
  check_refused(bench.run(), "'out' holds results without their spec.toml; ", "--overwrite");
}

TEST_CASE("merge and table refuse what they cannot use") {
  const Bench bench;
  REQUIRE(bench.run().exit_code == 0);
  REQUIRE(bench.command({"run", "spec.toml", "--quiet", "--out", "other", "--set", "rounds=6"}).exit_code == 0);
  const auto before = bench.files();
  check_refused(bench.command({"merge", "out", "other", "--out", "both"}), "", "other");
  check_refused(bench.command({"merge", "out", "absent", "--out", "both"}), "", "absent");
  check_refused(bench.command({"table", "absent"}), "", "absent");
  check_refused(bench.command({"table", "out", "--metric", "final_acuracy"}), "", "did you mean 'final_accuracy'?");
  check_refused(bench.command({"table", "out", "--rows", "defence"}), "", "did you mean 'defense'?");
  check_refused(bench.command({"table", "out", "--format", "pdf"}), "", "latex");
  CHECK(bench.files() == before);
  CHECK_FALSE(fs::exists(bench / "both"));
}

TEST_CASE("a command line that nothing understands is refused with the nearest name") {
  const Bench bench;
  check_refused(bench.command({"rnu", "spec.toml"}), "unknown command 'rnu'; did you mean 'run'?");
  check_refused(bench.run({"--drry-run"}), "unknown option '--drry-run'; did you mean '--dry-run'?");
  check_refused(bench.run({"more"}), "unexpected argument 'more'");
  check_refused(bench.run({"--device", "gpu"}), "", "'gpu'");
  check_refused(bench.run({"--device", "cuda:99"}), "", "cuda");
  check_refused(bench.run({"--shard", "2/2"}), "--shard '2/2': write I/N with 0 <= I < N, such as 0/2 and 1/2");
  check_refused(bench.run({"--threads", "0"}), "--threads: ", "0");
  check_refused(bench.run({"--set", "round=5"}), "--set round: unknown key 'round'; did you mean 'rounds'?");
  check_refused(bench.run({"--set", "rounds"}), "--set", "rounds");
  check_refused(bench.command({"run"}), "spec is required", "");
  check_refused(bench.command({"list", "krmu"}), "there is no kind or component 'krmu'; did you mean 'krum'?");
  CHECK_FALSE(fs::exists(bench / "out"));
}

}  // namespace
}  // namespace gauntlet
