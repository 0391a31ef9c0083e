// SPDX-License-Identifier: Apache-2.0
#include "kernels/defenses/engine/defense_state.cuh"
#include "kernels/defenses/engine/measure.cuh"
#include "kernels/defenses/engine/mixing.cuh"

namespace gauntlet {

/// The measure of a rehearsal may need the base products even when no stage does.
void Defense::State::need_full_gram() {
  if (reads == Reads::gram) return;
  reads = Reads::gram;
  make_room_for_gram();
}

/// Rehearsal of a column rule: one fused pass over all variants, which are views of the same rows.
void Defense::State::measure_columns(const double* mixings, const Solved& solved, const Question& ask) {
  const int problems = rehearsal.problems;
  Rows base = job.inboxes.base;
  base.count = problems, base.views *= ask.variants;
  ColumnTrial trial{
      {base, solved.seen.same, mixings, solved.seen, absentees(rehearsal)}, ask.variants, ask.reference, ask.direction};
  if (solved.mixing != nullptr) {
    const auto entries = static_cast<std::size_t>(problems) * solved.seen.same * m;
    if (variant_mixing.size() < entries) variant_mixing = Array<double>(exec, entries);
    const Multiply compose{solved.mixing, mixings, solved.seen, sizes(rehearsal), m, variant_mixing.data()};
    parallel_for(exec, "compose", compose.entries(problems), compose);
    trial.views.mixing = variant_mixing.data();
  }
  if (const std::size_t parts = measure_scratch(exec, trial); measure_parts.size() < parts)
    measure_parts = Array<double>(exec, parts);
  rule->as_column_rule()->measure(exec, trial, measure_parts.data(), ask.outcome);
  if (ask.pull == nullptr) return;
  const Sources sources{trial.views.mixing, solved.seen.same, m};
  parallel_for(exec, "base weights", std::int64_t{problems} * m,
               detail::BaseWeights{nullptr, 0, sources, m, m, weights_of_variants(ask.variants)});
  measure_pull(variant_weights.data(), m, ask);
}

double* Defense::State::weights_of_variants(int variants) {
  const auto size = static_cast<std::size_t>(count) * variants * m;
  if (variant_weights.size() < size) variant_weights = Array<double>(exec, size);
  return variant_weights.data();
}

void Defense::State::measure_pull(const double* weights, int stride, const Question& ask) {
  parallel_for(exec, "measure pull", std::int64_t{count} * ask.variants,
               detail::MeasurePull{weights, products.data(), stride, stack, ask.variants, views, ask.direction,
                                   ask.outcome, ask.pull});
}

/// Rehearsal of a Gram rule: nothing of size d is touched.
void Defense::State::measure_weights(const double* mixings, const double* grams, const Question& ask) {
  if (has_meta) apply_metas(rehearsal, grams, mixings, false);
  to_base(rehearsal, mixings, rehearsal.base.data());
  parallel_for(exec, "measure", rehearsal.problems,
               detail::MeasureWeights{products.data(), rehearsal.base.data(), ask.reference, stack, stack + 1, m,
                                      ask.variants, views, ask.direction, ask.outcome});
  if (ask.pull != nullptr) measure_pull(rehearsal.base.data(), stack + 1, ask);
}

/// Rehearsal of anything else: the whole pipeline, once per variant.
void Defense::State::measure_outputs(const double* mixings, const Question& ask) {
  make_room_for_dots();
  const std::int64_t entries = std::int64_t{n} * m;
  if (rehearsed.rows() == 0) {
    rehearsed = RowStore(exec, count, d);
    rehearsed_rows = Array<float*>(exec, rehearsed.pointers());
    variant_mixing = Array<double>(exec, static_cast<std::size_t>(count * entries));
  }
  for (int v = 0; v < ask.variants; ++v) {
    parallel_for(exec, "variant", count * entries,
                 detail::PickVariant{mixings, ask.variants, v, entries, variant_mixing.data()});
    run_into(variant_mixing.data(), rehearsed_rows.data(), true);
    dots(exec, stack_rows(), rehearsed_rows.data(), dot_parts.data(), dot_products.data());
    parallel_for(exec, "measure", count,
                 detail::MeasureOutput{products.data(), dot_products.data(), ask.reference, stack, stack, m, views,
                                       ask.variants, v, ask.direction, ask.outcome});
    if (ask.pull != nullptr)
      base_weights(weights_of_variants(ask.variants) + std::int64_t{v} * m, std::int64_t{ask.variants} * m);
  }
  if (ask.pull != nullptr) measure_pull(variant_weights.data(), m, ask);
}

void Defense::rehearse(const double* mixings, int variants, const double* reference, int direction, double* outcome,
                       double* pull) {
  State& s = *state_;
  const State::Question ask{variants, reference, direction, outcome, pull};
  const bool in_column_space = s.rule != nullptr && s.rule->as_column_rule() != nullptr && !s.has_meta;
  if (!in_column_space) s.need_full_gram();
  s.compute_gram();
  if (!in_column_space && !s.weighted) return s.measure_outputs(mixings, ask);
  if (s.rehearsal.most_variants < variants)
    s.rehearsal =
        detail::Workspace(s.exec, *s.pipeline, s.count, variants, s.m, s.kept, s.stack, s.present_count != nullptr);
  s.rehearsal.use(variants);
  const double* present = s.of_present(s.rehearsal, mixings);
  const double* grams = s.message_grams(s.rehearsal, present);
  const State::Solved solved = s.solve_stages(s.rehearsal, grams);
  if (in_column_space)
    s.measure_columns(present, solved, ask);
  else
    s.measure_weights(present, grams, ask);
}

}  // namespace gauntlet
