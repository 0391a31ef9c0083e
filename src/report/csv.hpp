// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace gauntlet {

/// number_text, but NaN is empty; infinities are `inf` and `-inf`.
std::string csv_number(double value);

/// The inverse of csv_number (empty is NaN). \throws UserError naming `where` for anything else.
double parse_number(std::string_view text, const std::string& where);

/// Builds rows of CSV: RFC 4180 quoting where it is needed, lines end in '\n'.
class CsvWriter {
 public:
  CsvWriter& field(std::string_view text);
  CsvWriter& field(double value);
  CsvWriter& field(bool value) { return field(std::string_view(value ? "true" : "false")); }
  CsvWriter& field(const char* text) { return field(std::string_view(text)); }
  template <class Integer, std::enable_if_t<std::is_integral_v<Integer>, int> = 0>
  CsvWriter& field(Integer value) {
    return field(std::string_view(std::to_string(value)));
  }
  CsvWriter& end_row();
  CsvWriter& row(const std::vector<std::string>& fields);  ///< all of them and the end of the row

  const std::string& text() const { return text_; }

 private:
  std::string text_;
  bool row_empty_ = true;
};

/// What a reader does with a last line that has no end: a process was killed while it wrote it.
enum class TornLine { error, drop };

struct CsvRecord {
  std::vector<std::string> fields;
  std::string_view text;  ///< the whole record as it stands in the file, with its line end
  std::size_t line = 0;   ///< where it begins, from 1
};

/// Reads records one by one, the header first. The text must outlive the reader and its records.
class CsvReader {
 public:
  CsvReader(std::string_view text, std::string source, TornLine torn);

  /// False at the end. \throws UserError `source:line: …` for stray quotes, a record with another number of fields
  /// than the first, and a last line without an end unless torn lines are dropped.
  bool next(CsvRecord& record);

 private:
  [[noreturn]] void fail(std::size_t line, const std::string& what) const;
  bool read_field(std::string& field, std::size_t begin);

  std::string_view text_;
  std::string source_;
  TornLine torn_;
  std::size_t position_ = 0, line_ = 1, width_ = 0;
};

/// A CSV file in memory.
struct CsvTable {
  std::string source;  ///< the file's name, for messages
  std::vector<std::string> header;
  std::vector<std::vector<std::string>> rows;

  /// The index of a column. \throws UserError with the nearest name.
  std::size_t column(std::string_view name) const;
  /// The number in a field. \throws UserError naming file, row and column.
  double number(std::size_t row, std::size_t column) const;
};

/// \throws UserError if the file cannot be read, is empty or malformed.
CsvTable read_csv(const std::filesystem::path& path, TornLine torn = TornLine::error);

}  // namespace gauntlet
