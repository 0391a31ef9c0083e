// SPDX-License-Identifier: Apache-2.0
#include "kernels/defenses/engine/custom_gram.cuh"

#include "kernels/defenses/engine/output.cuh"

namespace gauntlet {
void WeightedOutput::write(Exec& exec, const CustomStage::Job& job, const double* weights) {
  const Inboxes& inboxes = job.inboxes;
  const Rows& rows = inboxes.base;
  const auto size = static_cast<std::int64_t>(base_.size());
  if (median_) {
    parallel_for(exec, "hide", size, detail::HideMessages{weights, inboxes.mixing, inboxes.n, 0, rows.m, base_.data()});
    reduce_columns(exec, Inboxes{rows, inboxes.n, base_.data()}, detail::MedianOfFinite{}, job.out);
    return;
  }
  parallel_for(exec, "compose", size, Multiply{weights, inboxes.mixing, 1, inboxes.n, rows.m, base_.data()});
  combine(exec, rows, base_.data(), rows.m, job.out);
}

}  // namespace gauntlet
