// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/defenses/engine/pipeline.cuh"
#include "kernels/defenses/engine/workspace.cuh"

namespace gauntlet {

/// A bound pipeline in three parts: what is computed of inner products (solve.cu), the passes around it
/// (pipeline_run.cu) and what an attacker learns by trying (rehearse.cu).
///
/// A stack is a table of base rows and, behind them, the kept rows of each of its views: one Gram pass over all of
/// them serves all views and all variants.
struct Defense::State {
  State(Exec& exec, std::shared_ptr<const Pipeline> pipeline, const Job& job);

  Exec& exec;
  std::shared_ptr<const Pipeline> pipeline;
  Job job;
  int count, views, n, m;   ///< inboxes, those that share a stack, messages, base rows
  int kept = 0, stack = 0;  ///< rows of an inbox behind its messages; all rows of a stack
  std::int64_t d;
  Reads reads = Reads::nothing;
  const Stage* rule = nullptr;
  const GramRule* gram_rule = nullptr;
  Memory memory;
  bool weighted = false;  ///< the output is Σ w_i x_i, and no more, for what the rule, one in Gram space, solves for
  bool has_meta = false, gram_ready = false, weighs_messages = false;

  RowStore own_rows, start_rows, anchor, rehearsed;
  Array<float*> kept_rows, last_rows, anchor_rows, rehearsed_rows;
  Array<const float*> stack_table, anchored_table;  ///< [stacks][stack], [count][stack + 1]
  Array<const float*> main_table, sum_table;        ///< what the Gram passes read, where that is not the stacks
  Array<double> main_products, sum_parts, sum_products, way_parts, way_products;
  Array<double> gram_parts, products, dot_parts, dot_products;
  Array<double> identity, rule_mixing, rule_base, hidden, numbers, variant_mixing, variant_weights, measure_parts;
  Array<SumUpdate> updates;
  // Where somebody may be absent: who is there, how many, how many of them are declared Byzantine, how many are not.
  const int *workers = nullptr, *present_count = nullptr;
  Array<int> own_workers, own_count, declared, absent;
  std::unique_ptr<CustomStage::Bound> custom;
  detail::Workspace work, rehearsal;

  // --- solve.cu: all but the passes over d

  /// Messages of an inbox as its pre-aggregators leave them.
  struct Solved {
    const double* mixing;  ///< [problems][most n'][most n] of the pre-aggregators, or null
    PerInbox seen;         ///< n'
    const double* grams;   ///< that the rule saw
  };

  PerInbox sizes(const detail::Workspace& w) const { return {n, present_count, w.variants}; }
  PerInbox absentees(const detail::Workspace& w) const {
    return {0, present_count == nullptr ? nullptr : absent.data(), w.variants};
  }
  GramBatch batch(detail::Workspace& w, const PerInbox& rows, int memory_rows, const double* grams);
  /// Takes the absent out of the mixings of w's problems, [problems][n][m] or null.
  const double* of_present(detail::Workspace& w, const double* mixing);
  const double* message_grams(detail::Workspace& w, const double* mixing);
  /// Runs the pre-aggregators and, for a Gram rule, the rule: leaves its weights in w.stage, and over the raw messages
  /// in w.pulled.
  Solved solve_stages(detail::Workspace& w, const double* grams);
  /// What the stages from `first` to the rule ask of the Gram matrix; a meta-aggregator looks at the raw messages.
  Reads reads_from(std::size_t first) const;
  void apply_metas(detail::Workspace& w, const double* grams, const double* mixing, bool computed_anchor);
  void to_base(detail::Workspace& w, const double* mixing, double* out);

  // --- pipeline_run.cu

  Rows stack_rows() const;     ///< stacks without an anchor, one for each inbox or its views
  Rows anchored_rows() const;  ///< with it
  void make_room();
  /// Kept rows of an inbox that the main Gram pass reads: not sums that stand apart, nor the model's way.
  int taken() const { return memory.apart ? 0 : kept - (memory.row == MemoryRow::way); }
  Rows main_rows() const;
  Rows sum_rows() const;
  void make_room_for_gram();
  void make_room_for_dots();
  void list_present();
  void compute_gram();
  /// What a column or custom rule reads: the base rows through both mixings.
  Inboxes seen_inboxes(const double* mixing, const Solved& solved);
  /// The whole pipeline into `out`.
  void run_into(const double* mixing, float* const* out, bool rehearsing);
  void write_unweighted(const double* mixing, const Solved& solved, float* const* out, bool rehearsing);
  void learn(const Solved& solved);
  void remember(const double* mixing, const Solved& solved, float* const* out);
  void write_messages(const double* mixing, const Solved& solved, float* const* out);
  void base_weights(double* weights, std::int64_t stride);

  // --- rehearse.cu

  struct Question {
    int variants;
    const double* reference;
    int direction;
    double *outcome, *pull;
  };
  void need_full_gram();
  void measure_columns(const double* mixings, const Solved& solved, const Question& ask);
  void measure_weights(const double* mixings, const double* grams, const Question& ask);
  void measure_outputs(const double* mixings, const Question& ask);
  double* weights_of_variants(int variants);
  void measure_pull(const double* weights, int stride, const Question& ask);
};

}  // namespace gauntlet
