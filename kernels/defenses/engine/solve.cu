// SPDX-License-Identifier: Apache-2.0
#include "kernels/defenses/engine/defense_state.cuh"
#include "kernels/defenses/engine/memory.cuh"
#include "kernels/defenses/engine/mixing.cuh"

namespace gauntlet {

GramBatch Defense::State::batch(detail::Workspace& w, const PerInbox& rows, int memory_rows, const double* grams) {
  GramBatch all;
  all.count = w.problems, all.variants = w.variants;
  all.n = rows, all.f = {pipeline->f(), present_count == nullptr ? nullptr : declared.data(), w.variants};
  all.memory = memory_rows;
  all.products = grams;
  all.seeds = job.seeds, all.round = job.round;
  all.scratch = w.scratch.data();
  // A stage that deals the messages out anew leaves none that is a worker's.
  if (rows.same == n) all.workers = workers, all.neighborhoods = job.neighborhoods;
  if (memory.numbers > 0) all.numbers = numbers.data(), all.numbers_each = memory.numbers;
  return all;
}

const double* Defense::State::of_present(detail::Workspace& w, const double* mixing) {
  if (job.present == nullptr) return mixing;
  parallel_for(exec, "keep present", std::int64_t{w.problems} * n * m,
               detail::KeepPresent{mixing, workers, sizes(w), w.variants, n, m, w.present.data()});
  return w.present.data();
}

const double* Defense::State::message_grams(detail::Workspace& w, const double* mixing) {
  if (reads == Reads::nothing) return nullptr;
  if (mixing == nullptr) return products.data();
  mix_gram(
      exec, w.problems,
      {products.data(), stack, w.variants, views, mixing, sizes(w), m, kept, reads == Reads::gram, w.messages.data()});
  return w.messages.data();
}

Defense::State::Solved Defense::State::solve_stages(detail::Workspace& w, const double* grams) {
  const double* current = grams;
  const double* mixing = nullptr;
  const PerInbox raw = sizes(w);
  PerInbox rows = raw;
  int side = 0;
  for (std::size_t s = 0; s < pipeline->stages().size(); ++s) {
    const Stage& stage = *pipeline->stages()[s];
    if (const auto* pre = stage.as_pre_aggregator()) {
      PerInbox made = pre->rows_out(rows.same);
      if (rows.of != nullptr) {
        pre->count_rows(exec, w.problems, rows, w.sizes[side].data());
        made.of = w.sizes[side].data();
      }
      pre->mix(exec, batch(w, rows, kept, current), w.stage.data());
      double* composed = w.mixing[side].data();
      if (mixing == nullptr) {
        copy_within(exec, composed, w.stage.data(), sizeof(double) * w.problems * made.same * rows.same);
      } else {
        const Multiply compose{w.stage.data(), mixing, made, rows, raw, composed};
        parallel_for(exec, "compose", compose.entries(w.problems), compose);
      }
      if (reads_from(s + 1) != Reads::nothing) {
        mix_gram(exec, w.problems, {current, 0, 1, 1, w.stage.data(), made, rows, kept, true, w.seen[side].data()});
        current = w.seen[side].data();
      }
      mixing = composed;
      rows = made;
      side = 1 - side;
    } else if (const auto* solver = stage.as_gram_rule()) {
      solver->solve(exec, batch(w, rows, kept, current), w.stage.data());
      if (solver->output() == GramOutput::sum)
        parallel_for(exec, "pull back", std::int64_t{w.problems} * (n + kept + 1),
                     PullBack{w.stage.data(), mixing, rows, raw, kept, w.pulled.data()});
    }
  }
  return {mixing, rows, current};
}

Reads Defense::State::reads_from(std::size_t first) const {
  Reads most = Reads::nothing;
  for (std::size_t s = first; s < pipeline->stages().size(); ++s)
    if (pipeline->stages()[s]->role() != StageRole::meta_aggregator)
      most = std::max(most, pipeline->stages()[s]->reads());
  return most;
}

void Defense::State::apply_metas(detail::Workspace& w, const double* grams, const double* mixing,
                                 bool computed_anchor) {
  for (const auto& stage : pipeline->stages()) {
    const auto* meta = stage->as_meta_aggregator();
    if (meta == nullptr) continue;
    parallel_for(exec, "anchor gram", std::int64_t{w.problems} * (n + 1) * (n + 1),
                 AnchorGram{grams, w.pulled.data(), computed_anchor ? dot_products.data() : nullptr, mixing, sizes(w),
                            kept, m, stack, views, w.anchor_gram.data()});
    meta->refine(exec, batch(w, sizes(w), 1, w.anchor_gram.data()), w.stage.data());
    parallel_for(exec, "refine", std::int64_t{w.problems} * (n + kept + 1),
                 ApplyRefinement{w.stage.data(), sizes(w), n + kept + 1, w.pulled.data()});
  }
}

void Defense::State::to_base(detail::Workspace& w, const double* mixing, double* out) {
  parallel_for(exec, "to base", std::int64_t{w.problems} * (stack + 1),
               ToBase{w.pulled.data(), mixing, sizes(w), kept, m, w.variants, views, out});
}

}  // namespace gauntlet
