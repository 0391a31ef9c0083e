// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <csignal>
#include <functional>
#include <thread>

#include "tests/command.hpp"

/// `gauntlet run` from end to end, on the CPU.
namespace gauntlet {

/// A folder with the spec in it, to run commands in.
class RunBench {
 public:
  explicit RunBench(const std::string& spec) { write_text(folder_ / "spec.toml", spec); }

  std::filesystem::path operator/(const std::string& name) const { return folder_ / name; }
  CommandOptions options() const {
    CommandOptions options;
    options.folder = folder_.path();
    return options;
  }
  static std::vector<std::string> arguments(const std::string& out, const std::vector<std::string>& more = {}) {
    std::vector<std::string> all = {"run", "spec.toml", "--device", "cpu", "--quiet", "--out", out};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  CommandResult run(const std::string& out, const std::vector<std::string>& more = {}) const {
    return run_command(arguments(out, more), options());
  }
  /// What must not depend on how the run came about.
  std::string tables(const std::string& out) const {
    return file_text(folder_ / out / "summary.csv") + "====\n" + file_text(folder_ / out / "convergence.csv") +
           file_text(folder_ / out / "events.csv");
  }

 private:
  TemporaryFolder folder_;
};

/// The tables of a run of the spec that nothing disturbs.
inline std::string undisturbed_tables(const std::string& spec) {
  const RunBench bench(spec);
  const CommandResult result = bench.run("whole", {"--threads", "1"});
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
  return bench.tables("whole");
}

inline std::ptrdiff_t lines(const std::string& text) { return std::count(text.begin(), text.end(), '\n'); }

/// Waits until the condition holds; false if the process ended before.
inline bool wait_until(Process& process, const std::function<bool()>& condition) {
  while (!condition()) {
    if (!process.running()) return false;
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  return process.running();
}

/// Whether the run has come so far that its summary holds `count` rows.
inline bool has_rows(const std::filesystem::path& folder, int count) {
  return lines(file_text(folder / "summary.csv")) > count;
}

/// Runs half of the cells, then the other half, and merges the two: the bytes must be those of the whole.
inline void check_merged_shards(const std::string& spec, const std::string& undisturbed) {
  const RunBench bench(spec);
  REQUIRE(bench.run("half1", {"--shard", "1/2"}).exit_code == 0);
  REQUIRE(bench.run("half0", {"--shard", "0/2"}).exit_code == 0);
  const CommandResult merged = run_command({"merge", "half1", "half0", "--out", "whole"}, bench.options());
  INFO(merged.err);
  CHECK(merged.exit_code == 0);
  CHECK(bench.tables("whole") == undisturbed);
}

/// Kills a run of that many cells several times and resumes it: the bytes must be those of a run that nothing disturbs.
inline void check_killed_and_resumed(const std::string& spec, int cells, const std::string& undisturbed) {
  const RunBench bench(spec);
  int killed = 0;
  for (const int rows : {0, 1, cells / 3, cells / 2}) {
    Process process(RunBench::arguments("out", {"--threads", "2"}), bench.options());
    wait_until(process, [&] { return has_rows(bench / "out", rows); });
    process.signal(SIGKILL);
    killed += process.wait().exit_code == -SIGKILL;
  }
  CHECK(killed >= 2);
  CHECK_FALSE(bench.tables("out") == undisturbed);
  const CommandResult last = bench.run("out");
  INFO(last.err);
  CHECK(last.exit_code == 0);
  CHECK(bench.tables("out") == undisturbed);
}

}  // namespace gauntlet
