// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "kernels/defenses/engine/defense_state.cuh"
#include "kernels/defenses/engine/measure.cuh"
#include "kernels/defenses/engine/memory.cuh"
#include "kernels/defenses/engine/mixing.cuh"
#include "kernels/defenses/engine/output.cuh"

namespace gauntlet {

Defense::State::State(Exec& exec_, std::shared_ptr<const Pipeline> pipeline_, const Job& job_)
    : exec(exec_),
      pipeline(std::move(pipeline_)),
      job(job_),
      count(job.inboxes.base.count),
      views(job.inboxes.base.views),
      n(job.inboxes.n),
      m(job.inboxes.base.m),
      d(job.inboxes.base.d) {
  bool mixed = false;  // behind a mixing, the messages' norms are made of all products of the base rows
  for (const auto& stage : pipeline->stages()) {
    const bool of_mixtures = mixed && stage->reads() == Reads::norms;
    reads = std::max(reads, of_mixtures ? Reads::gram : stage->reads());
    mixed |= stage->role() == StageRole::pre_aggregator;
    if (stage->role() == StageRole::rule) rule = stage.get();
    has_meta |= stage->role() == StageRole::meta_aggregator;
  }
  if (rule != nullptr) gram_rule = rule->as_gram_rule();
  if (gram_rule != nullptr) {
    memory = gram_rule->memory(pipeline->rows_out());
    weighted = gram_rule->output() == GramOutput::sum && !(gram_rule->noise() > 0);
  }
  kept = memory.rows(pipeline->rows_out());
  stack = m + views * kept;
  pipeline->check_trusted(job.trusted != nullptr);
  // Views differ in their mixing, and so do inboxes from which somebody is absent.
  if (job.inboxes.mixing == nullptr && (views > 1 || job.present != nullptr)) {
    identity = Array<double>(exec, static_cast<std::size_t>(count) * n * m);
    parallel_for(exec, "identity", static_cast<std::int64_t>(identity.size()), Identity{n, m, identity.data()});
    job.inboxes.mixing = identity.data();
  }
  if (job.inboxes.mixing != nullptr && reads == Reads::norms) reads = Reads::gram;
  make_room();
  if (rule == nullptr || rule->as_custom() == nullptr) return;
  CustomStage::Job inner;
  inner.inboxes = {job.inboxes.base, pipeline->rows_out(), rule_mixing.data()};
  if (present_count != nullptr) {
    const auto made = std::count_if(pipeline->stages().begin(), pipeline->stages().end(),
                                    [](const auto& stage) { return stage->as_pre_aggregator() != nullptr; });
    inner.inboxes.size = {pipeline->rows_out(), made == 0 ? present_count : work.sizes[(made - 1) % 2].data()};
    inner.inboxes.absent = absentees(work);
    if (pipeline->rows_out() == n) inner.workers = workers;
  }
  inner.f = {pipeline->f(), present_count == nullptr ? nullptr : declared.data()};
  inner.seeds = job.seeds, inner.round = job.round;
  inner.out = anchor_rows.data();
  inner.models = job.models, inner.neighborhoods = job.neighborhoods;
  custom = rule->as_custom()->bind(exec, inner);
}

void Defense::State::make_room() {
  const auto inboxes = static_cast<std::size_t>(count), stacks = inboxes / static_cast<std::size_t>(views);
  if (kept > 0) {
    const int owned = kept - (memory.row == MemoryRow::trusted);
    std::vector<float*> last;
    own_rows = RowStore(exec, std::int64_t{count} * owned, d);
    kept_rows = Array<float*>(exec, inboxes * kept);
    parallel_for(exec, "kept table", static_cast<std::int64_t>(kept_rows.size()),
                 detail::KeptTable{own_rows.row(0), padded(d), kept, owned, job.trusted, kept_rows.data()});
    stack_table = Array<const float*>(exec, stacks * stack);
    parallel_for(exec, "stack table", static_cast<std::int64_t>(stack_table.size()),
                 detail::ExtendTable{job.inboxes.base, kept_rows.data(), views * kept, nullptr, stack_table.data()});
    for (int c = 0; c < count && (memory.row == MemoryRow::last_output || memory.row == MemoryRow::way); ++c)
      last.push_back(own_rows.row(std::int64_t{c + 1} * owned - 1));
    last_rows = Array<float*>(exec, last);
    if (memory.row == MemoryRow::way && job.models != nullptr) start_rows = RowStore(exec, count, d);
  }
  numbers = Array<double>(exec, inboxes * memory.numbers);
  updates = Array<SumUpdate>(exec, inboxes * memory.sums * pipeline->rows_out());
  if (rule != nullptr && !weighted) {
    anchor = RowStore(exec, count, d);
    anchor_rows = Array<float*>(exec, anchor.pointers());
    if (has_meta) make_room_for_dots();
  }
  if (gram_rule != nullptr && gram_rule->output() == GramOutput::median)
    hidden = Array<double>(exec, inboxes * pipeline->rows_out() * m);
  if (reads != Reads::nothing) make_room_for_gram();
  workers = job.workers, present_count = job.inboxes.size.of;
  if (job.present != nullptr) {
    own_workers = Array<int>(exec, inboxes * n);
    own_count = Array<int>(exec, inboxes);
    workers = own_workers.data(), present_count = own_count.data();
  }
  if (present_count != nullptr) declared = Array<int>(exec, inboxes), absent = Array<int>(exec, inboxes);
  work = detail::Workspace(exec, *pipeline, count, 1, m, kept, stack, present_count != nullptr);
  rule_mixing = Array<double>(exec, inboxes * std::max(n, pipeline->rows_out()) * m);
  if (memory.row == MemoryRow::last_output) rule_base = Array<double>(exec, inboxes * (stack + 1));
}

Rows Defense::State::main_rows() const {
  if (main_table.size() == 0) return taken() == kept ? stack_rows() : job.inboxes.base;
  return {count, m + views * taken(), d, main_table.data(), views};
}

Rows Defense::State::sum_rows() const { return {count * memory.sums, pipeline->rows_out(), d, sum_table.data(), 1}; }

void Defense::State::make_room_for_gram() {
  const auto inboxes = static_cast<std::size_t>(count), stacks = inboxes / static_cast<std::size_t>(views);
  products = Array<double>(exec, stacks * stack * stack);
  if (taken() < kept && taken() > 0) {
    main_table = Array<const float*>(exec, stacks * (m + views * taken()));
    parallel_for(exec, "main table", static_cast<std::int64_t>(main_table.size()),
                 detail::TakeKept{job.inboxes.base, kept_rows.data(), kept, taken(), main_table.data()});
  }
  gram_parts = Array<double>(exec, gram_scratch(exec, main_rows().stacks()));
  if (taken() == kept) return;
  main_products = Array<double>(exec, stacks * main_rows().m * main_rows().m);
  if (memory.apart) {
    const auto pointers = own_rows.pointers();
    sum_table = Array<const float*>(exec, std::vector<const float*>(pointers.begin(), pointers.end()));
    sum_parts = Array<double>(exec, gram_scratch(exec, sum_rows()));
    sum_products = Array<double>(exec, inboxes * kept * pipeline->rows_out());
  } else {
    way_parts = Array<double>(exec, dot_scratch(exec, job.inboxes.base));
    way_products = Array<double>(exec, inboxes * (m + 1));
  }
}

void Defense::State::make_room_for_dots() {
  if (dot_products.size() != 0) return;
  dot_parts = Array<double>(exec, dot_scratch(exec, stack_rows()));
  dot_products = Array<double>(exec, static_cast<std::size_t>(count) * (stack + 1));
  if (weighted || anchor.rows() == 0) return;
  anchored_table = Array<const float*>(exec, static_cast<std::size_t>(count) * (stack + 1));
  parallel_for(
      exec, "anchored table", static_cast<std::int64_t>(anchored_table.size()),
      detail::ExtendTable{job.inboxes.base, kept_rows.data(), views * kept, anchor_rows.data(), anchored_table.data()});
}

Rows Defense::State::stack_rows() const {
  return kept == 0 ? job.inboxes.base : Rows{count, stack, d, stack_table.data(), views};
}

Rows Defense::State::anchored_rows() const { return {count, stack + 1, d, anchored_table.data(), 1}; }

void Defense::State::list_present() {
  if (job.present != nullptr)
    parallel_for(exec, "list present", count,
                 detail::ListPresent{job.present, n, own_workers.data(), own_count.data()});
  if (present_count != nullptr)
    parallel_for(
        exec, "count absent", count,
        detail::CountAbsent{n, pipeline->f(), present_count, job.inboxes.absent.of, absent.data(), declared.data()});
}

void Defense::State::compute_gram() {
  list_present();
  if (reads == Reads::nothing || gram_ready) return;
  const Phase phase(exec.timer(), "defend: gram", job.label, std::int64_t{count} / views * stack * d * 4);
  if (start_rows.rows() > 0)
    parallel_spans(exec, "track model", count, d,
                   detail::TrackModel{job.models, job.round, padded(d), start_rows.row(0), kept_rows.data(), kept});
  const bool whole = main_products.size() == 0;
  gram(exec, main_rows().stacks(), reads == Reads::norms ? GramPart::norms : GramPart::full, gram_parts.data(),
       whole ? products.data() : main_products.data());
  if (sum_products.size() != 0) gram(exec, sum_rows(), GramPart::full, sum_parts.data(), sum_products.data());
  if (way_products.size() != 0) dots(exec, job.inboxes.base, last_rows.data(), way_parts.data(), way_products.data());
  if (!whole)
    parallel_for(exec, "assemble gram", static_cast<std::int64_t>(products.size()),
                 detail::AssembleGram{m, views, kept, taken(), pipeline->rows_out(), main_products.data(),
                                      sum_products.size() == 0 ? nullptr : sum_products.data(),
                                      way_products.size() == 0 ? nullptr : way_products.data(), products.data()});
  gram_ready = true;
}

Inboxes Defense::State::seen_inboxes(const double* mixing, const Solved& solved) {
  const std::int64_t entries = std::int64_t{count} * solved.seen.same * m;
  const bool as_it_is = weighted || rule == nullptr || rule->as_column_rule() != nullptr;
  Inboxes seen{job.inboxes.base, solved.seen.same, rule_mixing.data(), solved.seen, absentees(work)};
  if (solved.mixing == nullptr && mixing == nullptr) {
    if (as_it_is && memory.sums == 0) seen.mixing = nullptr;
    if (seen.mixing != nullptr) parallel_for(exec, "identity", entries, Identity{n, n, rule_mixing.data()});
  } else if (solved.mixing == nullptr) {
    copy_within(exec, rule_mixing.data(), mixing, sizeof(double) * entries);
  } else if (mixing == nullptr) {
    copy_within(exec, rule_mixing.data(), solved.mixing, sizeof(double) * entries);
  } else {
    const Multiply compose{solved.mixing, mixing, solved.seen, sizes(work), m, rule_mixing.data()};
    parallel_for(exec, "compose", compose.entries(count), compose);
  }
  return seen;
}

void Defense::State::run_into(const double* given, float* const* out, bool rehearsing) {
  const double* mixing = of_present(work, given);
  const double* grams = message_grams(work, mixing);
  Solved solved{};
  {
    const Phase phase(exec.timer(), "defend: solve", job.label);
    solved = solve_stages(work, grams);
  }
  if (!pipeline->has_rule()) return write_messages(mixing, solved, out);
  weighs_messages = weighted;
  if (!weighted) {
    write_unweighted(mixing, solved, has_meta ? anchor_rows.data() : out, rehearsing);
    if (has_meta) {
      const Phase phase(exec.timer(), "defend: dots", job.label, std::int64_t{count} * (stack + 1) * d * 4);
      dots(exec, stack_rows(), anchor_rows.data(), dot_parts.data(), dot_products.data());
      parallel_for(exec, "anchor", std::int64_t{count} * (n + kept + 1), SetAnchor{n + kept + 1, work.pulled.data()});
    }
  }
  if (!rehearsing) learn(solved);  // while the stages' room holds the rule's weights
  if (weighted || has_meta) {
    if (memory.row == MemoryRow::last_output) to_base(work, mixing, rule_base.data());
    if (has_meta) apply_metas(work, grams, mixing, !weighted);
    to_base(work, mixing, work.base.data());
    const Phase phase(exec.timer(), "defend: combine", job.label, std::int64_t{count} * (m + 1) * d * 4);
    combine(exec, weighted ? stack_rows() : anchored_rows(), work.base.data(), stack + 1, out);
  }
  if (!rehearsing) remember(mixing, solved, out);
}

void Defense::State::write_unweighted(const double* mixing, const Solved& solved, float* const* out, bool rehearsing) {
  const Phase phase(exec.timer(), "defend: rule", job.label, std::int64_t{count} * (m + 1) * d * 4);
  const Inboxes seen = seen_inboxes(mixing, solved);
  if (custom != nullptr) {
    custom->run(rehearsing);
    if (!has_meta) parallel_spans(exec, "copy", count, d, CopyRows{anchor_rows.data(), out});
  } else if (gram_rule != nullptr) {
    if (gram_rule->output() == GramOutput::median) {
      parallel_for(exec, "hide", std::int64_t{count} * seen.n * m,
                   detail::HideMessages{work.stage.data(), seen.mixing, seen.sizes(), kept, m, hidden.data()});
      reduce_columns(exec, {seen.base, seen.n, hidden.data(), seen.size, seen.absent}, detail::MedianOfFinite{}, out);
    } else {
      to_base(work, mixing, work.base.data());
      combine(exec, stack_rows(), work.base.data(), stack + 1, out);
    }
    if (gram_rule->noise() > 0)
      parallel_spans(exec, "noise", count, d, detail::AddNoise{job.seeds, job.round, d, gram_rule->noise(), out});
  } else {
    rule->as_column_rule()->reduce(exec, seen, out);
  }
}

void Defense::State::learn(const Solved& solved) {
  if (gram_rule == nullptr || !gram_rule->learns()) return;
  gram_rule->learn(exec, batch(work, solved.seen, kept, solved.grams), work.stage.data(), updates.data());
}

void Defense::State::remember(const double* mixing, const Solved& solved, float* const* out) {
  if (memory.sums > 0)
    parallel_spans(exec, "add to sums", count, d,
                   detail::AddToSums{seen_inboxes(mixing, solved), pipeline->rows_out() == n ? workers : nullptr,
                                     updates.data(), memory.sums, kept, kept_rows.data()});
  if (memory.row != MemoryRow::last_output) return;
  if (has_meta)
    combine(exec, stack_rows(), rule_base.data(), stack + 1, last_rows.data());
  else
    parallel_spans(exec, "remember", count, d, CopyRows{out, last_rows.data()});
}

void Defense::State::base_weights(double* weights, std::int64_t stride) {
  Sources sources{hidden.size() != 0 ? hidden.data() : rule_mixing.data(), pipeline->rows_out(), m};
  if (custom != nullptr && custom->sources().rows > 0) sources = custom->sources();
  const bool weighed = gram_rule != nullptr && gram_rule->output() == GramOutput::sum;
  parallel_for(
      exec, "base weights", std::int64_t{count} * m,
      detail::BaseWeights{weighed || has_meta ? work.base.data() : nullptr, stack, sources, m, stride, weights});
}

void Defense::State::write_messages(const double* mixing, const Solved& solved, float* const* out) {
  const Inboxes seen = seen_inboxes(mixing, solved);
  if (seen.mixing == nullptr) throw UserError("a pipeline needs at least one stage");
  for (int c = 0; c < count; ++c)
    for (int i = 0; i < seen.n; ++i)
      combine(exec, {1, m, d, job.inboxes.base.of(c)}, seen.mixing + (std::int64_t{c} * seen.n + i) * m, m,
              out + std::int64_t{c} * seen.n + i);
}

Defense::Defense(Exec& exec, std::shared_ptr<const Pipeline> pipeline, const Job& job)
    : state_(std::make_unique<State>(exec, std::move(pipeline), job)) {}

Defense::~Defense() = default;

void Defense::run(bool rehearsal) {
  state_->compute_gram();
  state_->run_into(state_->job.inboxes.mixing, state_->job.out, rehearsal);
  state_->gram_ready = rehearsal && state_->gram_ready;
}

void Defense::base_weights(double* weights) { state_->base_weights(weights, state_->m); }

std::vector<double> Defense::weight_share(int honest) const {
  const State& s = *state_;
  std::vector<double> shares(static_cast<std::size_t>(s.count), NAN);
  if (!s.weighs_messages) return shares;
  const std::vector<double> weights = s.work.pulled.download();
  std::vector<int> workers(s.workers == nullptr ? 0 : static_cast<std::size_t>(s.count) * s.n);
  if (!workers.empty()) copy_from(s.exec, workers.data(), s.workers, workers.size() * sizeof(int));
  for (int c = 0; c < s.count; ++c) {
    double byzantine = 0, all = 0;
    for (int i = 0; i < s.n; ++i) {
      const double weight = std::abs(weights[static_cast<std::size_t>(c) * (s.n + s.kept + 1) + i]);
      all += weight;
      if ((workers.empty() ? i : workers[static_cast<std::size_t>(c) * s.n + i]) >= honest) byzantine += weight;
    }
    if (all > 0) shares[static_cast<std::size_t>(c)] = byzantine / all;
  }
  return shares;
}

Observations Defense::observe() const {
  const State& s = *state_;
  if (s.rule == nullptr || s.pipeline->stages().front().get() != s.rule) return {};
  if (s.custom != nullptr) return s.custom->observe();
  if (s.gram_rule == nullptr || !s.gram_rule->observes()) return {};
  const std::vector<double> numbers = s.numbers.download();
  Observations all;
  for (int c = 0; c < s.count; ++c)
    for (const auto& [column, values] :
         s.gram_rule->observe(numbers.data() + static_cast<std::size_t>(c) * s.memory.numbers, s.n))
      all[column].insert(all[column].end(), values.begin(), values.end());
  return all;
}

}  // namespace gauntlet
