// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/defenses/defense.cuh"
#include "kernels/defenses/pipeline_kernels.cuh"
#include "kernels/exec/array.cuh"
#include "kernels/passes/passes.cuh"

/// What custom rules share whose output is Σ w_i x_i, but which need state or more than inner products to find w.
namespace gauntlet {

/// The inner products of the messages that a custom rule sees. Room for them, and one Gram pass per compute().
class MessageProducts {
 public:
  MessageProducts(Exec& exec, const CustomStage::Job& job)
      : parts_(exec, gram_scratch(exec, job.inboxes.base)),
        products_(exec, static_cast<std::size_t>(job.inboxes.base.count) * job.inboxes.base.m * job.inboxes.base.m),
        seen_(exec, static_cast<std::size_t>(job.inboxes.base.count) * job.inboxes.n * job.inboxes.n) {}

  /// [count][n][n], valid until the next call.
  const double* compute(Exec& exec, const CustomStage::Job& job) {
    const Rows& base = job.inboxes.base;
    const int n = job.inboxes.n;
    gram(exec, base, GramPart::full, parts_.data(), products_.data());
    detail::mix_gram(exec, base.count,
                     {products_.data(), base.m, 1, job.inboxes.mixing, n, base.m, 0, 0, true, seen_.data()});
    return seen_.data();
  }

 private:
  Array<double> parts_, products_, seen_;
};

/// Writes Σ w_i x_i for weights [count][n] over the messages; a zero weight hides its message. One combine pass.
class WeightedOutput {
 public:
  WeightedOutput(Exec& exec, const CustomStage::Job& job)
      : base_(exec, static_cast<std::size_t>(job.inboxes.base.count) * job.inboxes.base.m) {}

  void write(Exec& exec, const CustomStage::Job& job, const double* weights) {
    const Rows& rows = job.inboxes.base;
    parallel_for(exec, "compose", static_cast<std::int64_t>(base_.size()),
                 detail::Multiply{weights, job.inboxes.mixing, 1, job.inboxes.n, rows.m, base_.data()});
    combine(exec, rows, base_.data(), rows.m, job.out);
  }

 private:
  Array<double> base_;
};

}  // namespace gauntlet
