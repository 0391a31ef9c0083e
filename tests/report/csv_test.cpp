// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <fstream>
#include <limits>

#include "src/report/csv.hpp"
#include "tests/support.hpp"

using namespace gauntlet;

namespace {

constexpr double inf = std::numeric_limits<double>::infinity();

std::vector<std::vector<std::string>> parse(const std::string& text, TornLine torn = TornLine::error) {
  CsvReader reader(text, "t.csv", torn);
  std::vector<std::vector<std::string>> rows;
  for (CsvRecord record; reader.next(record);) rows.push_back(record.fields);
  return rows;
}

}  // namespace

TEST_CASE("CSV quotes what needs it and reads it back", "[report]") {
  const std::vector<std::string> fields = {"plain", "", "a,b", "say \"x\"", "two\nlines", "\r", "\""};
  const std::string text = CsvWriter().row(fields).text();
  CHECK(text == "plain,,\"a,b\",\"say \"\"x\"\"\",\"two\nlines\",\"\r\",\"\"\"\"\n");
  CHECK(parse(text + text) == std::vector<std::vector<std::string>>{fields, fields});
  CHECK(parse("a,b\r\n1,2\r\n") == std::vector<std::vector<std::string>>{{"a", "b"}, {"1", "2"}});
}

TEST_CASE("Numbers are written shortest and read back exactly", "[report]") {
  CHECK(csv_number(0.1) == "0.1");
  CHECK(csv_number(-3) == "-3");
  CHECK(csv_number(std::numeric_limits<double>::quiet_NaN()).empty());
  CHECK(csv_number(inf) == "inf");
  CHECK(csv_number(-inf) == "-inf");
  for (const double value : {1.0 / 3, 1e-310, 1.7976931348623157e308, 123456789.123, -0.0, inf})
    CHECK(parse_number(csv_number(value), "here") == value);
  CHECK(std::isnan(parse_number("", "here")));
  CHECK(contains(user_error([] { parse_number("0.1x", "file.csv: row 3"); }), "file.csv: row 3: '0.1x'"));
}

TEST_CASE("Malformed CSV is refused with its line", "[report]") {
  CHECK(contains(user_error([] { parse("a,b\n1,2\n1\n"); }), "t.csv:3: 1 fields where the header has 2"));
  CHECK(contains(user_error([] { parse("a,b\n1,x\"y\n"); }), "t.csv:2:"));
  CHECK(contains(user_error([] { parse("a,b\n1,\"x\"y\n"); }), "t.csv:2:"));
  CHECK(contains(user_error([] { parse("a,\"b\nc\"\n1\n"); }), "t.csv:3:"));
  CHECK(contains(user_error([] { parse("a,b\n1,2"); }), "t.csv:2: the last line has no end"));
  CHECK(contains(user_error([] { parse("a,b\n1,\"2\n"); }), "t.csv:2:"));
  for (const char* torn : {"1,2", "1,\"2\n", "1,\"2\"", "1,2\r", "1", "\""})
    CHECK(parse(std::string("a,b\n") + torn, TornLine::drop).size() == 1);
  const auto folder = temporary_folder();
  std::ofstream(folder / "empty.csv").flush();
  CHECK(contains(user_error([&] { read_csv(folder / "empty.csv"); }), "empty"));
  CHECK(contains(user_error([&] { read_csv(folder / "none.csv"); }), "none.csv"));
  std::ofstream(folder / "t.csv") << "cell,status\n0,ok\n";
  CHECK(contains(user_error([&] { read_csv(folder / "t.csv").column("statu"); }), "'status'"));
}
