// SPDX-License-Identifier: Apache-2.0
#include "kernels/defenses/engine/custom.cuh"

#include "kernels/defenses/engine/output.cuh"

namespace gauntlet {

void WeightedOutput::write(const double* weights) {
  const Inboxes& inboxes = job_.inboxes;
  const Rows& rows = inboxes.base;
  if (made_ == GramOutput::median) {
    parallel_for(exec_, "hide", static_cast<std::int64_t>(base_.size()),
                 detail::HideMessages{weights, inboxes.mixing, inboxes.sizes(), 0, rows.m, base_.data()});
    reduce_columns(exec_, {rows, inboxes.n, base_.data(), inboxes.size}, detail::MedianOfFinite{}, job_.out);
    return;
  }
  const Multiply compose{weights, inboxes.mixing, 1, inboxes.sizes(), rows.m, base_.data()};
  parallel_for(exec_, "compose", compose.entries(rows.count), compose);
  combine(exec_, rows, base_.data(), rows.m, job_.out);
}

}  // namespace gauntlet
