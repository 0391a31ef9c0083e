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
constexpr std::size_t most_dimensions = 4;

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

template <class Number>
std::string shape_text(const std::vector<Number>& shape) {
  std::string text = "(";
  for (std::size_t i = 0; i < shape.size() && i < 6; ++i) text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  return text + (shape.size() > 6 ? ", …)" : shape.size() == 1 ? ",)" : ")");
}

/// The numbers of a file as they lie in it, in rows along the last dimension.
template <class Number>
class Stored {
 public:
  Stored(std::string_view data, bool fortran_order, const std::vector<std::size_t>& shape)
      : data_(data), fortran_order_(fortran_order), shape_(shape), columns_(shape.back()) {
    rows_ = data.size() / sizeof(Number) / columns_;
  }

  std::size_t rows() const { return rows_; }
  std::size_t columns() const { return columns_; }

  Number operator()(std::size_t row, std::size_t column) const {
    const std::size_t at = fortran_order_ ? column * rows_ + first_of(row) : row * columns_ + column;
    Number number;  // the data may be unaligned
    std::memcpy(&number, data_.data() + at * sizeof number, sizeof number);
    return number;
  }

  /// The indices of a row: of all dimensions but the last.
  std::vector<std::size_t> indices(std::size_t row) const {
    std::vector<std::size_t> all(shape_.size() - 1);
    for (std::size_t k = all.size(); k-- > 0; row /= shape_[k]) all[k] = row % shape_[k];
    return all;
  }
  std::vector<std::size_t> indices(std::size_t row, std::size_t column) const {
    std::vector<std::size_t> all = indices(row);
    all.push_back(column);
    return all;
  }

 private:
  /// In Fortran order, where the first index runs fastest: the place of a row's first number.
  std::size_t first_of(std::size_t row) const {
    if (shape_.size() <= 2) return row;
    std::size_t place = 0, stride = rows_;
    for (std::size_t k = shape_.size() - 1; k-- > 0; row /= shape_[k])
      stride /= shape_[k], place += row % shape_[k] * stride;
    return place;
  }

  std::string_view data_;
  bool fortran_order_;
  const std::vector<std::size_t>& shape_;
  std::size_t rows_ = 0, columns_;
};

std::string place(const std::vector<std::size_t>& indices) {
  std::string text = "[";
  for (std::size_t k = 0; k < indices.size(); ++k) text += (k == 0 ? "" : ", ") + std::to_string(indices[k]);
  return text + "]";
}

std::string row_name(const std::vector<std::size_t>& indices) {
  return indices.size() == 1 ? std::to_string(indices[0]) : place(indices);
}

/// Two rows that differ in the file and are equal in floats: {0, 0} if there are none.
std::pair<std::size_t, std::size_t> merged_rows(const Stored<double>& stored, const std::vector<float>& values) {
  const auto bytes = [&](std::size_t row) {
    return std::string_view(reinterpret_cast<const char*>(&values[row * stored.columns()]),
                            stored.columns() * sizeof(float));
  };
  const auto differ = [&](std::size_t a, std::size_t b) {
    for (std::size_t k = 0; k < stored.columns(); ++k)
      if (const double x = stored(a, k), y = stored(b, k); x != y && (x == x || y == y)) return true;
    return false;
  };
  std::vector<std::size_t> order(stored.rows());  // equal rows come together
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return bytes(a) < bytes(b); });
  for (std::size_t i = 1; i < order.size(); ++i)
    if (bytes(order[i - 1]) == bytes(order[i]) && differ(order[i - 1], order[i])) return {order[i - 1], order[i]};
  return {0, 0};
}

template <class Number>
void copy_values(const Stored<Number>& stored, const std::string& source, NpyArray& array) {
  bool vanished = false;
  array.values.reserve(stored.rows() * stored.columns());
  for (std::size_t row = 0; row < stored.rows(); ++row)
    for (std::size_t column = 0; column < stored.columns(); ++column) {
      const Number number = stored(row, column);
      const auto value = static_cast<float>(number);
      if (std::isinf(value) && std::isfinite(number))
        throw UserError(source + ": found " + number_text(number) + " at " + place(stored.indices(row, column)) +
                        "; accepted is at most 3.4028235e38, since gauntlet computes in single precision");
      if (value == 0 && number != 0 && !std::exchange(vanished, true))
        array.lost.push_back(source + ": " + number_text(number) + " at " + place(stored.indices(row, column)) +
                             " is zero in single precision, in which gauntlet computes");
      array.values.push_back(value);
    }
}

std::string accepted_shape(int dimensions) {
  if (dimensions == 2) return "n x d, both at least 1";
  return (dimensions == 0 ? "1 to " + std::to_string(most_dimensions) : std::to_string(dimensions)) +
         " dimensions, each at least 1";
}

/// How many numbers that is, or 0 where it is none or more than there are.
std::uint64_t size_of(const std::vector<std::uint64_t>& shape, std::uint64_t most) {
  std::uint64_t size = 1;
  for (const std::uint64_t length : shape) {
    if (length == 0 || length > most / size) return 0;  // before the product of absurd dimensions overflows
    size *= length;
  }
  return size;
}

}  // namespace

NpyArray parse_npy_array(std::string_view bytes, const std::string& source, int dimensions) {
  const auto fail = [&source](const std::string& found, const std::string& accepted) {
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
  const std::size_t rank = header.shape.size();
  if ((dimensions == 0 ? rank == 0 || rank > most_dimensions : rank != static_cast<std::size_t>(dimensions)) ||
      std::count(header.shape.begin(), header.shape.end(), 0u) != 0)
    fail("shape " + shape_text(header.shape), accepted_shape(dimensions));

  const std::string_view data = bytes.substr(8 + length_bytes + length);
  const std::uint64_t each = is_double ? 8 : 4;
  if (data.size() % each != 0 || size_of(header.shape, data.size() / each) != data.size() / each || data.empty())
    fail(std::to_string(data.size()) + " bytes of data for shape " + shape_text(header.shape),
         "exactly as many values as the shape says (the file is truncated or has bytes too many)");
  NpyArray array;
  array.shape.assign(header.shape.begin(), header.shape.end());
  array.was_double = is_double;
  if (!is_double) {
    copy_values(Stored<float>(data, header.fortran_order, array.shape), source, array);
    return array;
  }
  const Stored<double> stored(data, header.fortran_order, array.shape);
  copy_values(stored, source, array);
  if (const auto [a, b] = merged_rows(stored, array.values); a != b)
    array.lost.push_back(source + ": rows " + row_name(stored.indices(a)) + " and " + row_name(stored.indices(b)) +
                         " differ, but not in single precision, in which gauntlet computes");
  return array;
}

NpyMatrix as_matrix(NpyArray array) {
  return {array.shape.at(0), array.shape.at(1), std::move(array.values), array.was_double, std::move(array.lost)};
}

NpyMatrix parse_npy(std::string_view bytes, const std::string& source) {
  return as_matrix(parse_npy_array(bytes, source, 2));
}

NpyArray read_npy_array(const std::filesystem::path& path, int dimensions) {
  return parse_npy_array(read_file(path), path.string(), dimensions);
}

NpyMatrix read_npy(const std::filesystem::path& path) { return parse_npy(read_file(path), path.string()); }

void write_npy(const std::filesystem::path& path, const float* values, const std::vector<std::size_t>& shape) {
  std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': " + shape_text(shape) + ", }";
  // Magic, version, length and header together fill a multiple of 64 bytes, the last of them a line end.
  constexpr std::size_t before = 10, alignment = 64;
  header.append(alignment - 1 - (before + header.size()) % alignment, ' ');
  header += '\n';
  std::string bytes(magic);
  bytes += std::string("\x01\x00", 2);
  bytes += static_cast<char>(header.size() & 0xFF);
  bytes += static_cast<char>(header.size() >> 8);
  bytes += header;
  std::size_t size = 1;
  for (const std::size_t length : shape) size *= length;
  bytes.append(reinterpret_cast<const char*>(values), size * sizeof(float));
  write_file(path, bytes);
}

void write_npy(const std::filesystem::path& path, const float* values, std::size_t rows, std::size_t columns) {
  write_npy(path, values, std::vector<std::size_t>{rows, columns});
}

}  // namespace gauntlet
