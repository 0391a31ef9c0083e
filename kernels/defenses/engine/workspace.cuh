// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>

#include "kernels/defenses/engine/pipeline.cuh"
#include "kernels/exec/array.cuh"

namespace gauntlet::detail {

/// Room for the n × n work on a number of problems: one per inbox when running, one per variant when rehearsing.
struct Workspace {
  int problems = 0, variants = 1, inboxes = 0, most_variants = 0;
  Array<double> messages, seen[2], mixing[2], stage, scratch, pulled, base, anchor_gram;
  Array<double> present;  ///< mixings without the absent; empty where nobody ever is
  Array<int> sizes[2];    ///< rows that a pre-aggregator made of each problem; likewise

  Workspace() = default;
  /// `kept`: rows that an inbox has behind its messages, `stack` all rows of a stack, of which `columns` are base rows.
  Workspace(Exec& exec, const Pipeline& pipeline, int inboxes_, int variants_, int columns, int kept, int stack,
            bool absences)
      : problems(inboxes_ * variants_), variants(variants_), inboxes(inboxes_), most_variants(variants_) {
    const auto total = static_cast<std::size_t>(problems);
    std::size_t rows = static_cast<std::size_t>(pipeline.n()), most = rows, work = 0;
    for (const auto& each : pipeline.stages()) {
      work = std::max(work, each->scratch(static_cast<int>(most)));
      if (const auto* pre = each->as_pre_aggregator())
        rows = static_cast<std::size_t>(pre->rows_out(static_cast<int>(rows)));
      most = std::max(most, rows);
    }
    const std::size_t n = pipeline.n(), k = static_cast<std::size_t>(kept), m = static_cast<std::size_t>(columns);
    messages = Array<double>(exec, total * (n + k) * (n + k));
    for (auto& buffer : seen) buffer = Array<double>(exec, total * (most + k) * (most + k));
    for (auto& buffer : mixing) buffer = Array<double>(exec, total * most * std::max(n, m));
    stage = Array<double>(exec, total * std::max(most * most, most + k + 1));
    scratch = Array<double>(exec, total * std::max<std::size_t>(work, 1));
    pulled = Array<double>(exec, total * (n + k + 1));
    base = Array<double>(exec, total * (static_cast<std::size_t>(stack) + 1));
    anchor_gram = Array<double>(exec, total * (n + 1) * (n + 1));
    if (!absences) return;
    present = Array<double>(exec, total * n * m);
    for (auto& buffer : sizes) buffer = Array<int>(exec, total);
  }

  /// Works on so many variants of each inbox from now on, at most as many as there is room for.
  void use(int variants_) { variants = variants_, problems = inboxes * variants_; }
};

}  // namespace gauntlet::detail
