// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/defenses/defense.cuh"
#include "kernels/defenses/engine/mixing.cuh"
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
    mix_gram(exec, base.count, {products_.data(), base.m, 1, 1, job.inboxes.mixing, n, base.m, 0, true, seen_.data()});
    return seen_.data();
  }

 private:
  Array<double> parts_, products_, seen_;
};

/// Writes Σ w_i x_i for weights [count][n] ≥ 0 over the messages; a zero weight hides its message. One combine pass.
/// Or, of the k messages of an inbox that are not hidden, the median of k w_i x_i in each coordinate: the output is
/// zero if there are none. One column pass, at most column_limit messages.
class WeightedOutput {
 public:
  WeightedOutput(Exec& exec, const CustomStage::Job& job, bool median = false)
      : median_(median),
        base_(exec,
              static_cast<std::size_t>(job.inboxes.base.count) * (median ? job.inboxes.n : 1) * job.inboxes.base.m) {}

  void write(Exec& exec, const CustomStage::Job& job, const double* weights);
  /// Of what was written last.
  Sources sources(const CustomStage::Job& job) const {
    return {base_.data(), median_ ? job.inboxes.n : 1, job.inboxes.base.m, !median_};
  }

 private:
  bool median_;
  Array<double> base_;
};

}  // namespace gauntlet
