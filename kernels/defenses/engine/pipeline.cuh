// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kernels/defenses/defense.cuh"
#include "kernels/exec/array.cuh"
#include "kernels/passes/passes.cuh"

namespace gauntlet {

/// A defense as its stages: `arc | nnm | trimmed-mean`, `median | ctma`. Immutable; many bindings may share one.
class Pipeline {
 public:
  /// For n messages and f declared Byzantine. \throws UserError for unknown names, bad parameters, a wrong order of
  /// stages, or an (n, f) that a stage cannot take.
  Pipeline(const std::vector<ComponentText>& stages, int n, int f);

  int n() const { return n_; }
  int f() const { return f_; }
  const std::vector<std::unique_ptr<Stage>>& stages() const { return stages_; }
  /// Whether it ends in one vector; a pipeline of pre-aggregators alone gives rows_out() messages.
  bool has_rule() const { return has_rule_; }
  int rows_out() const { return rows_out_; }
  /// How many samples the server holds to compute a message that the rule trusts; 0: the rule takes none.
  int trusted_batch() const { return trusted_batch_; }
  /// Whether a stage weighs the messages as gossip on a graph does.
  bool needs_neighborhood() const;
  /// Whether what a run leaves behind changes later runs.
  bool remembers() const;
  /// Whether that is of every worker by itself, so that inboxes must hold the same workers in every round.
  bool remembers_workers() const;
  /// Whether n − f equal messages come back whatever the others are, n > 2f.
  bool keeps_majority() const { return keeps_majority_ && has_rule_; }
  /// Whether its rule looks at the model that a server would move.
  bool follows_model() const;
  /// The same stages for inboxes of another size. \throws UserError as the constructor.
  std::shared_ptr<const Pipeline> for_inbox(int n, int f) const {
    return std::make_shared<const Pipeline>(texts_, n, f);
  }
  const std::vector<ComponentText>& texts() const { return texts_; }
  /// Padded vectors of d numbers that its stages keep per inbox.
  int memory_rows(std::int64_t d) const;
  /// \throws UserError when the rule takes a trusted message and none is given.
  void check_trusted(bool given) const;

 private:
  std::vector<ComponentText> texts_;
  std::string text_;
  int n_, f_, rows_out_ = 0, trusted_batch_ = 0;
  bool has_rule_ = false, keeps_majority_ = true;
  std::vector<std::unique_ptr<Stage>> stages_;
};

/// The condition on (n, f) that some stage of the pipeline does not find met (`krum needs n > 2f + 2`), or empty.
std::string unmet_need(const std::vector<ComponentText>& stages, int n, int f);

/// The robustness coefficient of the pipeline, composed of what its stages declare. Empty where a stage declares none,
/// has parameters other than its defaults, or cannot take (n, f). \throws UserError for unknown names and parameters.
std::optional<double> kappa_of(const std::vector<ComponentText>& stages, int n, int f);

/// A pipeline bound to `count` inboxes, with its scratch and its state. Costs per run: at most one Gram pass, one
/// combine or column pass and, for a meta-aggregator after a column rule, one dot pass and one combine.
class Defense {
 public:
  struct Job {
    Inboxes inboxes;                       ///< the tables must outlive the binding; their contents may change
    const std::uint64_t* seeds = nullptr;  ///< [count]
    const int* round = nullptr;
    float* const* out = nullptr;  ///< [count] padded rows of d numbers; [count][rows_out] without a rule
    std::string label = {};       ///< names the defense in the timing breakdown
    /// [count] padded rows: the messages that the server trusts, for a rule that takes one. The binding copies the
    /// pointers; what the rows hold may change.
    const float* const* trusted = nullptr;
    /// [count] padded rows of the parameters that the outputs will move, for rules that look where they lead. Null
    /// where there are none: to such a rule the model seems to stand still.
    const float* const* models = nullptr;
    /// [count][n], 0 for a message that is absent: never sent, or its sender banned. Of f declared Byzantine at most f
    /// are, and count as such: the stages see fewer messages, and f less as many. Null: nobody is.
    const std::uint8_t* present = nullptr;
    /// Of [count]; null tables: none of the inboxes lies on a graph.
    Neighborhoods neighborhoods = {};
    /// With inboxes.size in its place: [count][n], whose message is which; null: message i is worker i's.
    const int* workers = nullptr;
  };
  /// \throws UserError when the rule takes a trusted message and there is none.
  Defense(Exec& exec, std::shared_ptr<const Pipeline> pipeline, const Job& job);
  ~Defense();

  /// Steps 5 of a round: writes the outputs. With `rehearsal` it leaves all state as it was, and keeps the Gram matrix
  /// for the run() of the same round.
  void run(bool rehearsal = false);

  /// For an attacker who knows the defense: tries `variants` mixings of each inbox, [count][variants][n][m], on the
  /// same base rows and reports for each the squared distance of the defense's output from Σ reference[c][p] x_p, and
  /// with `direction` ≥ 0 the inner product of (output − that sum) with base row `direction`, as [count][variants][2].
  /// `pull`, unless null, is [count][variants]: what of that inner product base row `direction` itself brings, its
  /// weight in the output times its square. Where the output is no weighting that is the whole product, or 0 if the
  /// rule looks at no message that the row is mixed into or makes of it what it makes of variant 0, which should try
  /// the opposite. Leaves all state as it was. The Gram matrix is kept for the run() of the same round. Pipelines of
  /// Gram stages never touch d here; others run once per variant.
  void rehearse(const double* mixings, int variants, const double* reference, int direction, double* outcome,
                double* pull = nullptr);

  /// Writes the weights of the base rows in each output of the last run, [count][m]; infinite for a row that enters in
  /// another way. Only for inboxes with a mixing.
  void base_weights(double* weights);

  /// The share of messages [honest, n) in the weights of the last output, by absolute value, per inbox: NaN when the
  /// rule is not a weighting. Waits for the result.
  std::vector<double> weight_share(int honest) const;

  /// What the rule measured, by column; empty behind a pre-aggregator, whose rows are no longer the workers'. Waits for
  /// the result.
  Observations observe() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace gauntlet
