// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kernels/defenses/aggregate.cuh"
#include "kernels/defenses/engine/pipeline.cuh"
#include "kernels/protocols/messages.cuh"
#include "tests/backends.hpp"
#include "tests/inboxes.hpp"
#include "tests/support.hpp"

/// The one way in which the tests give messages to attacks and defenses: `aggregate` and attack_rows once, Game and
/// Trial round after round.
namespace gauntlet {

/// An attack, and the defense that it works against.
using Trial = AttackTrial;

/// Whether the pipeline works for n messages of which f are Byzantine.
inline bool accepts(const std::string& pipeline, int n, int f) {
  return unmet_need(parse_pipeline(pipeline), n, f).empty();
}

/// A stage with what makes a whole defense of it; its traits are those of this pipeline.
inline std::string whole_pipeline(const Component& stage) {
  return stage.role == "pre-aggregator"    ? stage.name + " | mean"
         : stage.role == "meta-aggregator" ? "median | " + stage.name
                                           : stage.name;
}

/// The names of all stages of that role.
inline std::vector<std::string> names_of(const std::string& role) {
  std::vector<std::string> result;
  for (const auto& entry : Registry<Stage>::all())
    if (entry.role == role) result.push_back(entry.name);
  return result;
}

/// The rows that a pipeline gives for these messages; `trusted` is empty or the server's own message.
inline FloatMatrix aggregate(Exec& exec, const std::string& pipeline, const FloatMatrix& rows, int f,
                             std::vector<float> trusted = {}) {
  const std::size_t d = rows[0].size();
  if (trusted.empty()) trusted = trusted_message(rows, f);
  const auto out = aggregate_rows(exec, pipeline, f, static_cast<int>(rows.size()), static_cast<std::int64_t>(d),
                                  flat(rows).data(), trusted.data());
  FloatMatrix result;
  for (std::size_t first = 0; first < out.size(); first += d)
    result.emplace_back(out.begin() + static_cast<std::ptrdiff_t>(first),
                        out.begin() + static_cast<std::ptrdiff_t>(first + d));
  return result;
}

/// A defense that keeps its state over rounds, on one inbox per seed.
class Game {
 public:
  Game(Exec& exec, const std::string& pipeline, int n, int f, int d, const std::vector<std::uint64_t>& seeds = {7})
      : exec_(exec),
        n_(n),
        f_(f),
        d_(d),
        cells_(static_cast<int>(seeds.size())),
        messages_(exec, cells_ * n, d),
        outputs_(exec, cells_, d),
        models_(exec, cells_, d),
        trusted_(exec, cells_, d),
        table_(exec, constant(messages_.pointers())),
        model_table_(exec, constant(models_.pointers())),
        out_(exec, outputs_.pointers()),
        trusted_rows_(exec, trusted_.pointers()),
        seeds_(exec, seeds),
        round_(exec, 1) {
    Defense::Job job;
    job.inboxes = {{cells_, n, d, table_.data()}, n, nullptr};
    job.seeds = seeds_.data();
    job.round = round_.data();
    job.out = out_.data();
    job.trusted = trusted_rows_.data();
    job.models = model_table_.data();
    defense_ = std::make_unique<Defense>(exec, std::make_shared<const Pipeline>(parse_pipeline(pipeline), n, f), job);
  }

  /// The model of every inbox; zero until then.
  void move_to(const std::vector<float>& model) {
    for (int c = 0; c < cells_; ++c) copy_to(exec_, models_.row(c), model.data(), sizeof(float) * d_);
  }

  /// The outputs of round t, one row per inbox.
  FloatMatrix play(int t, const std::vector<FloatMatrix>& inboxes) {
    send(t, inboxes);
    defense_->run();
    FloatMatrix result(static_cast<std::size_t>(cells_), std::vector<float>(static_cast<std::size_t>(d_)));
    for (int c = 0; c < cells_; ++c) copy_from(exec_, result[c].data(), outputs_.row(c), sizeof(float) * d_);
    exec_.synchronize();
    return result;
  }
  /// The same where all inboxes hold the same messages.
  FloatMatrix play(int t, const FloatMatrix& rows) { return play(t, everywhere(rows)); }

  /// What an attacker does before round t: tries every message doubled and tripled. The squared lengths of the outputs,
  /// two per inbox.
  std::vector<double> rehearse(int t, const FloatMatrix& rows) {
    send(t, everywhere(rows));
    std::vector<double> mixings;
    for (int c = 0; c < cells_; ++c)
      for (int v = 0; v < 2; ++v)
        for (int i = 0; i < n_ * n_; ++i) mixings.push_back(i % n_ == i / n_ ? 2 + v : 0);
    const Array<double> mixing(exec_, mixings), reference(exec_, static_cast<std::size_t>(cells_) * n_);
    Array<double> outcome(exec_, static_cast<std::size_t>(cells_) * 4);
    defense_->rehearse(mixing.data(), 2, reference.data(), -1, outcome.data());
    const std::vector<double> pairs = outcome.download();
    std::vector<double> squares;
    for (std::size_t i = 0; i < pairs.size(); i += 2) squares.push_back(pairs[i]);
    return squares;
  }

  /// What the defense holds of the workers before round t.
  WorkerEstimates estimates(int t) {
    round_.upload({t});
    return defense_->worker_estimates();
  }

 private:
  static std::vector<const float*> constant(const std::vector<float*>& pointers) {
    return {pointers.begin(), pointers.end()};
  }
  std::vector<FloatMatrix> everywhere(const FloatMatrix& rows) const {
    return std::vector<FloatMatrix>(static_cast<std::size_t>(cells_), rows);
  }
  void send(int t, const std::vector<FloatMatrix>& inboxes) {
    for (int c = 0; c < cells_; ++c) {
      for (int i = 0; i < n_; ++i) copy_to(exec_, messages_.row(c * n_ + i), inboxes[c][i].data(), sizeof(float) * d_);
      copy_to(exec_, trusted_.row(c), trusted_message(inboxes[c], f_).data(), sizeof(float) * d_);
    }
    round_.upload({t});
  }

  Exec& exec_;
  int n_, f_, d_, cells_;
  RowStore messages_, outputs_, models_, trusted_;
  Array<const float*> table_, model_table_;
  Array<float*> out_, trusted_rows_;
  Array<std::uint64_t> seeds_;
  Array<int> round_;
  std::unique_ptr<Defense> defense_;
};

}  // namespace gauntlet
