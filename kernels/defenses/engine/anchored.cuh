// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/defenses/defense.cuh"
#include "kernels/defenses/engine/mixing.cuh"
#include "kernels/exec/array.cuh"
#include "kernels/passes/passes.cuh"

/// Rules that weigh the messages by where they lie around a point found coordinate by coordinate, such as the median.
namespace gauntlet {

namespace detail {

/// The base rows of every inbox and, last, its anchor.
struct AnchoredTable {
  Rows base;
  float* const* anchor;
  const float** out;

  GAUNTLET_HD void operator()(std::int64_t index) const {
    const int m = base.m, c = static_cast<int>(index / (m + 1)), p = static_cast<int>(index % (m + 1));
    out[index] = p < m ? base.of(c)[p] : anchor[c];
  }
};

template <class Reducer, class Functor>
class AnchoredRule final : public CustomStage {
 public:
  AnchoredRule(Reducer reducer, Functor functor) : reducer_(reducer), functor_(functor) {}

  std::unique_ptr<Bound> bind(Exec& exec, const Job& job) const override {
    return std::make_unique<Run>(exec, job, reducer_, functor_);
  }

 private:
  struct Run final : Bound {
    Run(Exec& exec_, const Job& job_, Reducer reducer_, Functor functor_)
        : exec(exec_), job(job_), reducer(reducer_), functor(functor_), rows(job.inboxes.base), n(job.inboxes.n) {
      const auto count = static_cast<std::size_t>(rows.count), m = static_cast<std::size_t>(rows.m);
      anchors = RowStore(exec, rows.count, rows.d);
      anchor_rows = Array<float*>(exec, anchors.pointers());
      table = Array<const float*>(exec, count * (m + 1));
      parallel_for(exec, "anchored table", static_cast<std::int64_t>(table.size()),
                   AnchoredTable{rows, anchor_rows.data(), table.data()});
      rows = {rows.count, rows.m + 1, rows.d, table.data()};
      parts = Array<double>(exec, gram_scratch(exec, rows));
      products = Array<double>(exec, count * (m + 1) * (m + 1));
      seen = Array<double>(exec, count * (n + 1) * (n + 1));
      scratch = Array<double>(exec, count * functor.scratch(n) + 1);
      weights = Array<double>(exec, count * (n + 1));
      base_weights = Array<double>(exec, count * (m + 1));
    }

    void run(bool) override {
      const int count = rows.count, m = rows.m - 1;
      reduce_columns(exec, job.inboxes, reducer, anchor_rows.data());
      gram(exec, rows, GramPart::full, parts.data(), products.data());
      mix_gram(exec, count, {products.data(), m + 1, 1, 1, job.inboxes.mixing, n, m, 1, true, seen.data()});
      solve(exec, GramBatch{count, n, job.f, 1, 1, seen.data(), job.seeds, job.round, scratch.data()}, functor,
            weights.data(), n + 1);
      parallel_for(exec, "to base", std::int64_t{count} * (m + 1),
                   ToBase{weights.data(), job.inboxes.mixing, n, 0, m, 1, 1, base_weights.data()});
      combine(exec, rows, base_weights.data(), m + 1, job.out);
    }

    /// All but what the anchor was reduced from.
    Sources sources() const override { return {base_weights.data(), 1, rows.m, true}; }

    Exec& exec;
    Job job;
    Reducer reducer;
    Functor functor;
    Rows rows;  ///< base rows, then the anchor
    int n;
    RowStore anchors;
    Array<float*> anchor_rows;
    Array<const float*> table;
    Array<double> parts, products, seen, scratch, weights, base_weights;
  };

  Reducer reducer_;
  Functor functor_;
};

}  // namespace detail

/// A rule that first reduces every column to an anchor (as column_rule) and then solves for weights (as gram_rule) in
/// the Gram problem of the n messages and, row n, the anchor: it writes n + 1 weights. At most column_limit messages.
/// Costs a column pass, a Gram pass and a combine.
template <class Reducer, class Functor>
std::unique_ptr<CustomStage> anchored_rule(Reducer reducer, Functor functor) {
  return std::make_unique<detail::AnchoredRule<Reducer, Functor>>(reducer, functor);
}

}  // namespace gauntlet
