// SPDX-License-Identifier: Apache-2.0
#include "src/report/csv.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <utility>

#include "kernels/exec/error.hpp"
#include "kernels/registry/parameters.hpp"
#include "kernels/registry/text.hpp"
#include "src/data/atomic_file.hpp"

namespace gauntlet {

std::string csv_number(double value) { return std::isnan(value) ? std::string() : number_text(value); }

double parse_number(std::string_view text, const std::string& where) {
  if (text.empty()) return std::numeric_limits<double>::quiet_NaN();
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size())
    throw UserError(where + ": '" + std::string(text) + "' is not a number");
  return value;
}

CsvWriter& CsvWriter::field(std::string_view text) {
  if (!row_empty_) text_ += ',';
  row_empty_ = false;
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) {
    text_ += text;
    return *this;
  }
  text_ += '"';
  for (const char c : text) {
    if (c == '"') text_ += '"';
    text_ += c;
  }
  text_ += '"';
  return *this;
}

CsvWriter& CsvWriter::field(double value) { return field(std::string_view(csv_number(value))); }

CsvWriter& CsvWriter::end_row() {
  text_ += '\n';
  row_empty_ = true;
  return *this;
}

CsvWriter& CsvWriter::row(const std::vector<std::string>& fields) {
  for (const std::string& text : fields) field(std::string_view(text));
  return end_row();
}

CsvReader::CsvReader(std::string_view text, std::string source, TornLine torn)
    : text_(text), source_(std::move(source)), torn_(torn) {}

void CsvReader::fail(std::size_t line, const std::string& what) const {
  throw UserError(source_ + ":" + std::to_string(line) + ": " + what);
}

/// Reads up to the comma or line end that closes the field; false if the text ends first.
bool CsvReader::read_field(std::string& field, std::size_t begin) {
  field.clear();
  const bool quoted = position_ < text_.size() && text_[position_] == '"';
  if (quoted) {
    for (++position_;; ++position_) {
      if (position_ >= text_.size()) return false;
      if (text_[position_] == '\n') ++line_;
      if (text_[position_] == '"') {
        ++position_;
        if (position_ >= text_.size() || text_[position_] != '"') break;
      }
      field += text_[position_];
    }
  }
  for (; position_ < text_.size(); ++position_) {
    const char c = text_[position_];
    if (c == ',' || c == '\n') return true;
    if (c == '\r') {
      if (position_ + 1 == text_.size()) return false;
      if (text_[position_ + 1] == '\n') return true;
    }
    if (quoted || c == '"' || c == '\r') fail(begin, "a quote or line end stands where CSV allows none");
    field += c;
  }
  return false;
}

bool CsvReader::next(CsvRecord& record) {
  const std::size_t start = position_, line = line_;
  if (start >= text_.size()) return false;
  record.line = line;
  std::size_t count = 0;
  for (bool more = true; more; ++count) {
    if (record.fields.size() == count) record.fields.emplace_back();
    if (!read_field(record.fields[count], line)) {
      if (torn_ == TornLine::error) fail(line, "the last line has no end; the file is incomplete");
      position_ = text_.size();
      return false;
    }
    more = text_[position_] == ',';
    position_ += text_[position_] == '\r' ? 2 : 1;
  }
  ++line_;
  record.fields.resize(count);
  record.text = text_.substr(start, position_ - start);
  if (width_ == 0) width_ = count;
  if (count != width_) fail(line, std::to_string(count) + " fields where the header has " + std::to_string(width_));
  return true;
}

std::size_t CsvTable::column(std::string_view name) const {
  const auto found = std::find(header.begin(), header.end(), name);
  if (found == header.end())
    throw UserError(source + ": no column '" + std::string(name) + "'" + suggestion(name, header));
  return static_cast<std::size_t>(found - header.begin());
}

double CsvTable::number(std::size_t row, std::size_t column) const {
  return parse_number(rows[row][column], source + ": row " + std::to_string(row + 1) + ", column " + header[column]);
}

CsvTable read_csv(const std::filesystem::path& path, TornLine torn) {
  const std::string text = read_file(path);
  CsvTable table;
  table.source = path.string();
  CsvReader reader(text, table.source, torn);
  CsvRecord record;
  if (!reader.next(record)) throw UserError(table.source + ": the file is empty, not even a header row");
  table.header = record.fields;
  while (reader.next(record)) table.rows.push_back(record.fields);
  return table;
}

}  // namespace gauntlet
