// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <random>
#include <string>
#include <vector>

#include "kernels/defenses/engine/pipeline.cuh"
#include "kernels/protocols/trial.cuh"
#include "tests/backends.hpp"
#include "tests/reference.hpp"
#include "tests/support.hpp"

/// Inboxes and comparisons for the tests of defenses.
namespace gauntlet {

using FloatMatrix = std::vector<std::vector<float>>;

/// n messages of d standard normal numbers around a common vector, of which the last f are far off in one direction.
inline FloatMatrix random_inbox(int n, int f, int d, unsigned seed, float common = 1, float far = 5) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal;
  FloatMatrix rows(static_cast<std::size_t>(n), std::vector<float>(static_cast<std::size_t>(d)));
  std::vector<float> center(static_cast<std::size_t>(d));
  for (float& value : center) value = common * normal(generator);
  for (int i = 0; i < n; ++i)
    for (int k = 0; k < d; ++k) rows[i][k] = center[k] + normal(generator) + (i >= n - f ? far : 0);
  return rows;
}

/// What stands for the server's own message wherever a test does not give one: the mean of the honest messages.
inline std::vector<float> trusted_message(const FloatMatrix& rows, int f) {
  reference::Matrix honest;
  for (auto row = rows.begin(); row != rows.end() - f; ++row) honest.emplace_back(row->begin(), row->end());
  const auto center = reference::mean(honest);
  return {center.begin(), center.end()};
}

/// The rows that a pipeline gives for these messages; `trusted` is empty or the server's own message.
inline FloatMatrix aggregate(Exec& exec, const std::string& pipeline, const FloatMatrix& rows, int f,
                             std::vector<float> trusted = {}) {
  const std::size_t d = rows[0].size();
  if (trusted.empty()) trusted = trusted_message(rows, f);
  std::vector<float> flat;
  for (const auto& row : rows) flat.insert(flat.end(), row.begin(), row.end());
  const auto out = aggregate_rows(exec, pipeline, f, static_cast<int>(rows.size()), static_cast<std::int64_t>(d),
                                  flat.data(), trusted.data());
  FloatMatrix result;
  for (std::size_t first = 0; first < out.size(); first += d)
    result.emplace_back(out.begin() + static_cast<std::ptrdiff_t>(first),
                        out.begin() + static_cast<std::ptrdiff_t>(first + d));
  return result;
}

/// The same by the naive definitions.
inline reference::Matrix expected(const std::string& pipeline, const FloatMatrix& rows, int f) {
  reference::Matrix raw, x;
  for (const auto& row : rows) raw.emplace_back(row.begin(), row.end());
  x = raw;
  for (const auto& text : parse_pipeline(pipeline)) {
    const auto& entry = Registry<Stage>::find(text.name, "defense");
    if (entry.role == "meta-aggregator") {
      reference::Matrix with_anchor = raw;
      with_anchor.push_back(x[0]);
      x = std::move(with_anchor);
    }
    const int n = static_cast<int>(x.size());
    const Arguments arguments(entry.name, entry.parameters, text, n, f);
    const auto stage = entry.create(text, n, f);
    if (stage->as_gram_rule() != nullptr && stage->as_gram_rule()->memory(n).row == MemoryRow::trusted) {
      const auto trusted = trusted_message(rows, f);
      x.emplace_back(trusted.begin(), trusted.end());
    }
    x = reference::stages().at(entry.name)(x, f, arguments);
  }
  return x;
}

/// max |got − want| / max(1, max |want|); infinite where the shapes differ or a number is not finite.
template <class Matrix>
double relative_error(const FloatMatrix& got, const Matrix& want) {
  if (got.size() != want.size()) return INFINITY;
  double error = 0, scale = 1;
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (got[i].size() != want[i].size()) return INFINITY;
    for (std::size_t k = 0; k < got[i].size(); ++k) {
      const double gap = std::abs(static_cast<double>(got[i][k]) - static_cast<double>(want[i][k]));
      if (!(gap <= error)) error = std::isfinite(gap) ? gap : INFINITY;
      scale = std::max(scale, std::abs(static_cast<double>(want[i][k])));
    }
  }
  return error / scale;
}

/// A stage with what makes a whole defense of it; its traits are those of this pipeline.
inline std::string whole_pipeline(const Component& stage) {
  return stage.role == "pre-aggregator"    ? stage.name + " | mean"
         : stage.role == "meta-aggregator" ? "median | " + stage.name
                                           : stage.name;
}

/// Whether the pipeline works for n messages of which f are Byzantine.
inline bool accepts(const std::string& pipeline, int n, int f) {
  return unmet_need(parse_pipeline(pipeline), n, f).empty();
}

/// On every back end the pipeline gives what its definition gives.
inline void check_against_reference(const std::string& pipeline, const FloatMatrix& rows, int f,
                                    double tolerance = 1e-5) {
  for (const auto& exec : test_backends()) {
    INFO(pipeline << ", n = " << rows.size() << ", f = " << f << ", d = " << rows[0].size() << " on "
                  << backend_name(*exec));
    CHECK(relative_error(aggregate(*exec, pipeline, rows, f), expected(pipeline, rows, f)) <= tolerance);
  }
}

/// Rounds of one defense over several inboxes at once: `inboxes` holds the messages of every inbox.
inline std::vector<FloatMatrix> rounds(Exec& exec, const std::string& pipeline, const std::vector<FloatMatrix>& inboxes,
                                       int f, int count) {
  const int n = static_cast<int>(inboxes[0].size()), d = static_cast<int>(inboxes[0][0].size());
  const int cells = static_cast<int>(inboxes.size());
  RowStore messages(exec, cells * n, d), trusted(exec, cells, d), outputs(exec, cells, d);
  for (int c = 0; c < cells; ++c)
    copy_to(exec, trusted.row(c), trusted_message(inboxes[c], f).data(), sizeof(float) * d);
  for (int c = 0; c < cells; ++c)
    for (int i = 0; i < n; ++i) copy_to(exec, messages.row(c * n + i), inboxes[c][i].data(), sizeof(float) * d);
  const auto pointers = messages.pointers();
  const Array<const float*> table(exec, std::vector<const float*>(pointers.begin(), pointers.end()));
  const Array<float*> out(exec, outputs.pointers()), trusted_rows(exec, trusted.pointers());
  const Array<std::uint64_t> seeds(exec, static_cast<std::size_t>(cells));
  Array<int> round(exec, 1);
  Defense::Job job;
  job.inboxes = {{cells, n, d, table.data()}, n, nullptr};
  job.seeds = seeds.data();
  job.round = round.data();
  job.out = out.data();
  job.trusted = trusted_rows.data();
  Defense defense(exec, std::make_shared<const Pipeline>(parse_pipeline(pipeline), n, f), job);
  std::vector<FloatMatrix> result;
  for (int t = 0; t < count; ++t) {
    round.upload({t});
    defense.run();
    FloatMatrix now(static_cast<std::size_t>(cells), std::vector<float>(static_cast<std::size_t>(d)));
    for (int c = 0; c < cells; ++c) copy_from(exec, now[c].data(), outputs.row(c), sizeof(float) * d);
    exec.synchronize();
    result.push_back(now);
  }
  return result;
}

}  // namespace gauntlet
