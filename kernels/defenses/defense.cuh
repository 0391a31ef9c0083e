// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "kernels/exec/launch.cuh"
#include "kernels/exec/philox.cuh"
#include "kernels/passes/column_measure.cuh"
#include "kernels/registry/registry.hpp"

/// The contract of everything in this folder. A defense is a pipeline of stages: pre-aggregators, one rule,
/// meta-aggregators. A stage is a small pure function in Gram space or in column space; pipeline.cuh owns the passes
/// that touch d. A rule's file makes its stage with gram_rule(...), column_rule(...), pre_aggregator(...),
/// meta_aggregator(...), or, when it fits neither space, with a class of its own derived from CustomStage.
namespace gauntlet {

/// What a stage must know of the inbox before it can work.
enum class Reads { nothing, norms, gram };

/// What the one memory row of a Gram rule holds, if it has one.
enum class MemoryRow {
  none,
  last_output,  ///< of the rule itself; zero before the first
  trusted,      ///< the message that the server computes from samples of its own; pre-aggregators leave it as it is
};

/// The inner products of one inbox: messages 0 … n−1, then the stage's memory rows. This is all a Gram stage sees.
struct Gram {
  int n = 0;                         ///< messages
  int f = 0;                         ///< declared Byzantine among them
  int size = 0;                      ///< n + memory rows
  const double* products = nullptr;  ///< size × size; with Reads::norms only the diagonal
  std::uint64_t seed = 0;            ///< of the cell, for stages that draw at random
  std::uint32_t round = 0;

  GAUNTLET_HD double operator()(int i, int j) const { return products[std::int64_t{i} * size + j]; }

  /// ‖x_i‖, +∞ for a row with NaN or infinity.
  GAUNTLET_HD double norm(int i) const {
    const double square = (*this)(i, i);
    return square >= 0 && square < INFINITY ? sqrt(square) : INFINITY;
  }

  /// ‖x_i − x_j‖², +∞ as soon as one of them is not finite; a non-finite row is infinitely far even from itself.
  GAUNTLET_HD double distance2(int i, int j) const {
    const double square = (*this)(i, i) + (*this)(j, j) - 2 * (*this)(i, j);
    if (i == j) return square == 0 ? 0 : INFINITY;
    return square < INFINITY ? (square > 0 ? square : 0) : INFINITY;
  }
};

/// Many Gram problems of one shape, and where a stage may write: what the adapters hand to a stage's functor.
struct GramBatch {
  int count = 0, n = 0, f = 0, size = 0;
  int variants = 1;                      ///< problems per cell, for the seeds
  const double* products = nullptr;      ///< [count][size][size]
  const std::uint64_t* seeds = nullptr;  ///< [count / variants]
  const int* round = nullptr;
  double* scratch = nullptr;  ///< [count][the stage's scratch]

  GAUNTLET_HD Gram gram(int c) const {
    const double* own = products == nullptr ? nullptr : products + std::int64_t{c} * size * size;
    return {n, f, size, own, seeds[c / variants], static_cast<std::uint32_t>(*round)};
  }
};

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
  /// Writes `size` weights per inbox: over the messages, then over the memory rows.
  virtual void solve(Exec& exec, const GramBatch& batch, double* weights) const = 0;
  virtual MemoryRow memory_row() const { return MemoryRow::none; }
  /// With MemoryRow::trusted: how many samples the server holds.
  virtual int trusted_batch() const { return 0; }
};

/// A rule that works on each coordinate's n values by itself. Most messages: column_limit.
class ColumnRule : public Stage {
 public:
  const ColumnRule* as_column_rule() const override { return this; }
  virtual void reduce(Exec& exec, const Inboxes& inboxes, float* const* out) const = 0;
  /// Measures the rule's output on many variants of each inbox: see measure_columns.
  virtual void measure(Exec& exec, const ColumnTrial& trial, double* scratch, double* outcome) const = 0;
};

/// Maps n messages to n' messages, each a linear combination of them.
class PreAggregator : public Stage {
 public:
  StageRole role() const override { return StageRole::pre_aggregator; }
  const PreAggregator* as_pre_aggregator() const override { return this; }
  virtual int rows_out(int n) const { return n; }
  /// Writes the n' × n mixing of each inbox.
  virtual void mix(Exec& exec, const GramBatch& batch, double* mixing) const = 0;
};

/// Refines a rule's output a against the raw messages. In its Gram problem the one memory row, index n, is a.
class MetaAggregator : public Stage {
 public:
  StageRole role() const override { return StageRole::meta_aggregator; }
  Reads reads() const override { return Reads::gram; }
  const MetaAggregator* as_meta_aggregator() const override { return this; }
  /// Writes n + 1 weights per inbox: over the messages, then over a.
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
    int f = 0;
    const std::uint64_t* seeds = nullptr;  ///< [count]
    const int* round = nullptr;
    float* const* out = nullptr;           ///< [count] padded rows
    const float* const* models = nullptr;  ///< as Defense::Job::models
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
  MemoryRow memory_row() const { return MemoryRow::none; }
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
void solve(Exec& exec, const GramBatch& batch, const Functor& functor, double* out, std::int64_t out_stride) {
  for_teams(exec, "solve", batch.count, batch.n,
            SolveKernel<Functor>{batch, functor, out, out_stride, static_cast<std::int64_t>(functor.scratch(batch.n))});
}

template <class Functor, class Base>
class GramStage : public Base {
 public:
  explicit GramStage(Functor functor) : functor_(functor) {}
  Reads reads() const override { return Functor::reads; }
  std::size_t scratch(int n) const override { return functor_.scratch(n); }

 protected:
  Functor functor_;
};

template <class Functor>
class GramRuleOf final : public GramStage<Functor, GramRule> {
 public:
  using GramStage<Functor, GramRule>::GramStage;
  MemoryRow memory_row() const override { return this->functor_.memory_row(); }
  int trusted_batch() const override { return this->functor_.trusted_batch(); }
  void solve(Exec& exec, const GramBatch& batch, double* weights) const override {
    detail::solve(exec, batch, this->functor_, weights, batch.size);
  }
};

template <class Functor>
class PreAggregatorOf final : public GramStage<Functor, PreAggregator> {
 public:
  using GramStage<Functor, PreAggregator>::GramStage;
  int rows_out(int n) const override { return this->functor_.rows_out(n); }
  void mix(Exec& exec, const GramBatch& batch, double* mixing) const override {
    detail::solve(exec, batch, this->functor_, mixing, std::int64_t{rows_out(batch.n)} * batch.n);
  }
};

template <class Functor>
class MetaAggregatorOf final : public GramStage<Functor, MetaAggregator> {
 public:
  using GramStage<Functor, MetaAggregator>::GramStage;
  void refine(Exec& exec, const GramBatch& batch, double* weights) const override {
    detail::solve(exec, batch, this->functor_, weights, batch.n + 1);
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
/// const` derived from GramFunctor. It writes gram.size weights.
template <class Functor>
std::unique_ptr<GramRule> gram_rule(Functor functor) {
  return std::make_unique<detail::GramRuleOf<Functor>>(functor);
}

/// The same for a pre-aggregator, whose functor also has `int rows_out(int n) const` and writes an n' × n mixing.
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
