// SPDX-License-Identifier: Apache-2.0
#include "kernels/protocols/protocol.cuh"
#include "src/report/csv.hpp"
#include "src/report/merge.hpp"
#include "tests/cells.hpp"
#include "tests/report/results.hpp"

/// events.csv: it is there where a protocol reports events, and then it is as safe as the other tables.
namespace gauntlet {
namespace {

const char* const first_line = "cell,seed,round,check,accuser,accused,part,verdict,banned,active,byzantine_active\n";

ObservedColumns columns_with_events() {
  ObservedColumns columns = standard_columns();
  columns.push_back(events_column());
  return columns;
}

/// As make_result; cell 0 has three events, the diverged cell 2 one, and cell 3 none.
CellResult make_result_with_events(int index) {
  CellResult result = make_result(index, status_of(index));
  if (index == 0)
    result.events = {{3, "verification-1", 2, 14, 2, "guilty", {14}, 15, 6},
                     {3, "eliminate", 5, 13, 5, "both", {13, 5}, 13, 5},
                     {7, "verification-3", -1, -1, 0, "innocent", {}, 13, 5}};
  if (index == 2) result.events = {{0, "mprng", -1, 12, -1, "guilty", {12}, 15, 6}};
  for (Evaluation& evaluation : result.evaluations)
    evaluation.values["events"] = {static_cast<double>(result.events.size())};
  return result;
}

void complete_with_events(ResultsFolder& results, int shard = 0, int shards = 1) {
  for (int i = cells - 1; i >= 0; --i)
    if (i % shards == shard && !results.finished(i))
      results.append(make_cell(i), make_result_with_events(i), columns_with_events());
  results.finish();
}

ResultsFolder open(const fs::path& folder, bool overwrite = false) {
  return {folder, spec, overwrite, {}, headers_of(columns_with_events())};
}

void run_with_events(const fs::path& folder, int shard = 0, int shards = 1) {
  ResultsFolder results = open(folder);
  Manifest manifest;
  manifest.cells = cells;
  results.write(manifest);
  complete_with_events(results, shard, shards);
}

std::string all_files(const fs::path& folder) { return both_files(folder) + "====\n" + raw(folder / "events.csv"); }

TEST_CASE("events.csv has a row per event, in the order of cells and of time", "[report]") {
  const auto folder = temporary_folder();
  run_with_events(folder / "r");
  CHECK(raw(folder / "r" / "events.csv") ==
        first_line + std::string("0,18446744073709551615,3,verification-1,2,14,2,guilty,14,15,6\n"
                                 "0,18446744073709551615,3,eliminate,5,13,5,both,13 5,13,5\n"
                                 "0,18446744073709551615,7,verification-3,,,0,innocent,,13,5\n"
                                 "2,18446744073709551615,0,mprng,,12,,guilty,12,15,6\n"));
  const CsvTable summary = read_csv(folder / "r" / "summary.csv");
  std::vector<std::string> counts;
  for (const auto& row : summary.rows) counts.push_back(row[summary.column("events")]);
  CHECK(counts == std::vector<std::string>{"3", "", "1", "0"});
}

TEST_CASE("a results folder has events.csv where one of the plan's protocols reports events, and only there",
          "[report]") {
  for (const auto& entry : Registry<Protocol>::all()) {
    INFO(entry.name);
    Cell cell = small_cell("none", "mean");
    cell.protocol = entry.name;
    const Headers headers = headers_of(columns_of({small_cell("none", "mean"), cell}));
    CHECK(headers.events == (entry.reports_events ? event_columns() : std::vector<std::string>{}));
  }
  const auto folder = temporary_folder();
  run(folder / "without");
  CHECK_FALSE(fs::exists(folder / "without" / "events.csv"));
  CHECK(read_headers(folder / "without").events.empty());
  // A file of that name does not make it one, and is nobody's business.
  const std::string before = both_files(folder / "without");
  put(folder / "without" / "events.csv", "a,b\n0,1\n");
  run(folder / "without");
  merge_results({folder / "without"}, folder / "merged", {});
  CHECK(both_files(folder / "without") == before);
  CHECK(both_files(folder / "merged") == before);
  CHECK_FALSE(fs::exists(folder / "merged" / "events.csv"));

  ResultsFolder results(folder / "loose", spec, false);
  CHECK_THROWS_AS(results.append(make_cell(0), make_result_with_events(0)), std::logic_error);
}

TEST_CASE("a run with events that is killed at any byte is completed to the same files", "[report]") {
  const auto folder = temporary_folder();
  run_with_events(folder / "whole");
  const std::string expected = all_files(folder / "whole");
  const ObservedColumns columns = columns_with_events();
  const Headers headers = headers_of(columns);
  std::string files[] = {first_line, CsvWriter().row(headers.convergence).text(),
                         CsvWriter().row(headers.summary).text()};
  std::vector<std::pair<int, char>> written;  // the bytes in the order in which a run writes them, and to which file
  for (const int i : {2, 0, 1}) {
    const CellResult result = make_result_with_events(i);
    const std::string rows[] = {event_rows(make_cell(i), result), convergence_rows(make_cell(i), result, columns),
                                summary_row(make_cell(i), result, columns)};
    for (int file = 0; file < 3; ++file)
      for (const char c : rows[file]) written.emplace_back(file, c);
  }
  const fs::path killed = folder / "killed";
  fs::create_directory(killed);
  for (std::size_t size = 0; size <= written.size(); ++size) {
    put(killed / "spec.toml", spec);
    put(killed / "events.csv", files[0]);
    put(killed / "convergence.csv", files[1]);
    put(killed / "summary.csv", files[2]);
    ResultsFolder results = open(killed);
    complete_with_events(results);
    if (all_files(killed) != expected) FAIL("differs when killed after " << size << " bytes");
    if (size < written.size()) files[written[size].first] += written[size].second;
  }
}

TEST_CASE("a cell whose events are not all there is incomplete, whatever the other tables say", "[report]") {
  const auto folder = temporary_folder();
  const fs::path r = folder / "r";
  run_with_events(r);
  const std::string expected = all_files(r), summary = raw(r / "summary.csv"), events = raw(r / "events.csv");
  for (std::size_t i = 0; i <= summary.size(); i += 61) {
    for (std::size_t j = 0; j <= events.size(); j += 23) {
      put(r / "summary.csv", summary.substr(0, i));
      put(r / "events.csv", events.substr(0, j));
      ResultsFolder results = open(r);
      // What the files still hold of cell 0, which has three events.
      if (j < events.size() && events.substr(0, j).find("\n0,18446744073709551615,7") == std::string::npos)
        if (results.finished(0)) FAIL("cell 0 counts when cut at " << i << " and " << j);
      complete_with_events(results);
      if (all_files(r) != expected) FAIL("differs when cut at " << i << " and " << j);
    }
  }
  fs::remove(r / "events.csv");
  CHECK(read_cells(r).size() == 2);  // those without events
  put(r / "events.csv", events + events.substr(events.find("\n0,") + 1));
  CHECK(read_cells(r).count(0) == 0);  // more than there were is not right either
  run_with_events(r);
  CHECK(all_files(r) == expected);
  put(r / "events.csv", "other,columns\n1,2\n");
  CHECK(contains(user_error([&] { open(r); }), "events.csv: the columns"));
  complete_with_events(*std::make_unique<ResultsFolder>(r, spec, true, std::map<std::string, std::string>{},
                                                        headers_of(columns_with_events())));
  CHECK(all_files(r) == expected);
}

TEST_CASE("a cell may have more events than are written without an exponent", "[report]") {
  const auto folder = temporary_folder();
  CellResult result = make_result(0);
  result.events.assign(100000, {1, "verification-3", -1, -1, 0, "innocent", {}, 16, 7});
  for (Evaluation& evaluation : result.evaluations) evaluation.values["events"] = {1e5};
  {
    ResultsFolder results = open(folder / "r");
    results.append(make_cell(0), result, columns_with_events());
  }
  CHECK(contains(raw(folder / "r" / "summary.csv"), ",1e+05\n"));
  CHECK(open(folder / "r").finished(0));
}

TEST_CASE("overwriting a run with events leaves none of them", "[report]") {
  const auto folder = temporary_folder();
  run_with_events(folder / "r");
  { const ResultsFolder fresh = open(folder / "r", true); }
  CHECK(raw(folder / "r" / "events.csv") == first_line);
  run_with_events(folder / "r");
  ResultsFolder(folder / "r", "other = 1\n", true).finish();
  CHECK_FALSE(fs::exists(folder / "r" / "events.csv"));
}

TEST_CASE("merged shards with events equal the whole run", "[report]") {
  const auto folder = temporary_folder();
  run_with_events(folder / "whole");
  run_with_events(folder / "a", 0, 3);
  run_with_events(folder / "b", 1, 3);
  run_with_events(folder / "c", 2, 3);
  const MergeReport some = merge_results({folder / "c", folder / "b"}, folder / "part", {});
  CHECK(some.missing == std::vector<int>{0, 3});
  const MergeReport all = merge_results({folder / "b", folder / "a", folder / "c"}, folder / "all", {});
  CHECK(all.missing.empty());
  CHECK(all_files(folder / "all") == all_files(folder / "whole"));
  merge_results({folder / "all", folder / "a"}, folder / "part", {});
  CHECK(all_files(folder / "part") == all_files(folder / "whole"));
}

TEST_CASE("merge refuses other events of the same cell, and folders with events beside folders without", "[report]") {
  const auto folder = temporary_folder();
  run_with_events(folder / "a");
  fs::copy(folder / "a", folder / "b");
  std::string rows = raw(folder / "b" / "events.csv");
  put(folder / "b" / "events.csv", rows.replace(rows.find("13 5"), 4, "5 13"));
  run(folder / "plain");
  const auto merge = [&](const char* other) {
    return user_error([&] { merge_results({folder / "a", folder / other}, folder / "out", {}); });
  };
  CHECK(contains(merge("b"), "cell 0 has other numbers"));
  CHECK(contains(merge("plain"), "have different columns"));
  CHECK_FALSE(fs::exists(folder / "out"));
}

}  // namespace
}  // namespace gauntlet
