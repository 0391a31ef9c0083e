// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/defenses/defense.cuh"
#include "kernels/defenses/engine/mixing.cuh"
#include "kernels/exec/array.cuh"
#include "kernels/passes/passes.cuh"

/// The short form of rules that fit no space, and the passes that several of them share.
namespace gauntlet {

/// A rule bound to its inboxes, from its parameters. Derive from it, inherit its constructor, and let members with
/// initializers hold the room and the state: they may use all that stands here. run() writes job.out. Nothing may be
/// allocated in it, since a recorded round replays what it launched.
template <class Parameters>
class CustomRule : public CustomStage::Bound {
 public:
  CustomRule(Exec& exec_, const CustomStage::Job& job_, const Parameters& given_)
      : exec(exec_), job(job_), given(given_) {}
  /// What a rule may hide by its own: as Stage's functions of these names.
  static int memory_rows(const Parameters&, int, std::int64_t) { return 0; }
  static bool remembers(const Parameters&) { return false; }
  static bool remembers_workers(const Parameters&) { return false; }
  static bool follows_model(const Parameters&) { return false; }
  static bool needs_neighborhood(const Parameters&) { return false; }
  static std::string unmet_within(const Parameters&) { return {}; }

 protected:
  Exec& exec;
  CustomStage::Job job;
  Parameters given;
  Rows base = job.inboxes.base;
  int count = base.count, n = job.inboxes.n, m = base.m;  ///< inboxes, the most messages of one, base rows
  std::int64_t d = base.d;
  PerInbox size = job.inboxes.sizes();

  /// Room for so many numbers an inbox.
  Array<double> doubles(std::size_t each) { return {exec, each * static_cast<std::size_t>(count)}; }

  /// The Gram problems of all inboxes for solve(), several of each if there are variants.
  GramBatch batch(const double* products, Array<double>& scratch, int variants = 1) const {
    GramBatch all;
    all.count = count * variants, all.variants = variants;
    all.n = {n, size.of, size.group * variants};
    all.f = {job.f.same, job.f.of, job.f.group * variants};
    all.products = products;
    all.seeds = job.seeds, all.round = job.round;
    all.scratch = scratch.data();
    return all;
  }
};

namespace detail {

template <class Rule, class Parameters>
class CustomRuleOf final : public CustomStage {
 public:
  explicit CustomRuleOf(Parameters given) : given_(std::move(given)) {}
  int memory_rows(int n, std::int64_t d) const override { return Rule::memory_rows(given_, n, d); }
  bool remembers() const override { return Rule::remembers(given_); }
  bool remembers_workers() const override { return Rule::remembers_workers(given_); }
  bool follows_model() const override { return Rule::follows_model(given_); }
  bool needs_neighborhood() const override { return Rule::needs_neighborhood(given_); }
  std::string unmet_within() const override { return Rule::unmet_within(given_); }
  std::unique_ptr<Bound> bind(Exec& exec, const Job& job) const override {
    return std::make_unique<Rule>(exec, job, given_);
  }

 private:
  Parameters given_;
};

}  // namespace detail

/// A rule from a class derived from CustomRule<Parameters>.
template <class Rule, class Parameters>
std::unique_ptr<CustomStage> custom_rule(Parameters given) {
  return std::make_unique<detail::CustomRuleOf<Rule, Parameters>>(std::move(given));
}

/// The rows as a pass takes them.
inline Array<const float*> table_of(Exec& exec, RowStore& rows) {
  const auto pointers = rows.pointers();
  return {exec, std::vector<const float*>(pointers.begin(), pointers.end())};
}

/// The inner products of the messages that a custom rule sees. Room for them, and one Gram pass per compute().
class MessageProducts {
 public:
  MessageProducts(Exec& exec, const CustomStage::Job& job)
      : exec_(exec), inboxes_(job.inboxes), parts_(exec, gram_scratch(exec, inboxes_.base.stacks())) {
    const Rows stacks = inboxes_.base.stacks();
    products_ = Array<double>(exec, static_cast<std::size_t>(stacks.count) * stacks.m * stacks.m);
    seen_ = Array<double>(exec, static_cast<std::size_t>(inboxes_.base.count) * inboxes_.n * inboxes_.n);
  }

  /// [count][n][n], an inbox with fewer messages at the start of its room; valid until the next call.
  const double* compute() {
    const Rows& base = inboxes_.base;
    gram(exec_, base.stacks(), GramPart::full, parts_.data(), products_.data());
    mix_gram(
        exec_, base.count,
        {products_.data(), base.m, 1, base.views, inboxes_.mixing, inboxes_.sizes(), base.m, 0, true, seen_.data()});
    return seen_.data();
  }

 private:
  Exec& exec_;
  Inboxes inboxes_;
  Array<double> parts_, products_, seen_;
};

/// Writes Σ w_i x_i for weights [count][n] ≥ 0 over the messages; a zero weight hides its message. One combine pass.
/// Or, of the k messages of an inbox that are not hidden, the median of k w_i x_i in each coordinate: the output is
/// zero if there are none. One column pass, at most column_limit messages.
class WeightedOutput {
 public:
  WeightedOutput(Exec& exec, const CustomStage::Job& job, GramOutput made = GramOutput::sum)
      : exec_(exec),
        job_(job),
        made_(made),
        base_(exec, static_cast<std::size_t>(job.inboxes.base.count) * rows() * job.inboxes.base.m) {}

  void write(const double* weights);
  /// Of what was written last.
  Sources sources() const { return {base_.data(), rows(), job_.inboxes.base.m, made_ == GramOutput::sum}; }

 private:
  int rows() const { return made_ == GramOutput::median ? job_.inboxes.n : 1; }

  Exec& exec_;
  CustomStage::Job job_;
  GramOutput made_;
  Array<double> base_;
};

}  // namespace gauntlet
