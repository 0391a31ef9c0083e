// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <fstream>

#include "src/report/cell_rows.hpp"
#include "src/report/manifest.hpp"
#include "src/report/progress.hpp"
#include "src/report/table.hpp"
#include "tests/support.hpp"

using namespace gauntlet;

namespace {

struct Row {
  int cell;
  std::string attack, defense;
  int f;
  std::string seed, status, accuracy;
};

CsvTable make_summary(const std::vector<Row>& rows) {
  CsvTable table;
  table.source = "summary.csv";
  table.header = summary_columns();
  for (const Row& row : rows) {
    std::vector<std::string> fields(table.header.size());
    fields[table.column("cell")] = std::to_string(row.cell);
    fields[table.column("n")] = std::to_string(10 + row.f);
    fields[table.column("f")] = std::to_string(row.f);
    fields[table.column("attack")] = row.attack;
    fields[table.column("defense")] = row.defense;
    fields[table.column("seed")] = row.seed;
    fields[table.column("status")] = row.status;
    fields[table.column("final_accuracy")] = row.accuracy;
    table.rows.push_back(fields);
  }
  return table;
}

/// Out of order, as workers finish; three kinds of incomplete entries.
CsvTable example() {
  return make_summary({{3, "ipm", "mean", 1, "1", "ok", "0.5"},
                       {0, "none", "mean", 1, "0", "ok", "0.9"},
                       {1, "none", "mean", 1, "1", "ok", "0.92"},
                       {2, "ipm", "mean", 1, "0", "ok", "0.1"},
                       {4, "none", "nnm | krum", 1, "0", "ok", "0.8"},
                       {5, "none", "nnm | krum", 1, "1", "failed", ""},
                       {6, "ipm", "nnm | krum", 1, "0", "skipped", ""},
                       {7, "ipm", "nnm | krum", 1, "1", "skipped", ""},
                       {8, "none", "median", 1, "0", "diverged", "0.25"},
                       {9, "none", "median", 1, "1", "ok", "0.75"},
                       {10, "ipm", "median", 1, "0", "diverged", ""}});
}

std::string drawn(const CsvTable& summary, TableOptions options) { return render(pivot(summary, options), options); }

std::string progress_file(ProgressStyle style) {
  std::FILE* file = std::tmpfile();
  REQUIRE(file != nullptr);
  {
    Progress progress(style, 2, 200, file);
    progress.advance(100);
    progress.message("cell 3 failed");
    progress.cell_done();
  }
  std::string text(static_cast<std::size_t>(std::ftell(file)), ' ');
  std::rewind(file);
  CHECK(std::fread(text.data(), 1, text.size(), file) == text.size());
  std::fclose(file);
  return text;
}

}  // namespace

TEST_CASE("A table holds mean and standard deviation over the seeds", "[table]") {
  TableOptions options;
  const auto tables = pivot(example(), options);
  CHECK(options.metric == "final_accuracy");
  REQUIRE(tables.size() == 1);
  const Pivot& table = tables[0];
  CHECK(table.rows == std::vector<std::string>{"mean", "nnm | krum", "median"});
  CHECK(table.columns == std::vector<std::string>{"none", "ipm"});
  CHECK(table.at(0, 0).mean == Approx(0.91));
  CHECK(table.at(0, 0).deviation == Approx(0.02 / std::sqrt(2.0)));
  CHECK(table.at(0, 1).mean == Approx(0.3));
  CHECK(table.at(0, 1).deviation == Approx(std::sqrt(0.08)));
  CHECK(table.at(0, 1).seeds == 2);
  CHECK(table.at(1, 0).seeds == 1);
  CHECK(table.at(1, 0).failed == 1);
  CHECK(table.at(1, 1).seeds == 0);
  CHECK(table.at(1, 1).skipped == 2);
  CHECK(table.at(2, 0).mean == Approx(0.5));
  CHECK(table.at(2, 0).diverged == 1);
}

TEST_CASE("The text table is aligned and explains its marks", "[table]") {
  CHECK(drawn(example(), {}) ==
        "final_accuracy, mean ± standard deviation over 2 seeds\n"
        "\n"
        "defense     none            ipm\n"
        "----------  --------------  -------------\n"
        "mean        0.910 ± 0.014   0.300 ± 0.283\n"
        "nnm | krum  0.800 (1)‡      –\n"
        "median      0.500 ± 0.354†  diverged\n"
        "(k) over k seeds only\n"
        "† seeds diverged; they count with their last measured value\n"
        "‡ seeds failed; they are left out\n"
        "– not possible with these n and f\n");
}

TEST_CASE("Markdown, LaTeX and CSV tables escape what their format needs", "[table]") {
  TableOptions options;
  options.format = TableFormat::markdown;
  const std::string markdown = drawn(example(), options);
  CHECK(contains(markdown, "| defense | none | ipm |\n|:---|---:|---:|\n| mean | 0.910 ± 0.014 |"));
  CHECK(contains(markdown, "| nnm \\| krum | 0.800 (1)‡ | – |\n"));
  options.format = TableFormat::latex;
  const std::string latex = drawn(example(), options);
  CHECK(contains(latex, "\\caption{final\\_accuracy, mean $\\pm$ standard"));
  CHECK(contains(latex, "\\begin{tabular}{lrr}"));
  CHECK(contains(latex, "nnm \\textbar{} krum & 0.800 (1)$^\\ddagger$ & -- \\\\\n"));
  options.format = TableFormat::csv;
  const std::string csv = drawn(example(), options);
  CHECK(contains(csv,
                 "defense,attack,metric,mean,standard_deviation,seeds,cells,diverged,failed,skipped\n"
                 "mean,none,final_accuracy,0.91,"));
  CHECK(contains(csv, "nnm | krum,none,final_accuracy,0.8,,1,2,0,1,0\n"));
  CHECK(contains(csv, "median,ipm,final_accuracy,,,0,1,1,0,0\n"));
}

TEST_CASE("Axes that vary beside rows and columns give one table each", "[table]") {
  const CsvTable summary = make_summary({{0, "none", "mean", 1, "0", "ok", "0.9"},
                                         {1, "ipm", "mean", 1, "0", "ok", "0.8"},
                                         {2, "none", "mean", 3, "0", "ok", "0.7"},
                                         {3, "ipm", "mean", 3, "0", "ok", "0.6"}});
  TableOptions options;
  const auto tables = pivot(summary, options);
  REQUIRE(tables.size() == 2);
  CHECK(tables[1].fixed == std::vector<std::pair<std::string, std::string>>{{"n", "13"}, {"f", "3"}});
  CHECK(contains(render(tables, options), "final_accuracy, one seed; n = 13, f = 3\n"));
  // n follows f, so it makes no tables of its own when f is an axis of the table.
  options.rows = "f";
  const auto by_f = pivot(summary, options);
  REQUIRE(by_f.size() == 1);
  CHECK(by_f[0].rows == std::vector<std::string>{"1", "3"});
  CHECK(by_f[0].at(1, 1).mean == Approx(0.6));
  options.rows = "defense", options.columns = "f", options.format = TableFormat::latex;
  CHECK(contains(drawn(summary, options), "\\caption{final\\_accuracy by f, one seed; attack = none}"));
}

TEST_CASE("Tasks without accuracy are shown by another metric", "[table]") {
  CsvTable summary = make_summary({{0, "none", "mean", 1, "0", "ok", ""}});
  summary.rows[0][summary.column("final_test_loss")] = "1234.5678";
  CHECK(contains(drawn(summary, {}), "final_test_loss, one seed"));
  CHECK(contains(drawn(summary, {}), "1235\n"));
  summary.rows[0][summary.column("final_optimum_distance")] = "inf";
  CHECK(contains(drawn(summary, {}), "final_optimum_distance"));
  CHECK(contains(drawn(summary, {}), "inf\n"));
}

TEST_CASE("Unknown axes, metrics and formats are refused with the nearest", "[table]") {
  const auto error = [](const std::string& rows, const std::string& columns, const std::string& metric) {
    return user_error([&] { drawn(example(), {rows, columns, metric, TableFormat::text}); });
  };
  CHECK(contains(error("defence", "attack", ""), "'defense'"));
  CHECK(contains(error("defense", "atack", ""), "'attack'"));
  CHECK(contains(error("defense", "attack", "final_acuracy"), "'final_accuracy'"));
  CHECK(contains(error("defense", "attack", "zzzzzzzzzzzz"), "known are final_accuracy"));
  CHECK(contains(error("defense", "defense", ""), "same axis"));
  CHECK(contains(user_error([] { parse_table_format("markdwn"); }), "'markdown'"));
}

TEST_CASE("A results folder is tabled with what it has and says what it lacks", "[table]") {
  const auto folder = temporary_folder();
  CHECK(contains(user_error([&] { results_table(folder.path(), {}); }), "no summary.csv"));
  CHECK(contains(user_error([&] { results_table(folder / "none", {}); }), "none"));
  CsvWriter csv;
  csv.row(summary_columns());
  std::ofstream(folder / "summary.csv") << csv.text();
  CHECK(contains(user_error([&] { results_table(folder.path(), {}); }), "no cells yet"));
  const CsvTable summary = example();
  for (const auto& row : summary.rows) csv.row(row);
  std::ofstream(folder / "summary.csv") << csv.text() << "11,torn";
  const std::string expected = drawn(summary, {});
  CHECK(results_table(folder.path(), {}) == expected);
  CHECK(results_table(folder / "summary.csv", {}) == expected);
  Manifest manifest;
  manifest.cells = 12;
  write_manifest(folder.path(), manifest);
  CHECK(results_table(folder.path(), {}) == expected + "\nmissing cells: 1 of 12\n");
}

TEST_CASE("Progress shows share, speed and time left within the line", "[progress]") {
  ProgressCount count{3, 12, 300, 1200, 10};
  CHECK(progress_text(count, 0) == " 25 %  3/12 cells  30 rounds/s  0:30 left");
  CHECK(progress_text(count, 60) == "[###-----------]  25 %  3/12 cells  30 rounds/s  0:30 left");
  for (int columns = 1; columns < 200; ++columns)
    CHECK(progress_text(count, columns).size() < static_cast<std::size_t>(std::max(2, columns)));
  count.rounds_done = count.rounds;
  CHECK(progress_text(count, 0) == "100 %  3/12 cells  120 rounds/s  0:10");
  CHECK(progress_text({0, 12, 0, 1200, 0}, 0) == "  0 %  0/12 cells");
  CHECK(duration_text(3723.4) == "1:02:03");
  CHECK(duration_text(59.6) == "1:00");
  CHECK(duration_text(-1) == "0:00");
}

TEST_CASE("Progress is silent on quiet, plain lines in a file and a bar on a terminal", "[progress]") {
  CHECK(progress_style(true) == ProgressStyle::silent);
  CHECK(progress_file(ProgressStyle::silent).empty());
  const std::string lines = progress_file(ProgressStyle::lines);
  CHECK(contains(lines, "cell 3 failed\n 50 %  1/2 cells"));
  CHECK_FALSE(contains(lines, "\r"));
  const std::string bar = progress_file(ProgressStyle::bar);
  CHECK(contains(bar, "\r\033[Kcell 3 failed\n"));
  CHECK(contains(bar, "] "));
  CHECK(bar.back() == '\n');
}
