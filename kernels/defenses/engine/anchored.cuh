// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/defenses/engine/custom.cuh"

/// Rules that weigh the messages by where they lie around a point found coordinate by coordinate, such as the median.
namespace gauntlet {

namespace detail {

/// The base rows of every stack and, behind them, the anchor of each of its views.
struct AnchoredTable {
  Rows base;
  float* const* anchor;  ///< [count]
  const float** out;     ///< [stacks][m + views]

  GAUNTLET_HD void operator()(std::int64_t index) const {
    const int width = base.m + base.views;
    const std::int64_t stack = index / width, p = index % width;
    out[index] = p < base.m ? base.row[stack * base.m + p] : anchor[stack * base.views + p - base.m];
  }
};

template <class Reducer, class Functor>
struct Anchored {
  Reducer reducer;
  Functor functor;
};

template <class Reducer, class Functor>
class AnchoredRule final : public CustomRule<Anchored<Reducer, Functor>> {
 public:
  AnchoredRule(Exec& exec_, const CustomStage::Job& job_, const Anchored<Reducer, Functor>& given_)
      : CustomRule<Anchored<Reducer, Functor>>(exec_, job_, given_) {
    parallel_for(exec, "anchored table", static_cast<std::int64_t>(table.size()),
                 AnchoredTable{base, anchor_rows.data(), table.data()});
  }

  void run(bool) override {
    reduce_columns(exec, job.inboxes, given.reducer, anchor_rows.data());
    gram(exec, rows.stacks(), GramPart::full, parts.data(), products.data());
    mix_gram(exec, count, {products.data(), rows.m, 1, base.views, job.inboxes.mixing, size, m, 1, true, seen.data()});
    GramBatch problems = this->batch(seen.data(), scratch);
    problems.memory = 1;
    // An inbox with fewer messages has the anchor's weight sooner.
    const bool moves = size.of != nullptr;
    solve(exec, problems, given.functor, moves ? weights.data() : pulled.data(), moves ? n + 1 : n + 2);
    if (moves)
      parallel_for(exec, "pull back", std::int64_t{count} * (n + 2),
                   PullBack{weights.data(), nullptr, size, size, 1, pulled.data()});
    parallel_for(exec, "to base", std::int64_t{count} * (rows.m + 1),
                 ToBase{pulled.data(), job.inboxes.mixing, size, 1, m, 1, base.views, base_weights.data()});
    combine(exec, rows, base_weights.data(), rows.m + 1, job.out);
  }

  /// All but what the anchor was reduced from.
  Sources sources() const override { return {base_weights.data(), 1, rows.m + 1, true}; }

 private:
  using Base = CustomRule<Anchored<Reducer, Functor>>;
  using Base::base, Base::count, Base::exec, Base::given, Base::job, Base::m, Base::n, Base::size;

  RowStore anchors{exec, count, base.d};
  Array<float*> anchor_rows{exec, anchors.pointers()};
  Array<const float*> table{exec, static_cast<std::size_t>(count / base.views) * (m + base.views)};
  Rows rows = {count, m + base.views, base.d, table.data(), base.views};
  Array<double> parts{exec, gram_scratch(exec, rows.stacks())};
  Array<double> products{exec, static_cast<std::size_t>(count / base.views) * rows.m* rows.m};
  Array<double> seen = this->doubles((n + 1) * (n + 1)), scratch = this->doubles(given.functor.scratch(n) + 1);
  Array<double> weights = this->doubles(n + 1), pulled = this->doubles(n + 2);
  Array<double> base_weights = this->doubles(rows.m + 1);
};

}  // namespace detail

/// A rule that first reduces every column to an anchor (as column_rule) and then solves for weights (as gram_rule) in
/// the Gram problem of the n messages and, row n, the anchor: it writes n + 1 weights. At most column_limit messages.
/// Costs a column pass, a Gram pass and a combine.
template <class Reducer, class Functor>
std::unique_ptr<CustomStage> anchored_rule(Reducer reducer, Functor functor) {
  using Parameters = detail::Anchored<Reducer, Functor>;
  return custom_rule<detail::AnchoredRule<Reducer, Functor>>(Parameters{reducer, functor});
}

}  // namespace gauntlet
