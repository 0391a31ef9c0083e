// SPDX-License-Identifier: Apache-2.0
#include <sys/resource.h>

#include <csignal>
#include <fstream>
#include <limits>

#include "src/report/csv.hpp"
#include "src/report/documentation.hpp"
#include "src/report/merge.hpp"
#include "src/report/results.hpp"
#include "src/report/table.hpp"
#include "src/report/timing.hpp"
#include "tests/report/results.hpp"

using namespace gauntlet;
namespace fs = std::filesystem;

namespace {

std::string header(const std::vector<std::string>& columns) { return CsvWriter().row(columns).text(); }

/// While it lives, no file can grow beyond `bytes`: writes fail as on a full disk.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    rlimit limit = before_;
    limit.rlim_cur = bytes;
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  void (*handler_)(int);
  rlimit before_{};
};

}  // namespace

TEST_CASE("A row of each table holds what the cell measured", "[report]") {
  const auto folder = temporary_folder();
  run(folder / "r");
  const CsvTable summary = read_csv(folder / "r" / "summary.csv");
  REQUIRE(summary.rows.size() == cells);
  const auto text = [&](std::size_t row, const char* column) { return summary.rows[row][summary.column(column)]; };
  CHECK(text(0, "cell") == "0");
  CHECK(text(3, "cell") == "3");
  CHECK(text(0, "defense") == "bucketing(size=2, \"x\") | krum");
  CHECK(text(0, "seed") == "18446744073709551615");
  CHECK(text(0, "byzantine_data") == "false");
  CHECK(text(0, "evaluations") == "2");
  CHECK(text(0, "final_accuracy") == "0.2");
  CHECK(text(0, "best_accuracy") == "0.2");
  CHECK(text(0, "final_train_loss") == "0.3333333333333333");
  CHECK(text(0, "mean_aggregate_error").empty());
  CHECK(text(0, "mean_aggregate_cosine") == "0.25");
  CHECK(text(1, "status") == "skipped");
  CHECK(text(1, "reason") == "krum needs n > 2f + 2,\n\"n\" = 4");
  CHECK(text(1, "final_accuracy").empty());
  CHECK(text(2, "status") == "diverged");
  const CsvTable convergence = read_csv(folder / "r" / "convergence.csv");
  REQUIRE(convergence.rows.size() == 6);
  CHECK(convergence.rows[5][convergence.column("round")] == "20");
  CHECK(convergence.rows[5][convergence.column("aggregate_norm")] == "inf");
  CHECK(convergence.rows[5][convergence.column("optimum_distance")].empty());
  CHECK(convergence.rows[5][convergence.column("worker_weights")].empty());
}

TEST_CASE("A run killed at any byte is completed to the same files", "[report]") {
  const auto folder = temporary_folder();
  run(folder / "whole");
  const std::string expected = both_files(folder / "whole");
  // The bytes in the order in which a run writes them; `true` goes to summary.csv.
  std::vector<std::pair<bool, char>> written;
  for (const int i : {2, 0, 1}) {
    for (const char c : convergence_rows(make_cell(i), make_result(i, status_of(i)))) written.emplace_back(false, c);
    for (const char c : summary_row(make_cell(i), make_result(i, status_of(i)))) written.emplace_back(true, c);
  }
  const fs::path killed = folder / "killed";
  fs::create_directory(killed);
  std::string summary = header(summary_columns()), convergence = header(convergence_columns());
  for (std::size_t size = 0; size <= written.size(); ++size) {
    put(killed / "spec.toml", spec);
    put(killed / "summary.csv", summary);
    put(killed / "convergence.csv", convergence);
    ResultsFolder results(killed, spec, false);
    complete(results);
    if (both_files(killed) != expected) FAIL("differs when killed after " << size << " bytes");
    if (size < written.size()) (written[size].first ? summary : convergence) += written[size].second;
  }
  CHECK(both_files(killed) == expected);
}

TEST_CASE("Files cut independently of each other are completed to the same files", "[report]") {
  const auto folder = temporary_folder();
  run(folder / "r");
  const std::string expected = both_files(folder / "r");
  const std::string summary = raw(folder / "r" / "summary.csv"), convergence = raw(folder / "r" / "convergence.csv");
  for (std::size_t i = 0; i <= summary.size(); i += 61) {
    for (std::size_t j = 0; j <= convergence.size(); j += 67) {
      put(folder / "r" / "summary.csv", summary.substr(0, i));
      put(folder / "r" / "convergence.csv", convergence.substr(0, j));
      ResultsFolder results(folder / "r", spec, false);
      complete(results);
      if (both_files(folder / "r") != expected) FAIL("differs when cut at " << i << " and " << j);
    }
  }
  fs::remove(folder / "r" / "convergence.csv");
  put(folder / "r" / "summary.csv.1.tmp", "left by a killed process");
  run(folder / "r");
  CHECK(both_files(folder / "r") == expected);
  CHECK_FALSE(fs::exists(folder / "r" / "summary.csv.1.tmp"));
}

TEST_CASE("The same run again computes nothing and changes nothing", "[report]") {
  const auto folder = temporary_folder();
  run(folder / "r");
  const std::string before = both_files(folder / "r");
  {
    ResultsFolder results(folder / "r", spec, false);
    CHECK(results.finished_count() == cells);
    for (int i = 0; i < cells; ++i) CHECK(results.finished(i));
    CHECK_THROWS_AS(results.append(make_cell(0), make_result(0)), std::logic_error);
    results.finish();
  }
  CHECK(both_files(folder / "r") == before);
  const ResultsFolder fresh(folder / "r", spec, true);
  CHECK(fresh.finished_count() == 0);
  CHECK(raw(folder / "r" / "summary.csv") == header(summary_columns()));
}

TEST_CASE("Failed cells run again, the others do not", "[report]") {
  const auto folder = temporary_folder();
  {
    ResultsFolder results(folder / "r", spec, false);
    CellResult failure = make_result(0, CellStatus::failed);
    failure.reason = "out of memory";
    results.append(make_cell(0), failure);
    results.append(make_cell(2), make_result(2, CellStatus::diverged));
    results.finish();
    CHECK(contains(raw(folder / "r" / "summary.csv"), "out of memory"));
  }
  {
    const ResultsFolder results(folder / "r", spec, false);
    CHECK_FALSE(results.finished(0));
    CHECK(results.finished(2));
  }
  run(folder / "r");
  run(folder / "whole");
  CHECK(both_files(folder / "r") == both_files(folder / "whole"));
}

TEST_CASE("A folder of another spec is refused and left as it is", "[report]") {
  const auto folder = temporary_folder();
  run(folder / "r");
  const std::string before = both_files(folder / "r");
  const std::string error = user_error([&] { ResultsFolder(folder / "r", "name = \"small\"\nrounds = 30\n", false); });
  CHECK(contains(error, "line 2: 'rounds = 20', not 'rounds = 30'"));
  CHECK(contains(error, "--overwrite"));
  CHECK(contains(error, "--out"));
  CHECK(contains(user_error([&] { ResultsFolder(folder / "r", spec + "x = 1\n", false); }), "another spec"));
  CHECK(contains(user_error([&] { ResultsFolder(folder / "r", "", false); }), "another spec"));
  CHECK(both_files(folder / "r") == before);
  CHECK(raw(folder / "r" / "spec.toml") == spec);
  fs::remove(folder / "r" / "spec.toml");
  CHECK(contains(user_error([&] { ResultsFolder(folder / "r", spec, false); }), "without their spec.toml"));
  put(folder / "r" / "spec.toml", spec);
  put(folder / "r" / "summary.csv", "other,columns\n1,2\n");
  CHECK(contains(user_error([&] { ResultsFolder(folder / "r", spec, false); }), "summary.csv: the columns"));
  ResultsFolder(folder / "r", "other = 1\n", true).finish();
  CHECK(raw(folder / "r" / "spec.toml") == "other = 1\n");
}

TEST_CASE("Two processes cannot write one folder, and the lock dies with its owner", "[report]") {
  const auto folder = temporary_folder();
  {
    const ResultsFolder first(folder / "r", spec, false);
    CHECK(contains(user_error([&] { ResultsFolder(folder / "r", spec, false); }), "another gauntlet process"));
    CHECK(contains(user_error([&] { ResultsFolder(folder / "r", spec, true); }), "another gauntlet process"));
  }
  CHECK(fs::exists(folder / "r" / ".lock"));
  CHECK(user_error([&] { ResultsFolder(folder / "r", spec, false); }).empty());
}

TEST_CASE("A full disk is the user's error and counts nothing half-written", "[report]") {
  const auto folder = temporary_folder();
  run(folder / "whole");
  for (const int spare : {0, 1, 40, 120, 200}) {
    const fs::path path = folder / ("spare" + std::to_string(spare));
    {
      ResultsFolder results(path, spec, false);
      results.append(make_cell(3), make_result(3));
      const std::string summary = raw(path / "summary.csv"), convergence = raw(path / "convergence.csv");
      const FileSizeLimit full(summary.size() + static_cast<std::size_t>(spare));
      const std::string error = user_error([&] {
        results.append(make_cell(0), make_result(0));
        results.append(make_cell(1), make_result(1, CellStatus::skipped));
      });
      CHECK(contains(error, "cannot write '" + path.string()));
      // What stands in the summary is whole rows.
      CHECK(raw(path / "summary.csv").back() == '\n');
      CHECK(raw(path / "summary.csv").substr(0, summary.size()) == summary);
    }
    run(path);
    CHECK(both_files(path) == both_files(folder / "whole"));
  }
}

TEST_CASE("An output path that cannot be a folder is the user's error", "[report]") {
  const auto folder = temporary_folder();
  put(folder / "file", "");
  CHECK(contains(user_error([&] { ResultsFolder(folder / "file", spec, false); }), "file'"));
  CHECK(contains(user_error([&] { ResultsFolder(folder / "file" / "r", spec, false); }), "file/r'"));
}

TEST_CASE("Timing rows are sorted, added up and derived", "[report]") {
  const auto folder = temporary_folder();
  write_timing(folder.path(), {{"gpu", "sample", "", 4, 2.0, 0.25, 0},
                               {"cpu", "defend", "median", 0, 0, 0, 0},
                               {"gpu", "gram", "", 2, 0.5, 0.125, 1e6}});
  CHECK(raw(folder / "timing.csv") ==
        "device,step,rule,calls,total_s,mean_s,min_s,bytes,bytes_per_s\n"
        "cpu,defend,median,0,0,,0,,\n"
        "gpu,gram,,2,0.5,0.25,0.125,1e+06,2e+06\n"
        "gpu,sample,,4,2,0.5,0.25,,\n");
  CHECK(read_timing(folder.path()).rows.size() == 3);
  CHECK(read_timing(folder.path()).dropped.empty());
  CHECK(read_timing(folder / "none").rows.empty());
}

TEST_CASE("Damaged rows of timing.csv are dropped and counted, and the others count", "[report]") {
  const auto folder = temporary_folder();
  const fs::path path = folder / "timing.csv";
  write_timing(folder.path(), {{"cpu", "defend", "bucketing(size=2, \"x\") | krum", 2, 1.5, 0.25, 800},
                               {"cpu", "sample", "", 4, 2.0, 0.25, 0}});
  const std::string whole = raw(path);
  const std::size_t first = whole.find('\n') + 1, second = whole.find('\n', first) + 1;
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    put(path, whole.substr(0, size));
    const StoredTiming stored = read_timing(folder.path());
    INFO("cut after " << size << " bytes");
    REQUIRE(stored.rows.size() == (size == whole.size() ? 2 : size >= second ? 1 : 0));
    REQUIRE(stored.dropped.empty() == (size == first || size == second || size == whole.size()));
    write_timing(folder.path(), stored.rows);
    REQUIRE(read_timing(folder.path()).dropped.empty());
  }
  const std::vector<std::string> damaged = {"\n",
                                            "garbage\n",
                                            "cpu,\"torn,,1,1,1,1,,\n",
                                            "cpu,a\"b,,1,1,1,1,,\n",
                                            "cpu,step,,one,1,1,1,,\n",
                                            "cpu,step,,1e300,1,1,1,,\n",
                                            "cpu,step,,-1,1,1,1,,\n",
                                            "cpu,step,,,1,1,1,,\n",
                                            "cpu,step,,1,nan,1,1,,\n",
                                            "cpu,step,,1,1,1,inf,,\n",
                                            "cpu,step,,1,1,1,1\n",
                                            "cpu,step,,1,1,1,1,,,\n",
                                            std::string(9, '\0') + "\n"};
  for (const std::string& row : damaged) {
    put(path, whole.substr(0, second) + row + whole.substr(second));
    const StoredTiming stored = read_timing(folder.path());
    INFO(row);
    CHECK(stored.rows.size() == 2);
    CHECK(stored.dropped == path.string() + ": 1 damaged row is dropped");
  }
  put(path, whole.substr(0, first) + "x\ny\n");
  CHECK(contains(read_timing(folder.path()).dropped, ": 2 damaged rows are dropped"));
  put(path, "device,step\ncpu,sample\n");
  CHECK(read_timing(folder.path()).rows.empty());
  CHECK(contains(read_timing(folder.path()).dropped, "timing.csv: the columns are not those of times"));
}

TEST_CASE("results/README.md describes every column as it is declared", "[report]") {
  const std::string readme = raw(source_folder() / "results" / "README.md");
  CHECK(update_tables(readme, "README.md", documentation_tables()) == readme);
  for (const char* table : {"summary", "convergence", "events"})
    CHECK(contains(readme, "<!-- begin: " + std::string(table) + " -->"));
  auto columns = summary_columns();
  for (const auto& more : {convergence_columns(),
                           event_columns(),
                           {"device", "step", "rule", "calls", "total_s", "mean_s", "min_s", "bytes", "bytes_per_s"}})
    columns.insert(columns.end(), more.begin(), more.end());
  for (const std::string& column : columns) {
    INFO(column);
    CHECK(contains(readme, "`" + column + "`"));
  }
}

/// One more column of each sort than every folder has.
ObservedColumns with_more_columns() {
  ObservedColumns columns = standard_columns();
  columns.push_back({"disagreement", "", "of the honest models", {{"final_disagreement", Reduce::last}}});
  columns.push_back({"trust", "share", "of each worker", {}, true});
  return columns;
}

TEST_CASE("columns that a component declares follow the standard ones, and every reader takes them", "[report]") {
  const auto folder = temporary_folder();
  const ObservedColumns columns = with_more_columns();
  for (const int shard : {0, 1}) {
    const fs::path part = folder / ("part" + std::to_string(shard));
    ResultsFolder results(part, spec, false, {}, headers_of(columns));
    for (int i = shard; i < cells; i += 2) {
      CellResult result = make_result(i);
      for (Evaluation& evaluation : result.evaluations)
        evaluation.values.insert({{"disagreement", {0.25 * evaluation.round}}, {"trust", {1, 0.5, none}}});
      results.append(make_cell(i), result, columns);
    }
    results.finish();
    Manifest manifest;
    manifest.cells = cells;
    results.write(manifest);
  }
  merge_results({folder / "part0", folder / "part1"}, folder / "whole", {});
  const CsvTable summary = read_csv(folder / "whole" / "summary.csv");
  const CsvTable convergence = read_csv(folder / "whole" / "convergence.csv");
  REQUIRE(summary.rows.size() == cells);
  CHECK(summary.header == summary_columns(columns));
  CHECK(summary.header.back() == "final_disagreement");
  CHECK(summary.rows[3].back() == "5");
  CHECK(convergence.rows[0][convergence.column("disagreement")] == "2.5");
  CHECK(convergence.rows[0][convergence.column("trust")] == "1 0.5 ");
  TableOptions options;
  options.metric = "final_disagreement";
  CHECK(contains(results_table(folder / "whole", options), "final_disagreement"));
  // The same spec, as a program without the component would write it.
  CHECK(
      contains(user_error([&] { ResultsFolder(folder / "part0", spec, false); }), "holds results with other columns"));
  run(folder / "other");
  CHECK(contains(user_error([&] {
                   merge_results({folder / "part0", folder / "other"}, folder / "m", {});
                 }),
                 "have different columns"));
}
