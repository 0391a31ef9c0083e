// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "kernels/defenses/gram.cuh"
#include "kernels/exec/launch.cuh"
#include "kernels/passes/column_measure.cuh"
#include "kernels/registry/registry.hpp"

/// The contract of everything in this folder. A defense is a pipeline of stages: pre-aggregators, one rule,
/// meta-aggregators. A stage is a small pure function in Gram space or in column space; pipeline.cuh owns the passes
/// that touch d. A rule's file makes its stage with gram_rule(...), column_rule(...), pre_aggregator(...),
/// meta_aggregator(...), or, when it fits neither space, with a class of its own derived from CustomStage.
namespace gauntlet {

enum class StageRole { pre_aggregator, rule, meta_aggregator };

class GramRule;
class ColumnRule;
class PreAggregator;
class MetaAggregator;
class CustomStage;

/// One stage of a pipeline.
class Stage {
 public:
  virtual ~Stage() = default;
  virtual StageRole role() const { return StageRole::rule; }
  virtual Reads reads() const { return Reads::nothing; }
  /// Doubles of scratch per inbox of n messages.
  virtual std::size_t scratch(int n) const { return (void)n, 0; }
  /// Padded vectors of d numbers that it keeps per inbox of n messages; cohorts are sized with it.
  virtual int memory_rows(int n, std::int64_t d) const { return (void)n, (void)d, 0; }
  /// Whether it weighs the messages as gossip on a graph does (Gram::link).
  virtual bool needs_neighborhood() const { return false; }
  /// Whether what a run leaves behind changes later runs.
  virtual bool remembers() const { return false; }
  /// Whether that is of every worker by itself: message i must then be the same worker's in every round.
  virtual bool remembers_workers() const { return false; }
  /// Whether it looks at the model that a server would move.
  virtual bool follows_model() const { return false; }
  /// What the stages within this one do not find met, as unmet_need() of pipeline.cuh says it, or empty.
  virtual std::string unmet_within() const { return {}; }

  virtual const GramRule* as_gram_rule() const { return nullptr; }
  virtual const ColumnRule* as_column_rule() const { return nullptr; }
  virtual const PreAggregator* as_pre_aggregator() const { return nullptr; }
  virtual const MetaAggregator* as_meta_aggregator() const { return nullptr; }
  virtual const CustomStage* as_custom() const { return nullptr; }
};

/// A rule whose result is Σ w_i x_i with weights that follow from the inner products.
class GramRule : public Stage {
 public:
  const GramRule* as_gram_rule() const override { return this; }
  /// Writes [problems][most n + memory rows] weights: over the messages, then over the memory rows.
  virtual void solve(Exec& exec, const GramBatch& batch, double* weights) const = 0;
  virtual Memory memory(int n) const { return (void)n, Memory{}; }
  virtual GramOutput output() const { return GramOutput::sum; }
  bool remembers() const override { return memory(1).lasts(); }
  bool remembers_workers() const override { return memory(1).sums > 0; }
  bool follows_model() const override { return memory(1).row == MemoryRow::way; }
  virtual float noise() const { return 0; }  ///< standard deviation of normal noise on every coordinate of the output
  virtual bool learns() const { return false; }
  /// Whether observe() has something to say: the numbers are then fetched for it.
  virtual bool observes() const { return false; }
  /// After a round: the columns that the rule declares (Component::columns), of one inbox of at most n messages, from
  /// its numbers.
  virtual Observations observe(const double* numbers, int n) const { return (void)numbers, (void)n, Observations{}; }
  /// After a round that counted: changes the numbers and writes [inboxes][sums][most n] updates, which say as they come
  /// that nothing changes. `weights` are those of solve().
  virtual void learn(Exec& exec, const GramBatch& batch, const double* weights, SumUpdate* updates) const {
    (void)exec, (void)batch, (void)weights, (void)updates;
  }
  /// With MemoryRow::trusted: how many samples the server holds.
  virtual int trusted_batch() const { return 0; }
};

/// A rule that works on each coordinate's n values by itself. Most messages: column_limit.
class ColumnRule : public Stage {
 public:
  const ColumnRule* as_column_rule() const override { return this; }
  virtual void reduce(Exec& exec, const Inboxes& inboxes, float* const* out) const = 0;
  /// Measures the rule's output on variants of each inbox: see measure_columns.
  virtual void measure(Exec& exec, const ColumnTrial& trial, double* scratch, double* outcome) const = 0;
};

/// Maps n messages to n' messages, each a linear combination of them.
class PreAggregator : public Stage {
 public:
  StageRole role() const override { return StageRole::pre_aggregator; }
  const PreAggregator* as_pre_aggregator() const override { return this; }
  virtual int rows_out(int n) const { return n; }
  /// The same for problems of different sizes, on the back end.
  virtual void count_rows(Exec& exec, int problems, const PerInbox& n, int* made) const = 0;
  /// Writes the n' × n mixing of each inbox, [problems][most n'][most n], one with fewer messages at the start.
  virtual void mix(Exec& exec, const GramBatch& batch, double* mixing) const = 0;
};

/// Refines a rule's output a against the raw messages. In its Gram problem the one memory row, index n, is a.
class MetaAggregator : public Stage {
 public:
  StageRole role() const override { return StageRole::meta_aggregator; }
  Reads reads() const override { return Reads::gram; }
  const MetaAggregator* as_meta_aggregator() const override { return this; }
  /// Writes [problems][most n + 1] weights: over the messages, then over a.
  virtual void refine(Exec& exec, const GramBatch& batch, double* weights) const = 0;
};

/// What a rule made its outputs of: `rows` mixtures of the base rows per inbox. Either there is one, the output itself,
/// or no more is known than that the output depends on nothing else. A mixture of NaN is one that the rule hid.
struct Sources {
  const double* mixtures = nullptr;  ///< [count][rows][stride], the base rows first
  int rows = 0, stride = 0;
  bool is_output = false;

  /// The weight of base row p in output c, infinite where it enters in another way.
  GAUNTLET_HD double weight(std::int64_t c, int p) const {
    const double* own = mixtures + c * rows * stride + p;
    if (is_output) return *own;
    for (int r = 0; r < rows; ++r)
      if (fabs(own[std::int64_t{r} * stride]) > 0) return INFINITY;
    return 0;
  }
};

/// A rule that needs more than one space, or state of its own: it gets the inboxes and the engine's passes.
class CustomStage : public Stage {
 public:
  const CustomStage* as_custom() const override { return this; }

  /// What a custom rule works with: `inboxes` already carries the pre-aggregators' mixing, rewritten before every run.
  struct Job {
    Inboxes inboxes;
    PerInbox f;                            ///< declared Byzantine among the messages that are there
    const std::uint64_t* seeds = nullptr;  ///< [count]
    const int* round = nullptr;
    float* const* out = nullptr;           ///< [count] padded rows
    const float* const* models = nullptr;  ///< as Defense::Job::models
    const int* workers = nullptr;          ///< [count][n]: whose message is which; null: message i is worker i's
    Neighborhoods neighborhoods = {};      ///< of [count]
  };
  class Bound {
   public:
    virtual ~Bound() = default;
    /// Writes the output of every inbox. With `rehearsal` the state must be left as it was (an attacker is trying).
    virtual void run(bool rehearsal) = 0;
    /// Of the last run, a rehearsal. Without any: of all messages.
    virtual Sources sources() const { return {}; }
    /// After a round: the columns that the rule declares (Component::columns), of all inboxes. Waits for the result.
    virtual Observations observe() const { return {}; }
  };
  virtual std::unique_ptr<Bound> bind(Exec& exec, const Job& job) const = 0;
};

/// A defense's role and space follow from the class of stage that it makes.
template <>
struct Describe<Stage> {
  template <class Made>
  static void as(Component& component) {
    static_assert(!std::is_same_v<Made, Stage>, "return the stage as the class it is, as gram_rule(...) and others do");
    component.role = std::is_base_of_v<PreAggregator, Made>    ? "pre-aggregator"
                     : std::is_base_of_v<MetaAggregator, Made> ? "meta-aggregator"
                                                               : "rule";
    component.space = std::is_base_of_v<ColumnRule, Made>    ? "column"
                      : std::is_base_of_v<CustomStage, Made> ? "custom"
                                                             : "gram";
  }
};

/// What the functors below may leave out.
struct GramFunctor {
  static constexpr Reads reads = Reads::gram;
  static constexpr bool learns = false;        ///< it has a learn(), as gram_rule says
  static constexpr bool observes = false;      ///< it has an observe(), as gram_rule says
  static constexpr bool neighborhood = false;  ///< it weighs the messages by Gram::link
  Memory memory(int n) const { return (void)n, Memory{}; }
  GramOutput output() const { return GramOutput::sum; }
  float noise() const { return 0; }
  int trusted_batch() const { return 0; }
  std::size_t scratch(int n) const { return (void)n, 0; }
};

namespace detail {

template <class Functor>
struct SolveKernel {
  GramBatch batch;
  Functor functor;
  double* out;
  std::int64_t out_stride, scratch_stride;

  GAUNTLET_HD void operator()(Team& team, int c) const {
    const Gram gram = batch.gram(c);
    functor(team, gram, out + c * out_stride, batch.scratch + c * scratch_stride);
  }
};

template <class Functor>
struct LearnKernel {
  GramBatch batch;
  Functor functor;
  const double* weights;
  SumUpdate* updates;
  int sums;
  std::int64_t scratch_stride;

  GAUNTLET_HD void operator()(Team& team, int c) const {
    const Gram gram = batch.gram(c);
    SumUpdate* own = updates + std::int64_t{c} * sums * gram.most;
    team.each(sums * gram.most, [=](int j) { own[j] = SumUpdate{}; });
    functor.learn(team, gram, weights + std::int64_t{c} * (gram.most + batch.memory), own,
                  batch.scratch + c * scratch_stride);
  }
};

/// How many rows a stage makes of each problem's.
template <class Functor>
struct CountRows {
  Functor functor;
  PerInbox n;
  int* made;
  GAUNTLET_HD void operator()(std::int64_t b) const { made[b] = functor.rows_out(n(b)); }
};

}  // namespace detail

/// Runs a functor on every problem; what it writes lies out_stride apart.
template <class Functor>
void solve(Exec& exec, const GramBatch& batch, const Functor& functor, double* out, std::int64_t out_stride) {
  const auto scratch = static_cast<std::int64_t>(functor.scratch(batch.most()));
  for_teams(exec, "solve", batch.count, batch.most(),
            detail::SolveKernel<Functor>{batch, functor, out, out_stride, scratch});
}

namespace detail {

/// Padded vectors of d numbers that a memory takes.
inline int kept_rows(const Memory& memory, int n) {
  return memory.sums * n + (memory.row == MemoryRow::last_output ? 1 : memory.row == MemoryRow::way ? 2 : 0);
}

template <class Functor, class Base>
class GramStage : public Base {
 public:
  explicit GramStage(Functor functor) : functor_(functor) {}
  Reads reads() const override { return Functor::reads; }
  std::size_t scratch(int n) const override { return functor_.scratch(n); }
  bool needs_neighborhood() const override { return Functor::neighborhood; }

 protected:
  Functor functor_;
};

template <class Functor>
class GramRuleOf final : public GramStage<Functor, GramRule> {
 public:
  using GramStage<Functor, GramRule>::GramStage;
  Memory memory(int n) const override { return this->functor_.memory(n); }
  GramOutput output() const override { return this->functor_.output(); }
  float noise() const override { return this->functor_.noise(); }
  int trusted_batch() const override { return this->functor_.trusted_batch(); }
  int memory_rows(int n, std::int64_t) const override { return kept_rows(memory(n), n); }
  void solve(Exec& exec, const GramBatch& batch, double* weights) const override {
    gauntlet::solve(exec, batch, this->functor_, weights, batch.most() + batch.memory);
  }
  bool observes() const override { return Functor::observes; }
  Observations observe(const double* numbers, int n) const override {
    if constexpr (Functor::observes) return this->functor_.observe(numbers, n);
    return (void)numbers, (void)n, Observations{};
  }
  bool learns() const override { return Functor::learns; }
  void learn(Exec& exec, const GramBatch& batch, const double* weights, SumUpdate* updates) const override {
    if constexpr (Functor::learns)
      for_teams(exec, "learn", batch.count, batch.most(),
                LearnKernel<Functor>{batch, this->functor_, weights, updates, memory(batch.most()).sums,
                                     static_cast<std::int64_t>(this->scratch(batch.most()))});
    else
      (void)exec, (void)batch, (void)weights, (void)updates;
  }
};

template <class Functor>
class PreAggregatorOf final : public GramStage<Functor, PreAggregator> {
 public:
  using GramStage<Functor, PreAggregator>::GramStage;
  int rows_out(int n) const override { return this->functor_.rows_out(n); }
  void count_rows(Exec& exec, int problems, const PerInbox& n, int* made) const override {
    parallel_for(exec, "count rows", problems, CountRows<Functor>{this->functor_, n, made});
  }
  void mix(Exec& exec, const GramBatch& batch, double* mixing) const override {
    gauntlet::solve(exec, batch, this->functor_, mixing, std::int64_t{rows_out(batch.most())} * batch.most());
  }
};

template <class Functor>
class MetaAggregatorOf final : public GramStage<Functor, MetaAggregator> {
 public:
  using GramStage<Functor, MetaAggregator>::GramStage;
  void refine(Exec& exec, const GramBatch& batch, double* weights) const override {
    gauntlet::solve(exec, batch, this->functor_, weights, batch.most() + 1);
  }
};

template <class Reducer>
class ColumnRuleOf final : public ColumnRule {
 public:
  explicit ColumnRuleOf(Reducer reducer) : reducer_(reducer) {}
  void reduce(Exec& exec, const Inboxes& inboxes, float* const* out) const override {
    reduce_columns(exec, inboxes, reducer_, out);
  }
  void measure(Exec& exec, const ColumnTrial& trial, double* scratch, double* outcome) const override {
    measure_columns(exec, trial, reducer_, scratch, outcome);
  }

 private:
  Reducer reducer_;
};

}  // namespace detail

/// A rule from a functor `GAUNTLET_HD void operator()(const Team&, const Gram&, double* weights, double* scratch)
/// const` derived from GramFunctor. It writes gram.size weights. One with a memory may also have `static constexpr bool
/// learns = true` and `GAUNTLET_HD void learn(const Team&, const Gram&, const double* weights, SumUpdate* updates,
/// double* scratch) const`, which runs after every round that counts (not when an attacker tries): it changes
/// gram.numbers and says what becomes of the sum in row gram.sum(i, s), at updates[gram.sum(i, s) - gram.n]. With
/// `observes = true` and `Observations observe(const double* numbers, int n) const`, on the host, it reports columns of
/// its own.
template <class Functor>
std::unique_ptr<GramRule> gram_rule(Functor functor) {
  return std::make_unique<detail::GramRuleOf<Functor>>(functor);
}

/// The same for a pre-aggregator, whose functor also has `GAUNTLET_HD int rows_out(int n) const` and writes an n' × n
/// mixing.
template <class Functor>
std::unique_ptr<PreAggregator> pre_aggregator(Functor functor) {
  return std::make_unique<detail::PreAggregatorOf<Functor>>(functor);
}

/// The same for a meta-aggregator: gram.n messages, then the anchor as memory row; it writes n + 1 weights.
template <class Functor>
std::unique_ptr<MetaAggregator> meta_aggregator(Functor functor) {
  return std::make_unique<detail::MetaAggregatorOf<Functor>>(functor);
}

/// A rule from a reducer of columns: see reduce_columns.
template <class Reducer>
std::unique_ptr<ColumnRule> column_rule(Reducer reducer) {
  return std::make_unique<detail::ColumnRuleOf<Reducer>>(reducer);
}

}  // namespace gauntlet
