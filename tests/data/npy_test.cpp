// SPDX-License-Identifier: Apache-2.0
#include <cstring>
#include <fstream>
#include <limits>

#include "src/data/atomic_file.hpp"
#include "src/data/npy.hpp"
#include "tests/support.hpp"

using namespace gauntlet;
namespace fs = std::filesystem;

namespace {

/// A .npy file with any header text.
template <class Number>
std::string npy(const std::string& header, const std::vector<Number>& values, int version = 1) {
  std::string bytes = "\x93NUMPY";
  bytes += static_cast<char>(version);
  bytes += '\0';
  for (int i = 0; i < (version == 1 ? 2 : 4); ++i) bytes += static_cast<char>(header.size() >> (8 * i) & 0xFF);
  bytes += header;
  bytes.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(Number));
  return bytes;
}

std::string error_of(const std::string& bytes) {
  return user_error([&] { parse_npy(bytes, "x.npy"); });
}

const std::vector<float> six = {1, 2, 3, 4, 5, 6};

}  // namespace

TEST_CASE("npy: what is written is read back, non-finite values too", "[npy]") {
  const auto folder = temporary_folder();
  const fs::path path = folder / "m.npy";
  const float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> values = {1, -0.0f, 1e-45f, inf, -inf, nan};
  write_npy(path, values.data(), 2, 3);
  const NpyMatrix matrix = read_npy(path);
  CHECK(matrix.rows == 2);
  CHECK(matrix.columns == 3);
  CHECK_FALSE(matrix.was_double);
  REQUIRE(matrix.values.size() == 6);
  CHECK(std::memcmp(matrix.values.data(), values.data(), 24) == 0);
  const std::string bytes = read_file(path);
  CHECK((bytes.size() - 24) % 64 == 0);
  CHECK(bytes[bytes.size() - 25] == '\n');
  CHECK(std::distance(fs::directory_iterator(folder.path()), {}) == 1);
}

TEST_CASE("npy: both orders, both types, all versions and spellings of the header", "[npy]") {
  const std::vector<double> doubles(six.begin(), six.end());
  CHECK(parse_npy(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n", six), "x").values == six);
  CHECK(parse_npy(npy("{'descr':'<f4','fortran_order':False,'shape':(2,3)}", six, 2), "x").values == six);
  CHECK(parse_npy(npy(" { \"shape\" : ( 2L , 3L , ) , \"fortran_order\" : False,\"descr\":\"<f4\" } ", six, 3), "x")
            .values == six);
  const NpyMatrix fortran = parse_npy(npy("{'descr': '<f8', 'fortran_order': True, 'shape': (2, 3), }", doubles), "x");
  CHECK(fortran.values == std::vector<float>{1, 3, 5, 2, 4, 6});
  CHECK(fortran.was_double);
}

TEST_CASE("npy: arrays of one to four dimensions are written and read back", "[npy]") {
  const auto folder = temporary_folder();
  std::vector<float> values(24);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  for (const std::vector<std::size_t>& shape :
       {std::vector<std::size_t>{24}, {4, 6}, {2, 3, 4}, {2, 3, 1, 4}, {1, 1, 24, 1}}) {
    write_npy(folder / "a.npy", values.data(), shape);
    for (const int dimensions : {0, static_cast<int>(shape.size())}) {
      const NpyArray array = read_npy_array(folder / "a.npy", dimensions);
      CHECK(array.shape == shape);
      CHECK(array.values == values);
    }
    const int other = static_cast<int>(shape.size() % 4) + 1;
    CHECK(contains(user_error([&] { read_npy_array(folder / "a.npy", other); }), "a.npy: found shape ("));
  }
  CHECK(contains(read_file(folder / "a.npy"), "'shape': (1, 1, 24, 1), }"));
}

TEST_CASE("npy: the Fortran order of many dimensions, and where in them a number lies", "[npy]") {
  const std::string header = "{'descr': '<f8', 'fortran_order': True, 'shape': (2, 3, 2, 2), }";
  std::vector<double> stored(24);
  std::vector<float> want;
  for (int a = 0; a < 2; ++a)
    for (int b = 0; b < 3; ++b)
      for (int c = 0; c < 2; ++c)
        for (int e = 0; e < 2; ++e) {
          stored[static_cast<std::size_t>(a + 2 * (b + 3 * (c + 2 * e)))] = 1000 * a + 100 * b + 10 * c + e;
          want.push_back(static_cast<float>(1000 * a + 100 * b + 10 * c + e));
        }
  const auto parse = [&] { return parse_npy_array(npy(header, stored), "x.npy"); };
  CHECK(parse().values == want);
  CHECK(parse().lost.empty());
  stored[1 + 2 * (2 + 3 * (0 + 2 * 1))] = 1e300;
  CHECK(contains(user_error([&] { parse(); }), "x.npy: found 1e+300 at [1, 2, 0, 1]; accepted is at most"));
  for (double& value : stored) value = 1e6;
  stored[1 + 2 * (0 + 3 * (1 + 2 * 0))] += 1e-3;
  CHECK(parse().lost == std::vector<std::string>{"x.npy: rows [1, 0, 0] and [1, 0, 1] differ, but not in single "
                                                 "precision, in which gauntlet computes"});
}

TEST_CASE("npy: what single precision cannot hold is refused, what it does not tell apart is said", "[npy]") {
  constexpr double inf = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
  const auto doubles = [](const std::vector<double>& values, const char* fortran = "False") {
    return npy("{'descr': '<f8', 'fortran_order': " + std::string(fortran) + ", 'shape': (3, 2), }", values);
  };
  const auto lost = [&](const std::vector<double>& values, const char* fortran = "False") {
    return parse_npy(doubles(values, fortran), "x.npy").lost;
  };
  CHECK(
      error_of(doubles({1, 2, 3, 3.5e38, 5, 6})) ==
      "x.npy: found 3.5e+38 at [1, 1]; accepted is at most 3.4028235e38, since gauntlet computes in single precision");
  CHECK(contains(error_of(doubles({1, 2, 3, 4, 5, -1e200})), "found -1e+200 at [2, 1]"));
  CHECK(contains(error_of(doubles({1, 2, 3, 4, 1e200, 6}, "True")), "found 1e+200 at [1, 1]"));
  CHECK(lost({3.4028235e38, inf, -inf, nan, -0.0, 1e-45}).empty());
  CHECK(lost({1, 2, 3, -1e-46, 1e-50, 6}) ==
        std::vector<std::string>{"x.npy: -1e-46 at [1, 1] is zero in single precision, in which gauntlet computes"});
  // Rows 1e6 + 1e-3 noise.
  const std::vector<std::string> merged = {
      "x.npy: rows 0 and 2 differ, but not in single precision, in which gauntlet computes"};
  CHECK(lost({1e6 + 1e-3, 1e6, 1e6 + 1, 1e6, 1e6 - 2e-3, 1e6}) == merged);
  CHECK(lost({1e6 + 1e-3, 1e6 + 1, 1e6 - 2e-3, 1e6, 1e6, 1e6}, "True") == merged);
  CHECK(lost({nan, 1e6, 0, 0, nan, 1e6 + 1e-3}) == merged);
  // Rows that are equal in the file lose nothing.
  CHECK(lost({0.1, nan, 0.1, nan, 0.1, nan}).empty());
  CHECK(lost({0.1, 0.2, 0.1, 0.3, 0.1, 0.2}).empty());
}

TEST_CASE("npy: other types and shapes are refused with what was found and what is accepted", "[npy]") {
  const auto header = [](const std::string& descr, const std::string& shape) {
    return "{'descr': " + descr + ", 'fortran_order': False, 'shape': " + shape + ", }";
  };
  CHECK(contains(error_of(npy(header("'<i4'", "(2, 3)"), six)), "x.npy: found type '<i4'"));
  CHECK(contains(error_of(npy(header("'>f4'", "(2, 3)"), six)), "little-endian"));
  CHECK(contains(error_of(npy(header("'<f2'", "(2, 3)"), six)), "float32"));
  CHECK(contains(error_of(npy(header("[('a', '<f4')]", "(2, 3)"), six)), "records"));
  CHECK(contains(error_of(npy(header("'<f4'", "(6,)"), six)), "shape (6,)"));
  CHECK(contains(error_of(npy(header("'<f4'", "()"), six)), "shape ()"));
  CHECK(contains(error_of(npy(header("'<f4'", "(1, 2, 3)"), six)), "n x d"));
  CHECK(contains(error_of(npy(header("'<f4'", "(0, 3)"), std::vector<float>{})), "at least 1"));
  CHECK(contains(error_of(npy(header("'<f4'", "(3, 0)"), std::vector<float>{})), "at least 1"));
  CHECK(contains(error_of(npy(header("'<f4'", "(2, 3)"), six, 4)), "version 4"));
  const auto array_error = [&](const std::string& shape, const std::vector<float>& values, int dimensions = 0) {
    return user_error([&] { parse_npy_array(npy(header("'<f4'", shape), values), "x.npy", dimensions); });
  };
  CHECK(array_error("()", {1}) == "x.npy: found shape (); accepted is 1 to 4 dimensions, each at least 1");
  CHECK(contains(array_error("(1, 1, 1, 1, 6)", six), "1 to 4 dimensions"));
  CHECK(contains(array_error("(2, 0, 3)", {}), "each at least 1"));
  CHECK(array_error("(2, 3)", six, 4) == "x.npy: found shape (2, 3); accepted is 4 dimensions, each at least 1");
  CHECK(contains(array_error("(2, 3, 2)", six), "24 bytes of data for shape (2, 3, 2)"));
  CHECK(contains(array_error("(2, 3, 4294967296, 4294967296)", six), "24 bytes of data"));
  CHECK(contains(array_error("(4294967296, 4294967296, 6)", six), "24 bytes of data"));
}

TEST_CASE("npy: truncated, overlong and absurd files are refused", "[npy]") {
  const std::string good = npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n", six);
  REQUIRE(error_of(good).empty());
  for (std::size_t size = 0; size < good.size(); ++size)
    if (error_of(good.substr(0, size)).empty()) FAIL("accepted when cut to " << size << " bytes");
  CHECK(contains(error_of(good + "x"), "25 bytes of data for shape (2, 3)"));
  CHECK(contains(error_of(good + std::string(4, '\0')), "bytes too many"));
  for (const char* shape :
       {"(4294967296, 4294967296)", "(9223372036854775807, 2)", "(99999999999999999999999, 1)", "(-1, 3)",
        "(18446744073709551615, 18446744073709551615)", "(1e9, 3)", "(2 3)", "(2, 3", "2, 3", "(,)"})
    CHECK_FALSE(
        error_of(npy(std::string("{'descr': '<f4', 'fortran_order': False, 'shape': ") + shape + ", }", six)).empty());
  for (const char* header :
       {"", "{}", "{'descr': '<f4'}", "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)}",
        "{'descr': '<f4', 'fortran_order': 0, 'shape': (2, 3)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)} x",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), 'extra': 1}", "{'descr: 1}"})
    CHECK_FALSE(error_of(npy(header, six)).empty());
  CHECK_FALSE(contains(error_of("GIF89a\n\x01 and more"), "\n"));
}

TEST_CASE("npy: files that cannot be read or written are named", "[npy]") {
  const auto folder = temporary_folder();
  CHECK(contains(user_error([&] { read_npy(folder / "none.npy"); }), "none.npy': No such file"));
  CHECK(contains(user_error([&] { read_npy(folder.path()); }), "Is a directory"));
  CHECK(contains(user_error([&] { write_npy(folder / "no" / "m.npy", six.data(), 2, 3); }), "m.npy': No such file"));
  CHECK(contains(user_error([&] { write_npy(folder.path(), six.data(), 2, 3); }), "Is a directory"));
  if (fs::exists("/dev/full"))
    CHECK(contains(user_error([&] { write_npy("/dev/full", six.data(), 2, 3); }), "No space left"));
  if (fs::exists("/dev/zero")) CHECK(contains(user_error([] { read_npy("/dev/zero"); }), "it is a device"));
}

TEST_CASE("npy: a link keeps pointing to the file that is written", "[npy]") {
  const auto folder = temporary_folder();
  write_npy(folder / "real.npy", six.data(), 2, 3);
  fs::create_symlink("real.npy", folder / "link.npy");
  write_npy(folder / "link.npy", six.data(), 3, 2);
  CHECK(fs::is_symlink(folder / "link.npy"));
  CHECK(read_npy(folder / "real.npy").rows == 3);
}

TEST_CASE("npy: the golden inputs are read", "[npy]") {
  const fs::path golden = shared_folder() / "golden";
  if (!fs::exists(golden / "in0.npy")) SKIP_TEST("no golden vectors");
  int count = 0;
  for (const auto& entry : fs::directory_iterator(golden)) {
    if (entry.path().extension() != ".npy") continue;
    INFO(entry.path());
    const NpyMatrix matrix = read_npy(entry.path());
    CHECK(matrix.values.size() == matrix.rows * matrix.columns);
    ++count;
  }
  CHECK(count > 0);
}
