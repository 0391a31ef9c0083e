// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "kernels/exec/philox.cuh"
#include "kernels/passes/parts.cuh"
#include "kernels/passes/passes.cuh"
#include "tests/backends.hpp"
#include "tests/support.hpp"

namespace gauntlet {
namespace {

struct Shape {
  int m;
  std::int64_t d;
  int most;
  std::vector<int> counts;  ///< one stack each
};
const std::vector<Shape> shapes = {
    {1, 1, 1, {1}},        {3, 1, 4, {4, 1}},       {2, 7, 9, {1, 2, 3, 4, 5, 6, 7, 8, 9}},
    {9, 64, 3, {3, 2, 1}}, {17, 100, 64, {64, 33}}, {5, 1003, 16, {16, 15, 2, 7}},
    {17, 4099, 3, {3, 1}}, {3, 20000, 4, {3}},      {40, 2500, 2, {2}},
};

/// Stacks of random rows and the vectors, parts and weights that go with them, on a back end and on the host.
struct Case {
  Exec& exec;
  Shape shape;
  std::vector<std::vector<float>> host;
  RowStore rows;
  Array<float*> table;
  Array<int> counts;

  Case(Exec& exec, const Shape& s, std::uint32_t first_stack = 0)
      : exec(exec),
        shape(s),
        rows(exec, static_cast<std::int64_t>(s.counts.size()) * s.m, s.d),
        table(exec, rows.pointers()),
        counts(exec, s.counts) {
    for (std::int64_t i = 0; i < rows.rows(); ++i) {
      std::vector<float> row(static_cast<std::size_t>(s.d));
      const auto unit = static_cast<std::uint32_t>(i) + first_stack * static_cast<std::uint32_t>(s.m);
      for (std::size_t k = 0; k < row.size(); ++k)
        row[k] = 1 + Random(7, Purpose::noise, unit, 0, static_cast<std::uint32_t>(k)).normal();
      set_row(i, row);
    }
  }

  void set_row(std::int64_t i, const std::vector<float>& row) {
    copy_to(exec, rows.row(i), row.data(), row.size() * sizeof(float));
    host.resize(static_cast<std::size_t>(std::max<std::int64_t>(static_cast<std::int64_t>(host.size()), i + 1)));
    host[static_cast<std::size_t>(i)] = row;
  }

  int stacks() const { return static_cast<int>(shape.counts.size()); }
  Rows view() const { return {stacks(), shape.m, shape.d, table.data()}; }
  Parts parts() const { return {shape.most, counts.data(), shape.d}; }
  const std::vector<float>& row(int c, int p) const { return host[static_cast<std::size_t>(c * shape.m + p)]; }
  std::size_t of_parts() const { return shape.counts.size() * static_cast<std::size_t>(shape.most); }

  /// Where part j of stack c begins; that of the next is its end.
  std::int64_t border(int c, int j) const {
    const std::int64_t count = shape.counts[static_cast<std::size_t>(c)];
    const std::int64_t width = shape.d / count + (shape.d % count == 0 ? 0 : 1);
    return j >= count ? shape.d : std::min(shape.d, j * width);
  }

  std::vector<double> gram() const {
    Array<double> scratch(exec, part_gram_scratch(exec, view(), parts()));
    Array<double> products(exec, std::vector<double>(of_parts() * shape.m * shape.m, 77));
    part_gram(exec, view(), parts(), scratch.data(), products.data());
    return products.download();
  }
  std::vector<double> dots(RowStore& vectors) const {
    const Array<float*> pointers(exec, vectors.pointers());
    Array<double> scratch(exec, part_dot_scratch(exec, view(), parts()));
    Array<double> products(exec, std::vector<double>(of_parts() * (shape.m + 1), 77));
    part_dots(exec, view(), parts(), pointers.data(), scratch.data(), products.data());
    return products.download();
  }
  /// Different for every row of every part; the first row of every second part is hidden.
  std::vector<double> weights() const {
    std::vector<double> result;
    for (std::size_t part = 0; part < of_parts(); ++part)
      for (int p = 0; p < shape.m; ++p)
        result.push_back(p == 0 && part % 2 == 1 ? 0 : 0.25 * static_cast<double>((part * 5 + p * 3) % 9) - 0.9);
    return result;
  }
  /// What lies in the rows of `into`, padding too, after the weights have been applied.
  std::vector<std::vector<float>> combined(const std::vector<double>& weights, RowStore& into,
                                           const std::vector<std::uint8_t>& only = {}) const {
    const Array<float*> outs(exec, into.pointers());
    const Array<double> device_weights(exec, weights);
    const Array<std::uint8_t> device_only(exec, only);
    part_combine(exec, view(), parts(), device_weights.data(), shape.m, outs.data(), device_only.data());
    std::vector<std::vector<float>> result;
    for (int c = 0; c < stacks(); ++c) {
      result.emplace_back(static_cast<std::size_t>(padded(shape.d)));
      copy_from(exec, result.back().data(), into.row(c), result.back().size() * sizeof(float));
    }
    return result;
  }
};

double naive_dot(const std::vector<float>& a, const std::vector<float>& b, std::int64_t begin, std::int64_t end) {
  long double total = 0;
  for (auto k = static_cast<std::size_t>(begin); k < static_cast<std::size_t>(end); ++k)
    total += static_cast<long double>(a[k]) * b[k];
  return static_cast<double>(total);
}

void fill(Exec& exec, RowStore& rows, float value) {
  const std::vector<float> values(static_cast<std::size_t>(rows.d()), value);
  for (std::int64_t i = 0; i < rows.rows(); ++i)
    copy_to(exec, rows.row(i), values.data(), values.size() * sizeof(float));
}

}  // namespace

TEST_CASE("the Gram matrix of each part agrees with naive products and is zero for a part that is not there",
          "[passes][parts]") {
  for (const auto& exec : test_backends())
    for (const Shape& shape : shapes) {
      const Case x(*exec, shape);
      const std::vector<double> got = x.gram();
      std::size_t at = 0;
      for (int c = 0; c < x.stacks(); ++c)
        for (int j = 0; j < shape.most; ++j)
          for (int p = 0; p < shape.m; ++p)
            for (int q = 0; q < shape.m; ++q) {
              const double want = naive_dot(x.row(c, p), x.row(c, q), x.border(c, j), x.border(c, j + 1));
              CAPTURE(backend_name(*exec), shape.d, shape.counts[static_cast<std::size_t>(c)], j, p, q);
              REQUIRE(got[at++] == Approx(want).epsilon(1e-12).margin(1e-12 * static_cast<double>(shape.d)));
            }
    }
}

TEST_CASE("the dots of each part agree with naive ones and are zero for a part that is not there", "[passes][parts]") {
  for (const auto& exec : test_backends())
    for (const Shape& shape : shapes) {
      const Case x(*exec, shape);
      Case y(*exec, {1, shape.d, 1, shape.counts}, 1000);
      const std::vector<double> got = x.dots(y.rows);
      std::size_t at = 0;
      for (int c = 0; c < x.stacks(); ++c)
        for (int j = 0; j < shape.most; ++j)
          for (int p = 0; p <= shape.m; ++p) {
            const std::vector<float>& row = p < shape.m ? x.row(c, p) : y.row(c, 0);
            const double want = naive_dot(row, y.row(c, 0), x.border(c, j), x.border(c, j + 1));
            CAPTURE(backend_name(*exec), shape.d, shape.counts[static_cast<std::size_t>(c)], j, p);
            REQUIRE(got[at++] == Approx(want).epsilon(1e-12).margin(1e-12 * static_cast<double>(shape.d)));
          }
    }
}

TEST_CASE("each part is combined with its own weights, and parts that are not marked stay as they are",
          "[passes][parts]") {
  for (const auto& exec : test_backends())
    for (const Shape& shape : shapes) {
      const Case x(*exec, shape);
      const std::vector<double> weights = x.weights();
      for (const int marks : {0, 1, 2, 3}) {  // no table, none, some, all
        std::vector<std::uint8_t> only;
        for (std::size_t part = 0; part < x.of_parts() && marks > 0; ++part)
          only.push_back(marks == 3 || (marks == 2 && part % 3 != 1) ? 1 : 0);
        RowStore out(*exec, x.stacks(), shape.d);
        fill(*exec, out, 5);
        const auto got = x.combined(weights, out, only);
        for (int c = 0; c < x.stacks(); ++c) {
          int wrong = 0;
          for (std::int64_t k = 0, j = 0; k < padded(shape.d); ++k) {
            while (k < shape.d && k >= x.border(c, static_cast<int>(j + 1))) ++j;
            const std::size_t part = static_cast<std::size_t>(c * shape.most + j);
            const float value = got[static_cast<std::size_t>(c)][static_cast<std::size_t>(k)];
            double want = 0;
            for (int p = 0; p < shape.m && k < shape.d; ++p)
              want += weights[part * shape.m + p] * static_cast<double>(x.row(c, p)[static_cast<std::size_t>(k)]);
            if (k >= shape.d)
              wrong += value == 0 ? 0 : 1;
            else if (!only.empty() && only[part] == 0)
              wrong += value == 5 ? 0 : 1;
            else
              wrong += std::abs(value - want) <= 1e-6 * (1 + std::abs(want)) ? 0 : 1;
          }
          CAPTURE(backend_name(*exec), shape.d, shape.counts[static_cast<std::size_t>(c)], marks);
          REQUIRE(wrong == 0);
        }
      }
    }
}

TEST_CASE("NaN in one part reaches no other part, and no sum in which its row weighs nothing", "[passes][parts]") {
  for (const auto& exec : test_backends()) {
    const int m = 9, poisoned = 4, part = 2;
    Case x(*exec, {m, 1003, 6, {5}});
    std::vector<float> row = x.row(0, poisoned);
    for (std::int64_t k = x.border(0, part); k < x.border(0, part + 1); ++k)
      row[static_cast<std::size_t>(k)] = std::numeric_limits<float>::quiet_NaN();
    x.set_row(poisoned, row);
    Case y(*exec, {1, 1003, 1, {1}}, 1000);
    const std::vector<double> g = x.gram(), products = x.dots(y.rows);
    for (int j = 0; j < 6; ++j)
      for (int p = 0; p < m; ++p) {
        REQUIRE(std::isfinite(products[static_cast<std::size_t>(j * (m + 1) + p)]) == (j != part || p != poisoned));
        for (int q = 0; q < m; ++q)
          REQUIRE(std::isfinite(g[static_cast<std::size_t>((j * m + p) * m + q)]) ==
                  (j != part || (p != poisoned && q != poisoned)));
      }
    std::vector<double> weights(static_cast<std::size_t>(6 * m), 0.125);
    RowStore out(*exec, 1, 1003);
    const std::vector<float> spoiled = x.combined(weights, out)[0];
    for (std::int64_t k = 0; k < padded(1003); ++k)
      REQUIRE(std::isfinite(spoiled[static_cast<std::size_t>(k)]) ==
              (k < x.border(0, part) || k >= x.border(0, part + 1)));
    weights[static_cast<std::size_t>(part * m + poisoned)] = 0;
    const std::vector<float> clean = x.combined(weights, out)[0];
    for (const float value : clean) REQUIRE(std::isfinite(value));
  }
}

TEST_CASE("the passes on parts give the same bits alone and in a batch, and whatever the most is", "[passes][parts]") {
  for (const auto& exec : test_backends())
    for (const Shape& shape : shapes) {
      const Case all(*exec, shape);
      Case vectors(*exec, {1, shape.d, 1, shape.counts}, 1000);
      const std::vector<double> grams = all.gram(), dots = all.dots(vectors.rows), weights = all.weights();
      RowStore outs(*exec, all.stacks(), shape.d);
      const auto sums = all.combined(weights, outs);
      for (int c = 0; c < all.stacks(); ++c) {
        const int count = shape.counts[static_cast<std::size_t>(c)];
        const Case alone(*exec, {shape.m, shape.d, count, {count}}, static_cast<std::uint32_t>(c));
        Case vector(*exec, {1, shape.d, 1, {1}}, 1000 + static_cast<std::uint32_t>(c));
        const auto slice = [&](const std::vector<double>& batch, std::size_t of_part) {
          const auto first = batch.begin() + static_cast<std::ptrdiff_t>(c * shape.most * of_part);
          return std::vector<double>(first, first + static_cast<std::ptrdiff_t>(count * of_part));
        };
        const auto m = static_cast<std::size_t>(shape.m);
        REQUIRE(alone.gram() == slice(grams, m * m));
        REQUIRE(alone.dots(vector.rows) == slice(dots, m + 1));
        RowStore out(*exec, 1, shape.d);
        REQUIRE(alone.combined(slice(weights, m), out)[0] == sums[static_cast<std::size_t>(c)]);
      }
    }
}

TEST_CASE("the passes on one part are the passes on whole vectors, bit by bit", "[passes][parts]") {
  for (const auto& exec : test_backends())
    for (const Shape& shape : shapes) {
      const Case x(*exec, {shape.m, shape.d, 1, std::vector<int>(shape.counts.size(), 1)});
      Case y(*exec, {1, shape.d, 1, x.shape.counts}, 1000);
      const auto m = static_cast<std::size_t>(shape.m);
      Array<double> scratch(*exec, std::max(gram_scratch(*exec, x.view()), dot_scratch(*exec, x.view())));
      Array<double> products(*exec, x.of_parts() * m * m), products_of_y(*exec, x.of_parts() * (m + 1));
      gram(*exec, x.view(), GramPart::full, scratch.data(), products.data());
      REQUIRE(x.gram() == products.download());
      dots(*exec, x.view(), y.table.data(), scratch.data(), products_of_y.data());
      REQUIRE(x.dots(y.rows) == products_of_y.download());
      const Array<double> weights(*exec, x.weights());
      RowStore out(*exec, x.stacks(), shape.d), part_out(*exec, x.stacks(), shape.d);
      const Array<float*> outs(*exec, out.pointers());
      combine(*exec, x.view(), weights.data(), shape.m, outs.data());
      x.combined(x.weights(), part_out);
      REQUIRE(part_out.values().download() == out.values().download());
    }
}

}  // namespace gauntlet
