// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/exec/gemm.cuh"
#include "kernels/exec/philox.cuh"
#include "kernels/passes/column.cuh"
#include "kernels/passes/passes.cuh"
#include "tests/backends.hpp"
#include "tests/support.hpp"

namespace gauntlet {
namespace {

struct Shape {
  int cells, m;
  std::int64_t d;
};
const std::vector<Shape> shapes = {{1, 1, 1}, {3, 2, 5}, {2, 7, 130}, {2, 13, 4099}, {1, 33, 2048}, {2, 70, 517}};

/// Random rows on a back end and on the host; some share a large common vector, so that float sums would fail.
struct Stacks {
  std::vector<std::vector<float>> host;
  RowStore rows;
  Array<float*> table;
  Shape shape;

  Stacks(Exec& exec, const Shape& s, std::uint64_t seed = 1)
      : rows(exec, std::int64_t{s.cells} * s.m, s.d), table(exec, rows.pointers()), shape(s) {
    for (std::int64_t i = 0; i < rows.rows(); ++i) {
      std::vector<float> row(static_cast<std::size_t>(s.d));
      for (std::size_t k = 0; k < row.size(); ++k) {
        const auto slot = static_cast<std::uint32_t>(k);
        const float common = 100 * Random(seed, Purpose::noise, 999, 0, slot).normal();
        row[k] = common + Random(seed, Purpose::noise, static_cast<std::uint32_t>(i), 1, slot).normal();
      }
      copy_to(exec, rows.row(i), row.data(), row.size() * sizeof(float));
      host.push_back(row);
    }
  }
  Rows view() const { return {shape.cells, shape.m, shape.d, table.data()}; }
  const std::vector<float>& row(int c, int i) const { return host[static_cast<std::size_t>(c) * shape.m + i]; }
};

double naive_dot(const std::vector<float>& a, const std::vector<float>& b) {
  long double total = 0;
  for (std::size_t k = 0; k < a.size(); ++k) total += static_cast<long double>(a[k]) * b[k];
  return static_cast<double>(total);
}

std::vector<float> download(Exec& exec, const float* from, std::int64_t count) {
  std::vector<float> host(static_cast<std::size_t>(count));
  copy_from(exec, host.data(), from, host.size() * sizeof(float));
  return host;
}

}  // namespace

TEST_CASE("the gram pass agrees with long double products", "[passes]") {
  for (const auto& exec : test_backends())
    for (const Shape& shape : shapes) {
      const Stacks x(*exec, shape);
      Array<double> scratch(*exec, gram_scratch(*exec, x.view()));
      Array<double> products(*exec, static_cast<std::size_t>(shape.cells) * shape.m * shape.m);
      for (const GramPart part : {GramPart::full, GramPart::norms}) {
        gram(*exec, x.view(), part, scratch.data(), products.data());
        const std::vector<double> got = products.download();
        for (int c = 0; c < shape.cells; ++c)
          for (int i = 0; i < shape.m; ++i)
            for (int j = 0; j < shape.m; ++j) {
              if (part == GramPart::norms && i != j) continue;
              const double want = naive_dot(x.row(c, i), x.row(c, j));
              const double value = got[(static_cast<std::size_t>(c) * shape.m + i) * shape.m + j];
              const double scale = std::sqrt(naive_dot(x.row(c, i), x.row(c, i)) * naive_dot(x.row(c, j), x.row(c, j)));
              REQUIRE(std::abs(value - want) <= 1e-13 * scale);
            }
      }
    }
}

TEST_CASE("equal rows have bit-equal products, so ties are ties", "[passes]") {
  for (const auto& exec : test_backends()) {
    Stacks x(*exec, {1, 40, 3001});
    for (const int i : {17, 39}) copy_within(*exec, x.rows.row(i), x.rows.row(3), sizeof(float) * 3001);
    Array<double> scratch(*exec, gram_scratch(*exec, x.view())), products(*exec, 1600);
    gram(*exec, x.view(), GramPart::full, scratch.data(), products.data());
    const std::vector<double> g = products.download();
    for (const int i : {17, 39}) {
      REQUIRE(g[3 * 40 + 3] + g[i * 40 + i] - 2 * g[3 * 40 + i] == 0);
      for (int j = 0; j < 40; ++j) REQUIRE(g[3 * 40 + j] == g[i * 40 + j]);
    }
  }
}

TEST_CASE("a row of NaN spoils only its own products", "[passes]") {
  for (const auto& exec : test_backends()) {
    Stacks x(*exec, {1, 9, 300});
    const std::vector<float> poison(300, std::numeric_limits<float>::quiet_NaN());
    copy_to(*exec, x.rows.row(4), poison.data(), poison.size() * sizeof(float));
    Array<double> scratch(*exec, gram_scratch(*exec, x.view())), products(*exec, 81);
    gram(*exec, x.view(), GramPart::full, scratch.data(), products.data());
    const std::vector<double> g = products.download();
    for (int i = 0; i < 9; ++i)
      for (int j = 0; j < 9; ++j) REQUIRE(std::isfinite(g[static_cast<std::size_t>(i) * 9 + j]) == (i != 4 && j != 4));
    RowStore out(*exec, 1, 300);
    const Array<float*> outs(*exec, out.pointers());
    std::vector<double> weights(9, 0.125);
    weights[4] = 0;
    const Array<double> device_weights(*exec, weights);
    combine(*exec, x.view(), device_weights.data(), 9, outs.data());
    for (const float value : download(*exec, out.row(0), 300)) REQUIRE(std::isfinite(value));
  }
}

TEST_CASE("moments of numbers whose sums or squares overflow are finite", "[passes]") {
  for (const auto& exec : test_backends())
    for (const float size : {1.0f, 1e25f, 3e38f}) {
      RowStore rows(*exec, 3, 300), out(*exec, 2, 300);
      for (int i = 0; i < 3; ++i) {
        std::vector<float> row(300, size * (i == 0 ? 0.5f : 1.0f));
        row[7] = static_cast<float>(i);  // stays as exact as it is
        copy_to(*exec, rows.row(i), row.data(), row.size() * sizeof(float));
      }
      const Array<float*> table(*exec, rows.pointers()), outs(*exec, out.pointers());
      moments(*exec, {1, 3, 300, table.data()}, 3, outs.data(), outs.data() + 1);
      const auto mean = download(*exec, out.row(0), 300), deviation = download(*exec, out.row(1), 300);
      for (std::size_t k = 0; k < 300; ++k) {
        REQUIRE(mean[k] == Approx(k == 7 ? 1 : size * (5.0 / 6)));
        REQUIRE(deviation[k] == Approx(k == 7 ? 1 : size * std::sqrt(1.0 / 12)));
      }
    }
}

TEST_CASE("combine, dots and moments agree with naive sums and leave padding zero", "[passes]") {
  for (const auto& exec : test_backends())
    for (const Shape& shape : shapes) {
      const Stacks x(*exec, shape);
      const auto cells = static_cast<std::size_t>(shape.cells);
      std::vector<double> weights;
      for (std::size_t i = 0; i < cells * shape.m; ++i) weights.push_back(0.5 - static_cast<double>(i % 5) * 0.25);
      const Array<double> device_weights(*exec, weights);
      RowStore out(*exec, 3 * shape.cells, shape.d);
      const Array<float*> outs(*exec, out.pointers());
      combine(*exec, x.view(), device_weights.data(), shape.m, outs.data());
      moments(*exec, x.view(), shape.m, outs.data() + cells, outs.data() + 2 * cells);
      Array<double> scratch(*exec, dot_scratch(*exec, x.view())), products(*exec, cells * (shape.m + 1));
      dots(*exec, x.view(), outs.data(), scratch.data(), products.data());
      const std::vector<double> got = products.download();
      for (int c = 0; c < shape.cells; ++c) {
        const auto sum = download(*exec, out.row(c), padded(shape.d));
        const auto mean = download(*exec, out.row(shape.cells + c), padded(shape.d));
        const auto deviation = download(*exec, out.row(2 * shape.cells + c), padded(shape.d));
        for (std::int64_t k = 0; k < padded(shape.d); ++k) {
          double total = 0, center = 0, spread = 0;
          for (int i = 0; i < shape.m && k < shape.d; ++i) {
            total += weights[static_cast<std::size_t>(c) * shape.m + i] * x.row(c, i)[k];
            center += x.row(c, i)[k] / static_cast<double>(shape.m);
          }
          for (int i = 0; i < shape.m && k < shape.d; ++i) spread += std::pow(x.row(c, i)[k] - center, 2);
          spread = shape.m > 1 ? std::sqrt(spread / (shape.m - 1)) : 0;
          REQUIRE(sum[k] == Approx(total).margin(1e-4));
          REQUIRE(mean[k] == Approx(center).margin(1e-3));
          REQUIRE(deviation[k] == Approx(spread).margin(1e-3));
          if (k >= shape.d) REQUIRE((sum[k] == 0 && mean[k] == 0 && deviation[k] == 0));
        }
        const std::vector<float> y(sum.begin(), sum.begin() + shape.d);
        for (int i = 0; i <= shape.m; ++i) {
          const double want = naive_dot(i < shape.m ? x.row(c, i) : y, y);
          const double scale = std::sqrt(naive_dot(y, y)) * 1e3 * std::sqrt(static_cast<double>(shape.d));
          REQUIRE(std::abs(got[static_cast<std::size_t>(c) * (shape.m + 1) + i] - want) <= 1e-13 * scale + 1e-9);
        }
      }
    }
}

namespace {

/// The k-th smallest value of each column.
struct OrderStatistic {
  static constexpr bool sorted = true;
  int k;
  template <class Values>
  GAUNTLET_HD typename Values::Number operator()(const Values& column) const {
    return column.at(k);
  }
};

}  // namespace

TEST_CASE("columns are sorted for every number of messages, through any mixing, NaN last", "[passes]") {
  for (const auto& exec : test_backends())
    for (const int n : {1, 2, 3, 5, 8, 9, 13, 14, 20, 21, 32, 33, 64, 65, 127, 256}) {
      const std::int64_t d = 133;
      Stacks x(*exec, {1, n, d}, static_cast<std::uint64_t>(n));
      if (n > 4) {
        x.host[2][7] = std::numeric_limits<float>::quiet_NaN();
        copy_to(*exec, x.rows.row(2), x.host[2].data(), x.host[2].size() * sizeof(float));
      }
      // Message i is row i, except that the last is half of rows 0 and 1 and the one before it repeats message n - 3.
      std::vector<double> mixing(static_cast<std::size_t>(n) * n, 0.0);
      for (int i = 0; i < n; ++i) mixing[static_cast<std::size_t>(i) * n + i] = 1;
      if (n > 4) {
        double* last = &mixing[static_cast<std::size_t>(n - 1) * n];
        std::fill(last, last + n, 0.0);
        last[0] = last[1] = 0.5;
        double* before = &mixing[static_cast<std::size_t>(n - 2) * n];
        std::fill(before, before + n, 0.0);
        before[n - 3] = 1;
      }
      const Array<double> device_mixing(*exec, mixing);
      RowStore out(*exec, 1, d);
      const Array<float*> outs(*exec, out.pointers());
      for (const bool mixed : {false, true})
        for (const int k : {0, n / 2, n - 1}) {
          reduce_columns(*exec, {x.view(), n, mixed ? device_mixing.data() : nullptr}, OrderStatistic{k}, outs.data());
          const auto got = download(*exec, out.row(0), d);
          for (std::int64_t j = 0; j < d; ++j) {
            std::vector<float> column;
            for (int i = 0; i < n; ++i) {
              float value = x.host[static_cast<std::size_t>(i)][j];
              if (mixed && n > 4 && i == n - 1) value = 0.5F * x.host[0][j] + 0.5F * x.host[1][j];
              if (mixed && n > 4 && i == n - 2) value = x.host[static_cast<std::size_t>(n - 3)][j];
              column.push_back(std::isnan(value) ? std::numeric_limits<float>::infinity() : value);
            }
            std::sort(column.begin(), column.end());
            REQUIRE(got[j] == column[static_cast<std::size_t>(k)]);
          }
        }
    }
}

TEST_CASE("batched products follow the row-major convention with every transposition", "[passes]") {
  for (const auto& exec : test_backends())
    for (const Transpose ta : {Transpose::no, Transpose::yes})
      for (const Transpose tb : {Transpose::no, Transpose::yes}) {
        const int rows = 5, columns = 7, inner = 3, count = 2;
        std::vector<float> a, b, c;
        for (int i = 0; i < count * rows * inner; ++i) a.push_back(0.1F * static_cast<float>(i % 11) - 0.4F);
        for (int i = 0; i < count * inner * columns; ++i) b.push_back(0.3F - 0.05F * static_cast<float>(i % 13));
        for (int i = 0; i < count * rows * columns; ++i) c.push_back(static_cast<float>(i % 3));
        Array<float> da(*exec, a), db(*exec, b), dc(*exec, c);
        const Array<const float*> ta_table(*exec, {da.data(), da.data() + rows * inner});
        const Array<const float*> tb_table(*exec, {db.data(), db.data() + inner * columns});
        const Array<float*> tc_table(*exec, {dc.data(), dc.data() + rows * columns});
        const bool at = ta == Transpose::yes, bt = tb == Transpose::yes;
        gemm_batched(*exec, ta, tb, rows, columns, inner, 2, ta_table.data(), at ? rows : inner, tb_table.data(),
                     bt ? inner : columns, 0.5F, tc_table.data(), columns, count);
        const auto got = dc.download();
        for (int z = 0; z < count; ++z)
          for (int i = 0; i < rows; ++i)
            for (int j = 0; j < columns; ++j) {
              double total = 0;
              for (int k = 0; k < inner; ++k)
                total += static_cast<double>(a[z * rows * inner + (at ? k * rows + i : i * inner + k)]) *
                         b[z * inner * columns + (bt ? j * inner + k : k * columns + j)];
              const int at_c = z * rows * columns + i * columns + j;
              REQUIRE(got[at_c] == Approx(2 * total + 0.5 * c[at_c]).margin(1e-6));
            }
      }
}

}  // namespace gauntlet
