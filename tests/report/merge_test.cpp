// SPDX-License-Identifier: Apache-2.0
#include <map>

#include "src/report/merge.hpp"
#include "src/report/timing.hpp"
#include "tests/report/results.hpp"

using namespace gauntlet;

TEST_CASE("Merged shards equal the whole run", "[report]") {
  const auto folder = temporary_folder();
  run(folder / "whole");
  run(folder / "a", 0, 3);
  run(folder / "b", 1, 3);
  run(folder / "c", 2, 3);
  write_timing(folder / "a", {{"cpu", "defend", "krum", 2, 1.0, 0.25, 800}});
  write_timing(folder / "b", {{"cpu", "defend", "krum", 2, 3.0, 0.125, 800}});

  const MergeReport some = merge_results({folder / "c", folder / "a"}, folder / "part", {});
  CHECK(some.cells == cells);
  CHECK(some.missing == std::vector<int>{1});
  CHECK(read_manifest(folder / "part")->status == "incomplete");

  const MergeReport all = merge_results({folder / "c", folder / "b", folder / "a"}, folder / "all", {});
  CHECK(all.missing.empty());
  CHECK(all.failed == 0);
  CHECK(both_files(folder / "all") == both_files(folder / "whole"));
  CHECK(raw(folder / "all" / "spec.toml") == spec);
  const Manifest manifest = *read_manifest(folder / "all");
  CHECK(manifest.status == "complete");
  REQUIRE(manifest.parts.size() == 3);
  CHECK(manifest.parts[0].host == "shard 2");
  CHECK(manifest.parts[0].cells_done == 1);
  const auto timing = read_timing(folder / "all").rows;
  REQUIRE(timing.size() == 1);
  CHECK(timing[0].calls == 4);
  CHECK(timing[0].total_s == 4.0);
  CHECK(timing[0].min_s == 0.125);

  // Merging again, with overlap, and into a folder that holds a part.
  merge_results({folder / "all", folder / "a"}, folder / "part", {});
  CHECK(both_files(folder / "part") == both_files(folder / "whole"));
  run(folder / "all");
  CHECK(both_files(folder / "all") == both_files(folder / "whole"));
}

TEST_CASE("Merge refuses what does not belong together", "[report]") {
  const auto folder = temporary_folder();
  run(folder / "a", 0, 2);
  run(folder / "b", 1, 2);
  const auto merge = [&](const char* x, const char* y, const char* out) {
    return user_error([&] { merge_results({folder / x, folder / y}, folder / out, {}); });
  };
  { ResultsFolder(folder / "other", "another = 1\n", false).finish(); }
  CHECK(contains(merge("a", "other", "out"), "different specs"));
  CHECK(contains(merge("a", "nothing", "out"), "not a results folder"));
  CHECK_FALSE(fs::exists(folder / "out"));
  CHECK(contains(merge("a", "b", "other"), "another spec"));
  // The folder to write holds a cell that would be lost.
  CHECK(contains(merge("a", "a", "b"), "already holds cells"));
  // The same cell with other numbers.
  fs::copy(folder / "a", folder / "d");
  std::string rows = raw(folder / "d" / "convergence.csv");
  rows.replace(rows.find("0.3333"), 6, "0.4444");
  put(folder / "d" / "convergence.csv", rows);
  CHECK(contains(merge("a", "d", "out"), "cell 0 has other numbers"));
  // Other data.
  for (const auto& [name, checksum] : {std::pair("a", "11111111"), std::pair("b", "22222222")}) {
    std::string json = raw(folder / name / "manifest.json");
    const std::string empty = "\"data\": {}";
    REQUIRE(json.find(empty) != std::string::npos);
    put(folder / name / "manifest.json",
        json.replace(json.find(empty), empty.size(), "\"data\": {\"mnist\": \"" + std::string(checksum) + "\"}"));
  }
  CHECK(contains(merge("a", "b", "out"), "other data: mnist (checksum 22222222, not 11111111)"));
  CHECK_FALSE(fs::exists(folder / "out"));
}

TEST_CASE("Merge takes a finished cell over a failed one and reports those that only failed", "[report]") {
  const auto folder = temporary_folder();
  for (const char* name : {"a", "b"}) {
    ResultsFolder results(folder / name, spec, false);
    Manifest manifest;
    manifest.cells = 3;
    results.write(manifest);
    results.append(make_cell(0), make_result(0, name[0] == 'a' ? CellStatus::failed : CellStatus::ok));
    results.append(make_cell(2), make_result(2, CellStatus::failed));
    results.finish();
  }
  const MergeReport report = merge_results({folder / "a", folder / "b"}, folder / "out", {});
  CHECK(report.failed == 1);
  CHECK(report.missing == std::vector<int>{1});
  const StoredCells merged = read_cells(folder / "out");
  CHECK(merged.at(0).status == "ok");
  CHECK(merged.at(2).status == "failed");
  CHECK(ranges_text({0, 3, 4, 5, 9}) == "0, 3-5, 9");
  CHECK(ranges_text({0, 2, 4, 6}, 2) == "0, 2 and 2 more");
  CHECK(ranges_text({}).empty());
}

TEST_CASE("A manifest survives the file, and earlier sessions stay in it", "[report]") {
  const auto folder = temporary_folder();
  Manifest manifest;
  manifest.argv = {"gauntlet", "run", "a \"b\".toml"};
  manifest.revision = "0123abc";
  manifest.libraries = {{"openblas", "0.3.21"}};
  manifest.data = {{"mnist", "0123abcd"}};
  manifest.cells = 7;
  manifest.start = utc_now();
  CHECK(manifest.start.size() == 20);
  {
    ResultsFolder results(folder / "r", spec, false);
    results.write(manifest);
    results.append(make_cell(0), make_result(0));
  }  // killed: neither finish nor an end
  {
    ResultsFolder results(folder / "r", spec, false);
    results.append(make_cell(1), make_result(1));
    manifest.end = utc_now();
    results.write(manifest);
  }
  { ResultsFolder(folder / "r", spec, false).write(manifest); }
  const Manifest read = *read_manifest(folder / "r");
  CHECK(read.argv == manifest.argv);
  CHECK(read.libraries == manifest.libraries);
  CHECK(read.data == manifest.data);
  CHECK(read.cells == 7);
  CHECK(read.cells_done == 0);
  REQUIRE(read.parts.size() == 2);
  CHECK(read.parts[0].end.empty());
  CHECK(read.parts[1].cells_done == 1);
  {
    const auto reopen = [&](const std::map<std::string, std::string>& data) {
      ResultsFolder(folder / "r", spec, false, data);
    };
    CHECK_NOTHROW(reopen({{"mnist", "0123abcd"}, {"cifar10", "1"}}));
    const std::string before = both_files(folder / "r");
    CHECK(contains(user_error([&] {
                     reopen({{"mnist", "4567cdef"}});
                   }),
                   "other data: mnist (checksum 0123abcd, not 4567cdef)"));
    CHECK(both_files(folder / "r") == before);
    // A session that was killed before its first cell holds nothing back.
    { ResultsFolder(folder / "new", spec, false).write(manifest); }
    CHECK_NOTHROW(ResultsFolder(folder / "new", spec, false, {{"mnist", "4567cdef"}}));
  }
  put(folder / "r" / "manifest.json", "{\"cells\": []}");
  CHECK(contains(user_error([&] { read_manifest(folder / "r"); }), "manifest.json"));
  CHECK_FALSE(read_manifest(folder.path()).has_value());
}
