// SPDX-License-Identifier: Apache-2.0
#include "src/data/npy.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <numeric>
#include <optional>
#include <utility>

#include "kernels/exec/error.hpp"
#include "kernels/registry/text.hpp"
#include "src/data/atomic_file.hpp"

namespace gauntlet {
namespace {

constexpr std::string_view magic = "\x93NUMPY";

/// What the header says: `{'descr': '<f4', 'fortran_order': False, 'shape': (7, 16), }`.
struct Header {
  std::string descr;
  bool fortran_order = false;
  std::vector<std::uint64_t> shape;
};

/// Bytes of a file in a message: printable, in one line and short.
std::string printable(std::string_view text) {
  std::string result;
  for (const char c : text.substr(0, 40)) result += c >= ' ' && c <= '~' ? c : '?';
  return result + (text.size() > 40 ? "…" : "");
}

/// Reads the Python dictionary of the header: the three known keys, each once, in any order.
class HeaderParser {
 public:
  HeaderParser(std::string_view text, const std::string& source) : text_(text), source_(source) {}

  Header parse() {
    std::optional<std::string> descr;
    std::optional<bool> fortran_order;
    std::optional<std::vector<std::uint64_t>> shape;
    expect('{');
    while (!take('}')) {
      const std::string key = string();
      expect(':');
      if (key == "descr" && !descr) {
        descr = string();
      } else if (key == "fortran_order" && !fortran_order) {
        fortran_order = boolean();
      } else if (key == "shape" && !shape) {
        shape = tuple();
      } else {
        fail("an unknown or repeated key '" + printable(key) + "'");
      }
      if (!take(',')) {
        expect('}');
        break;
      }
    }
    skip_space();
    if (!text_.empty()) fail("text after the header's dictionary");
    if (!descr || !fortran_order || !shape) fail("a header without descr, fortran_order or shape");
    return {*descr, *fortran_order, *shape};
  }

 private:
  [[noreturn]] void fail(const std::string& found) const {
    throw UserError(source_ + ": found " + found + "; accepted is a .npy file as numpy.save writes it");
  }
  void skip_space() {
    while (!text_.empty() && (text_[0] == ' ' || text_[0] == '\n' || text_[0] == '\t')) text_.remove_prefix(1);
  }
  bool take(char c) {
    skip_space();
    if (text_.empty() || text_[0] != c) return false;
    text_.remove_prefix(1);
    return true;
  }
  void expect(char c) {
    if (!take(c)) fail("'" + printable(text_) + "' where the header must have '" + c + "'");
  }
  std::string string() {
    skip_space();
    if (take('[')) fail("an array of records");
    const char quote = text_.empty() ? 0 : text_[0];
    const std::size_t end = quote == '\'' || quote == '"' ? text_.find(quote, 1) : std::string_view::npos;
    if (end == std::string_view::npos) fail("'" + printable(text_) + "' where the header must have a quoted word");
    std::string value(text_.substr(1, end - 1));
    text_.remove_prefix(end + 1);
    return value;
  }
  bool boolean() {
    skip_space();
    for (const bool value : {true, false}) {
      const std::string_view word = value ? "True" : "False";
      if (text_.substr(0, word.size()) != word) continue;
      text_.remove_prefix(word.size());
      return value;
    }
    fail("'" + printable(text_) + "' where the header must have True or False");
  }
  std::uint64_t integer() {
    skip_space();
    std::uint64_t value = 0;
    std::size_t digits = 0;
    for (; digits < text_.size() && text_[digits] >= '0' && text_[digits] <= '9'; ++digits) {
      const auto digit = static_cast<std::uint64_t>(text_[digits] - '0');
      if (value > (std::numeric_limits<std::uint64_t>::max() - digit) / 10)
        fail("a shape of '" + printable(text_) + "'");
      value = 10 * value + digit;
    }
    if (digits == 0) fail("'" + printable(text_) + "' where the header must have a number");
    text_.remove_prefix(digits);
    take('L');  // Python 2 wrote long integers so
    return value;
  }
  std::vector<std::uint64_t> tuple() {
    std::vector<std::uint64_t> values;
    expect('(');
    while (!take(')')) {
      values.push_back(integer());
      if (!take(',')) {
        expect(')');
        break;
      }
    }
    return values;
  }

  std::string_view text_;
  const std::string& source_;
};

std::string shape_text(const std::vector<std::uint64_t>& shape) {
  std::string text = "(";
  for (std::size_t i = 0; i < shape.size() && i < 6; ++i) text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  return text + (shape.size() > 6 ? ", …)" : shape.size() == 1 ? ",)" : ")");
}

/// The numbers of a file as they lie in it.
template <class Number>
struct Stored {
  std::string_view data;
  std::size_t row_stride, column_stride;

  Number operator()(std::size_t row, std::size_t column) const {
    Number number;  // the data may be unaligned
    std::memcpy(&number, data.data() + (row * row_stride + column * column_stride) * sizeof number, sizeof number);
    return number;
  }
};

std::string place(std::size_t row, std::size_t column) {
  return "[" + std::to_string(row) + ", " + std::to_string(column) + "]";
}

/// Two rows that differ in the file and are equal in floats: {0, 0} if there are none.
std::pair<std::size_t, std::size_t> merged_rows(const Stored<double>& stored, const NpyMatrix& matrix) {
  const auto bytes = [&](std::size_t row) {
    return std::string_view(reinterpret_cast<const char*>(&matrix.values[row * matrix.columns]),
                            matrix.columns * sizeof(float));
  };
  const auto differ = [&](std::size_t a, std::size_t b) {
    for (std::size_t k = 0; k < matrix.columns; ++k)
      if (const double x = stored(a, k), y = stored(b, k); x != y && (x == x || y == y)) return true;
    return false;
  };
  std::vector<std::size_t> order(matrix.rows);  // equal rows come together
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return bytes(a) < bytes(b); });
  for (std::size_t i = 1; i < order.size(); ++i)
    if (bytes(order[i - 1]) == bytes(order[i]) && differ(order[i - 1], order[i])) return {order[i - 1], order[i]};
  return {0, 0};
}

template <class Number>
void copy_values(const Stored<Number>& stored, const std::string& source, NpyMatrix& matrix) {
  bool vanished = false;
  matrix.values.reserve(matrix.rows * matrix.columns);
  for (std::size_t row = 0; row < matrix.rows; ++row)
    for (std::size_t column = 0; column < matrix.columns; ++column) {
      const Number number = stored(row, column);
      const auto value = static_cast<float>(number);
      if (std::isinf(value) && std::isfinite(number))
        throw UserError(source + ": found " + number_text(number) + " at " + place(row, column) +
                        "; accepted is at most 3.4028235e38, since gauntlet computes in single precision");
      if (value == 0 && number != 0 && !std::exchange(vanished, true))
        matrix.lost.push_back(source + ": " + number_text(number) + " at " + place(row, column) +
                              " is zero in single precision, in which gauntlet computes");
      matrix.values.push_back(value);
    }
}

}  // namespace

NpyMatrix parse_npy(std::string_view bytes, const std::string& source) {
  const auto fail = [&source](const std::string& found, const char* accepted) {
    throw UserError(source + ": found " + found + "; accepted is " + accepted);
  };
  if (bytes.substr(0, magic.size()) != magic)
    fail("'" + printable(bytes.substr(0, 8)) + "' at the start", "a .npy file");
  if (bytes.size() < 8) fail("a file that ends inside its header", "a complete .npy file");
  const int version = static_cast<unsigned char>(bytes[6]);
  if (version < 1 || version > 3) fail(".npy version " + std::to_string(version), "version 1, 2 or 3");
  const std::size_t length_bytes = version == 1 ? 2 : 4;
  std::size_t length = 0;
  for (std::size_t i = 0; i < length_bytes && 8 + i < bytes.size(); ++i)
    length |= static_cast<std::size_t>(static_cast<unsigned char>(bytes[8 + i])) << (8 * i);
  if (bytes.size() < 8 + length_bytes || bytes.size() - 8 - length_bytes < length)
    fail("a file that ends inside its header", "a complete .npy file");

  const Header header = HeaderParser(bytes.substr(8 + length_bytes, length), source).parse();
  const bool is_double = header.descr == "<f8";
  if (!is_double && header.descr != "<f4")
    fail("type '" + printable(header.descr) + "'", "float32 ('<f4') or float64 ('<f8'), little-endian");
  if (header.shape.size() != 2 || header.shape[0] == 0 || header.shape[1] == 0)
    fail("shape " + shape_text(header.shape), "n x d, both at least 1");

  const std::string_view data = bytes.substr(8 + length_bytes + length);
  const std::uint64_t size = is_double ? 8 : 4, rows = header.shape[0], columns = header.shape[1];
  // Divisions, because the product of two absurd dimensions overflows.
  if (data.size() % size != 0 || data.size() / size % rows != 0 || data.size() / size / rows != columns)
    fail(std::to_string(data.size()) + " bytes of data for shape " + shape_text(header.shape),
         "exactly n * d values (the file is truncated or has bytes too many)");
  NpyMatrix matrix;
  matrix.rows = static_cast<std::size_t>(rows);
  matrix.columns = static_cast<std::size_t>(columns);
  matrix.was_double = is_double;
  const std::size_t row_stride = header.fortran_order ? 1 : matrix.columns,
                    column_stride = header.fortran_order ? matrix.rows : 1;
  if (!is_double) {
    copy_values(Stored<float>{data, row_stride, column_stride}, source, matrix);
    return matrix;
  }
  const Stored<double> stored{data, row_stride, column_stride};
  copy_values(stored, source, matrix);
  if (const auto [a, b] = merged_rows(stored, matrix); a != b)
    matrix.lost.push_back(source + ": rows " + std::to_string(a) + " and " + std::to_string(b) +
                          " differ, but not in single precision, in which gauntlet computes");
  return matrix;
}

NpyMatrix read_npy(const std::filesystem::path& path) { return parse_npy(read_file(path), path.string()); }

void write_npy(const std::filesystem::path& path, const float* values, std::size_t rows, std::size_t columns) {
  std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (" + std::to_string(rows) + ", " +
                       std::to_string(columns) + "), }";
  // Magic, version, length and header together fill a multiple of 64 bytes, the last of them a line end.
  constexpr std::size_t before = 10, alignment = 64;
  header.append(alignment - 1 - (before + header.size()) % alignment, ' ');
  header += '\n';
  std::string bytes(magic);
  bytes += std::string("\x01\x00", 2);
  bytes += static_cast<char>(header.size() & 0xFF);
  bytes += static_cast<char>(header.size() >> 8);
  bytes += header;
  bytes.append(reinterpret_cast<const char*>(values), rows * columns * sizeof(float));
  write_file(path, bytes);
}

}  // namespace gauntlet
