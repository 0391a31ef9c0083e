// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "kernels/defenses/engine/pipeline.cuh"
#include "kernels/defenses/engine/pipeline_kernels.cuh"
#include "kernels/defenses/engine/pipeline_workspace.cuh"

namespace gauntlet {

struct Defense::State {
  Exec& exec;
  std::shared_ptr<const Pipeline> pipeline;
  Job job;
  int count, n, m, kept = 0;  ///< inboxes, messages, base rows, memory rows
  std::int64_t d;
  Reads reads = Reads::nothing;
  const GramRule* gram_rule = nullptr;
  const Stage* rule = nullptr;
  bool remembers = false, has_meta = false, gram_ready = false, weighs_messages = false;

  RowStore memory, anchor, rehearsed;
  Array<float*> memory_rows, anchor_rows, rehearsed_rows;
  Array<const float*> table;  ///< [count][m + kept + 1]
  Array<double> gram_parts, products, dot_parts, dot_products;
  Array<double> rule_mixing, rule_base, variant_mixing, variant_weights, measure_parts;
  std::unique_ptr<CustomStage::Bound> custom;
  detail::Workspace work, rehearsal;

  State(Exec& exec_, std::shared_ptr<const Pipeline> pipeline_, const Job& job_)
      : exec(exec_),
        pipeline(std::move(pipeline_)),
        job(job_),
        count(job.inboxes.base.count),
        n(job.inboxes.n),
        m(job.inboxes.base.m),
        d(job.inboxes.base.d) {
    // Behind a mixing, the messages' norms are made of all products of the base rows.
    bool mixed = job.inboxes.mixing != nullptr;
    for (const auto& stage : pipeline->stages()) {
      const bool of_mixtures = mixed && stage->reads() == Reads::norms;
      reads = std::max(reads, of_mixtures ? Reads::gram : stage->reads());
      mixed |= stage->role() == StageRole::pre_aggregator;
      if (stage->role() == StageRole::rule) rule = stage.get();
      has_meta |= stage->role() == StageRole::meta_aggregator;
    }
    if (rule != nullptr) gram_rule = rule->as_gram_rule();
    const MemoryRow memory_row = gram_rule != nullptr ? gram_rule->memory_row() : MemoryRow::none;
    kept = memory_row != MemoryRow::none ? 1 : 0;
    remembers = memory_row == MemoryRow::last_output;
    pipeline->check_trusted(job.trusted != nullptr);

    if (remembers) memory = RowStore(exec, count, d), memory_rows = Array<float*>(exec, memory.pointers());
    if (rule != nullptr && gram_rule == nullptr)
      anchor = RowStore(exec, count, d), anchor_rows = Array<float*>(exec, anchor.pointers());
    table = Array<const float*>(exec, static_cast<std::size_t>(count) * (m + kept + 1));
    parallel_for(
        exec, "extend table", static_cast<std::int64_t>(table.size()),
        detail::ExtendTable{job.inboxes.base.row, kept_rows(), anchor_rows.data(), m, m + kept + 1, table.data()});
    if (reads != Reads::nothing) {
      gram_parts = Array<double>(exec, gram_scratch(exec, gram_rows()));
      products = Array<double>(exec, static_cast<std::size_t>(count) * (m + kept) * (m + kept));
    }
    if (gram_rule == nullptr && rule != nullptr && has_meta) allocate_dots();
    work = detail::Workspace(exec, *pipeline, count, 1, m, kept);
    rule_mixing = Array<double>(exec, static_cast<std::size_t>(count) * std::max(n, pipeline->rows_out()) * m);
    if (remembers) rule_base = Array<double>(exec, static_cast<std::size_t>(count) * (m + kept + 1));
    if (rule != nullptr && rule->as_custom() != nullptr) {
      const Inboxes seen{job.inboxes.base, pipeline->rows_out(), rule_mixing.data()};
      custom =
          rule->as_custom()->bind(exec, {seen, pipeline->f(), job.seeds, job.round, anchor_rows.data(), job.models});
    }
  }

  const float* const* kept_rows() { return kept == 0 ? nullptr : remembers ? memory_rows.data() : job.trusted; }

  /// The base table as the Gram pass reads it: a stack per inbox that leaves out the last row, the anchor's. The
  /// table's stride is one longer, so a shorter copy is kept when there is memory.
  Rows gram_rows() {
    if (kept == 0) return job.inboxes.base;
    return {count, m + kept, d, short_table()};
  }
  const float* const* short_table() {
    if (short_rows.size() == 0) {
      short_rows = Array<const float*>(exec, static_cast<std::size_t>(count) * (m + kept));
      parallel_for(exec, "memory table", static_cast<std::int64_t>(short_rows.size()),
                   detail::ExtendTable{job.inboxes.base.row, kept_rows(), nullptr, m, m + kept, short_rows.data()});
    }
    return short_rows.data();
  }
  Array<const float*> short_rows;

  Rows full_rows() const { return {count, m + kept + 1, d, table.data()}; }

  void allocate_dots() {
    if (dot_products.size() != 0) return;
    const Rows rows{count, m + kept, d, nullptr};
    dot_parts = Array<double>(exec, dot_scratch(rows));
    dot_products = Array<double>(exec, static_cast<std::size_t>(count) * (m + kept + 1));
  }

  void compute_gram() {
    if (reads == Reads::nothing || gram_ready) return;
    const Phase phase(exec.timer(), "defend: gram", job.label, std::int64_t{count} * (m + kept) * d * 4);
    gram(exec, gram_rows(), reads == Reads::norms ? GramPart::norms : GramPart::full, gram_parts.data(),
         products.data());
    gram_ready = true;
  }

  /// Everything of a pipeline but the passes over d. `mixing`: [problems][n][m] or null.
  struct Solved {
    const double* seen_mixing;  ///< [problems][n'][n] of the pre-aggregators, or null
    int seen;                   ///< n'
  };

  GramBatch batch(detail::Workspace& w, int rows, int size, const double* grams) const {
    return {w.problems, rows, pipeline->f(), size, w.variants, grams, job.seeds, job.round, w.scratch.data()};
  }

  const double* message_grams(detail::Workspace& w, const double* mixing) {
    if (reads == Reads::nothing) return nullptr;
    if (mixing == nullptr) return products.data();
    detail::mix_gram(
        exec, w.problems,
        {products.data(), m + kept, w.variants, mixing, n, m, kept, m, reads == Reads::gram, w.messages.data()});
    return w.messages.data();
  }

  /// Runs the pre-aggregators and, for a Gram rule, the rule: leaves its weights over raw messages in w.pulled.
  Solved solve_stages(detail::Workspace& w, const double* grams) {
    const double* current = grams;
    const double* mixing = nullptr;
    int rows = n, side = 0;
    for (std::size_t s = 0; s < pipeline->stages().size(); ++s) {
      const Stage& stage = *pipeline->stages()[s];
      if (const auto* pre = stage.as_pre_aggregator()) {
        const int made = pre->rows_out(rows);
        pre->mix(exec, batch(w, rows, rows + kept, current), w.stage.data());
        double* composed = w.mixing[side].data();
        if (mixing == nullptr)
          copy_within(exec, composed, w.stage.data(), sizeof(double) * w.problems * made * rows);
        else
          parallel_for(exec, "compose", std::int64_t{w.problems} * made * n,
                       detail::Multiply{w.stage.data(), mixing, made, rows, n, composed});
        const Reads later = reads_from(s + 1);
        if (later != Reads::nothing) {
          detail::mix_gram(
              exec, w.problems,
              {current, rows + kept, 1, w.stage.data(), made, rows, kept, rows, true, w.seen[side].data()});
          current = w.seen[side].data();
        }
        mixing = composed;
        rows = made;
        side = 1 - side;
      } else if (const auto* solver = stage.as_gram_rule()) {
        solver->solve(exec, batch(w, rows, rows + kept, current), w.stage.data());
        parallel_for(exec, "pull back", std::int64_t{w.problems} * (n + kept + 1),
                     detail::PullBack{w.stage.data(), mixing, rows, n, kept, w.pulled.data()});
      }
    }
    return {mixing, rows};
  }

  /// What the stages from `first` to the rule ask of the Gram matrix; a meta-aggregator looks at the raw messages.
  Reads reads_from(std::size_t first) const {
    Reads most = Reads::nothing;
    for (std::size_t s = first; s < pipeline->stages().size(); ++s)
      if (pipeline->stages()[s]->role() != StageRole::meta_aggregator)
        most = std::max(most, pipeline->stages()[s]->reads());
    return most;
  }

  void apply_metas(detail::Workspace& w, const double* grams, const double* mixing, bool computed_anchor) {
    for (const auto& stage : pipeline->stages()) {
      const auto* meta = stage->as_meta_aggregator();
      if (meta == nullptr) continue;
      parallel_for(exec, "anchor gram", std::int64_t{w.problems} * (n + 1) * (n + 1),
                   detail::AnchorGram{grams, w.pulled.data(), computed_anchor ? dot_products.data() : nullptr, mixing,
                                      n, kept, m, m + kept, w.anchor_gram.data()});
      meta->refine(exec, batch(w, n, n + 1, w.anchor_gram.data()), w.stage.data());
      parallel_for(exec, "refine", std::int64_t{w.problems} * (n + kept + 1),
                   detail::ApplyRefinement{w.stage.data(), n, n + kept + 1, w.pulled.data()});
    }
  }

  void to_base(detail::Workspace& w, const double* mixing, double* out) {
    parallel_for(exec, "to base", std::int64_t{w.problems} * (m + kept + 1),
                 detail::ToBase{w.pulled.data(), mixing, n, kept, m, out});
  }

  /// What a column or custom rule reads: the base rows through both mixings.
  Inboxes seen_inboxes(const double* mixing, const Solved& solved) {
    const std::int64_t entries = std::int64_t{count} * solved.seen * m;
    if (solved.seen_mixing == nullptr && mixing == nullptr && custom == nullptr) return {job.inboxes.base, n, nullptr};
    if (solved.seen_mixing == nullptr && mixing != nullptr) {
      copy_within(exec, rule_mixing.data(), mixing, sizeof(double) * entries);
    } else if (mixing == nullptr && solved.seen_mixing != nullptr) {
      copy_within(exec, rule_mixing.data(), solved.seen_mixing, sizeof(double) * entries);
    } else if (mixing == nullptr) {
      parallel_for(exec, "identity", entries, detail::Identity{n, rule_mixing.data()});
    } else {
      parallel_for(exec, "compose", entries,
                   detail::Multiply{solved.seen_mixing, mixing, solved.seen, n, m, rule_mixing.data()});
    }
    return {job.inboxes.base, solved.seen, rule_mixing.data()};
  }

  /// The whole pipeline into `out`.
  void run_into(const double* mixing, float* const* out, bool rehearsing) {
    const double* grams = message_grams(work, mixing);
    Solved solved;
    {
      const Phase phase(exec.timer(), "defend: solve", job.label);
      solved = solve_stages(work, grams);
    }
    if (!pipeline->has_rule()) return write_messages(mixing, solved, out);
    weighs_messages = gram_rule != nullptr;
    if (gram_rule == nullptr) {
      const Phase phase(exec.timer(), "defend: rule", job.label, std::int64_t{count} * (m + 1) * d * 4);
      const Inboxes seen = seen_inboxes(mixing, solved);
      float* const* target = has_meta || custom != nullptr ? anchor_rows.data() : out;
      if (custom != nullptr)
        custom->run(rehearsing);
      else
        rule->as_column_rule()->reduce(exec, seen, target);
      if (!has_meta) {
        if (custom != nullptr) parallel_spans(exec, "copy", count, d, detail::CopyRows{anchor_rows.data(), out});
        return;
      }
    }
    if (gram_rule == nullptr) {
      const Phase phase(exec.timer(), "defend: dots", job.label, std::int64_t{count} * (m + kept + 1) * d * 4);
      dots(exec, gram_rows(), anchor_rows.data(), dot_parts.data(), dot_products.data());
      parallel_for(exec, "anchor", std::int64_t{count} * (n + kept + 1),
                   detail::SetAnchor{n + kept + 1, work.pulled.data()});
    }
    if (remembers) to_base(work, mixing, rule_base.data());
    if (has_meta) apply_metas(work, grams, mixing, gram_rule == nullptr);
    to_base(work, mixing, work.base.data());
    const Phase phase(exec.timer(), "defend: combine", job.label, std::int64_t{count} * (m + 1) * d * 4);
    combine(exec, full_rows_without_unused_anchor(), work.base.data(), m + kept + 1, out);
    if (remembers && !rehearsing) {
      if (has_meta)
        combine(exec, full_rows_without_unused_anchor(), rule_base.data(), m + kept + 1, memory_rows.data());
      else
        parallel_spans(exec, "remember", count, d, detail::CopyRows{out, memory_rows.data()});
    }
  }

  /// A Gram rule has no anchor row: its slot in the table is not to be read.
  Rows full_rows_without_unused_anchor() { return gram_rule != nullptr ? gram_rows() : full_rows(); }

  /// The measure of a rehearsal may need the base products even when no stage does.
  void need_full_gram() {
    if (reads == Reads::gram) return;
    reads = Reads::gram;
    gram_parts = Array<double>(exec, gram_scratch(exec, gram_rows()));
    products = Array<double>(exec, static_cast<std::size_t>(count) * (m + kept) * (m + kept));
  }

  /// Rehearsal of a column rule: one fused pass over all variants.
  void measure_columns(const double* mixings, const Solved& solved, int variants, const double* reference,
                       int direction, double* outcome, double* pull) {
    ColumnTrial trial{job.inboxes.base, solved.seen, variants, mixings, reference, direction};
    if (solved.seen_mixing != nullptr) {
      const std::int64_t entries = std::int64_t{rehearsal.problems} * solved.seen * m;
      if (static_cast<std::int64_t>(variant_mixing.size()) < entries)
        variant_mixing = Array<double>(exec, static_cast<std::size_t>(entries));
      parallel_for(exec, "compose", entries,
                   detail::Multiply{solved.seen_mixing, mixings, solved.seen, n, m, variant_mixing.data()});
      trial.mixings = variant_mixing.data();
    }
    if (const std::size_t parts = measure_scratch(exec, trial); measure_parts.size() < parts)
      measure_parts = Array<double>(exec, parts);
    rule->as_column_rule()->measure(exec, trial, measure_parts.data(), outcome);
    if (pull == nullptr) return;
    const Sources sources{trial.mixings, solved.seen, m};
    parallel_for(exec, "base weights", std::int64_t{rehearsal.problems} * m,
                 detail::BaseWeights{nullptr, 0, sources, m, m, weights_of_variants(variants)});
    measure_pull(variant_weights.data(), m, variants, direction, outcome, pull);
  }

  double* weights_of_variants(int variants) {
    const auto size = static_cast<std::size_t>(count) * variants * m;
    if (variant_weights.size() < size) variant_weights = Array<double>(exec, size);
    return variant_weights.data();
  }

  void measure_pull(const double* weights, int stride, int variants, int direction, const double* outcome,
                    double* pull) {
    parallel_for(exec, "measure pull", std::int64_t{count} * variants,
                 detail::MeasurePull{weights, products.data(), stride, m + kept, variants, direction, outcome, pull});
  }

  /// Rehearsal of a Gram rule: nothing of size d is touched.
  void measure_weights(const double* mixings, const double* grams, int variants, const double* reference, int direction,
                       double* outcome, double* pull) {
    if (has_meta) apply_metas(rehearsal, grams, mixings, false);
    to_base(rehearsal, mixings, rehearsal.base.data());
    const int size = m + kept;
    parallel_for(exec, "measure", rehearsal.problems,
                 detail::MeasureWeights{products.data(), rehearsal.base.data(), reference, size, size + 1, m, variants,
                                        direction, outcome});
    if (pull != nullptr) measure_pull(rehearsal.base.data(), size + 1, variants, direction, outcome, pull);
  }

  /// Rehearsal of anything else: the whole pipeline, once per variant.
  void measure_outputs(const double* mixings, int variants, const double* reference, int direction, double* outcome,
                       double* pull) {
    allocate_dots();
    const std::int64_t entries = std::int64_t{n} * m;
    if (rehearsed.rows() == 0) {
      rehearsed = RowStore(exec, count, d);
      rehearsed_rows = Array<float*>(exec, rehearsed.pointers());
      variant_mixing = Array<double>(exec, static_cast<std::size_t>(count * entries));
    }
    const int size = m + kept;
    for (int v = 0; v < variants; ++v) {
      parallel_for(exec, "variant", count * entries,
                   detail::PickVariant{mixings, variants, v, entries, variant_mixing.data()});
      run_into(variant_mixing.data(), rehearsed_rows.data(), true);
      dots(exec, gram_rows(), rehearsed_rows.data(), dot_parts.data(), dot_products.data());
      parallel_for(exec, "measure", count,
                   detail::MeasureOutput{products.data(), dot_products.data(), reference, size, size, m, variants, v,
                                         direction, outcome});
      if (pull != nullptr)
        base_weights(weights_of_variants(variants) + std::int64_t{v} * m, std::int64_t{variants} * m);
    }
    if (pull != nullptr) measure_pull(variant_weights.data(), m, variants, direction, outcome, pull);
  }

  /// After run_into(): the weights of the base rows in each output, `stride` from one output to the next.
  void base_weights(double* weights, std::int64_t stride) {
    Sources sources{rule_mixing.data(), pipeline->rows_out(), m};
    if (custom != nullptr && custom->sources().rows > 0) sources = custom->sources();
    const bool weighed = gram_rule != nullptr || has_meta;
    parallel_for(exec, "base weights", std::int64_t{count} * m,
                 detail::BaseWeights{weighed ? work.base.data() : nullptr, m + kept, sources, m, stride, weights});
  }

  /// A pipeline of pre-aggregators: out is [count][rows_out].
  void write_messages(const double* mixing, const Solved& solved, float* const* out) {
    const Inboxes seen = seen_inboxes(mixing, solved);
    if (seen.mixing == nullptr) throw UserError("a pipeline needs at least one stage");
    for (int c = 0; c < count; ++c)
      for (int i = 0; i < seen.n; ++i)
        combine(exec, {1, m, d, job.inboxes.base.of(c)}, seen.mixing + (std::int64_t{c} * seen.n + i) * m, m,
                out + std::int64_t{c} * seen.n + i);
  }
};

Defense::Defense(Exec& exec, std::shared_ptr<const Pipeline> pipeline, const Job& job)
    : state_(std::make_unique<State>(exec, std::move(pipeline), job)) {}

Defense::~Defense() = default;

void Defense::run(bool rehearsal) {
  state_->compute_gram();
  state_->run_into(state_->job.inboxes.mixing, state_->job.out, rehearsal);
  state_->gram_ready = rehearsal && state_->gram_ready;
}

void Defense::rehearse(const double* mixings, int variants, const double* reference, int direction, double* outcome,
                       double* pull) {
  State& s = *state_;
  const bool in_column_space = s.rule != nullptr && s.rule->as_column_rule() != nullptr && !s.has_meta;
  if (!in_column_space) s.need_full_gram();
  s.compute_gram();
  if (in_column_space || s.gram_rule != nullptr) {
    if (s.rehearsal.most_variants < variants)
      s.rehearsal = detail::Workspace(s.exec, *s.pipeline, s.count, variants, s.m, s.kept);
    s.rehearsal.use(variants);
    const double* grams = s.message_grams(s.rehearsal, mixings);
    const State::Solved solved = s.solve_stages(s.rehearsal, grams);
    if (in_column_space)
      s.measure_columns(mixings, solved, variants, reference, direction, outcome, pull);
    else
      s.measure_weights(mixings, grams, variants, reference, direction, outcome, pull);
  } else {
    s.measure_outputs(mixings, variants, reference, direction, outcome, pull);
  }
}

void Defense::base_weights(double* weights) { state_->base_weights(weights, state_->m); }

std::vector<double> Defense::weight_share(int honest) const {
  const State& s = *state_;
  std::vector<double> shares(static_cast<std::size_t>(s.count), NAN);
  if (!s.weighs_messages) return shares;
  const std::vector<double> weights = s.work.pulled.download();
  for (int c = 0; c < s.count; ++c) {
    double byzantine = 0, all = 0;
    for (int i = 0; i < s.n; ++i) {
      const double weight = std::abs(weights[static_cast<std::size_t>(c) * (s.n + s.kept + 1) + i]);
      all += weight;
      if (i >= honest) byzantine += weight;
    }
    if (all > 0) shares[static_cast<std::size_t>(c)] = byzantine / all;
  }
  return shares;
}

WorkerEstimates Defense::worker_estimates() const {
  const State& s = *state_;
  const bool whole = s.custom != nullptr && s.pipeline->stages().front().get() == s.rule;
  return whole ? s.custom->estimates() : WorkerEstimates{};
}

}  // namespace gauntlet
