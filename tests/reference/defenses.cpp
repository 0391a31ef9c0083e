// SPDX-License-Identifier: Apache-2.0
#include "tests/reference/defenses.hpp"

#include "tests/reference/clipping.hpp"
#include "tests/reference/clusters.hpp"
#include "tests/reference/columns.hpp"
#include "tests/reference/geometric.hpp"
#include "tests/reference/gossip.hpp"
#include "tests/reference/history.hpp"
#include "tests/reference/spectral.hpp"
#include "tests/reference/trusted.hpp"
#include "tests/trial.hpp"

namespace gauntlet {
namespace reference {
namespace {

/// The pipeline drawn in the first round of seed 0.
const Stage mixture = [](const Matrix& x, int f, const Arguments& a) {
  const auto pipelines = a.pipelines("rules");
  Matrix rows = x;
  for (const ComponentText& text : pipelines[drawn(0, 0, a.list("weights"), pipelines.size())]) {
    const auto& entry = Registry<gauntlet::Stage>::find(text.name, "defense");
    const Arguments arguments(entry.name, entry.parameters, text, static_cast<int>(rows.size()), f);
    rows = definitions().at(entry.name).apply(rows, f, arguments);
  }
  return rows;
};

Definitions all_definitions() {
  Definitions all = {{"mixture", mixture}};
  for (Definitions& each :
       std::vector<Definitions>{column_rules(), distance_rules(), geometric_rules(), spectral_rules(), clipping_rules(),
                                cluster_rules(), trusting_rules(), history_rules(), gossip_rules()})
    all.merge(each);
  return all;
}

}  // namespace

const Definitions& definitions() {
  static const Definitions all = all_definitions();
  return all;
}

Matrix expected(const std::string& pipeline, const FloatMatrix& rows, int f) {
  const Matrix raw = wide(rows);
  Matrix x = raw;
  for (const auto& text : parse_pipeline(pipeline)) {
    const auto& entry = Registry<gauntlet::Stage>::find(text.name, "defense");
    if (entry.role == "meta-aggregator") {
      Matrix with_anchor = raw;
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
    x = definitions().at(entry.name).apply(x, f, arguments);
  }
  return x;
}

}  // namespace reference

void check_against_reference(const std::string& pipeline, const FloatMatrix& rows, int f, double tolerance) {
  const auto want = reference::expected(pipeline, rows, f);
  for (const auto& exec : test_backends()) {
    INFO(pipeline << ", n = " << rows.size() << ", f = " << f << ", d = " << rows[0].size() << " on "
                  << backend_name(*exec));
    CHECK(relative_error(aggregate(*exec, pipeline, rows, f), want) <= tolerance);
  }
}

}  // namespace gauntlet
