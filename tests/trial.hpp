// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kernels/protocols/trial.cuh"
#include "tests/backends.hpp"
#include "tests/inboxes.hpp"
#include "tests/support.hpp"

/// The one way in which the tests give messages to attacks and defenses: `aggregate` and attack_rows once, Game and
/// Trial round after round.
namespace gauntlet {

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
  return rows_of(out, static_cast<int>(d));
}

/// A defense that keeps its state over rounds, on one inbox per seed.
class Game {
 public:
  Game(Exec& exec, const std::string& pipeline, int n, int f, int d, const std::vector<std::uint64_t>& seeds = {7})
      : exec_(exec), n_(n), f_(f), d_(d), inboxes_(seeds.size()), trial_(exec, "", pipeline, n, f, d, seeds, true) {}

  /// The model of every inbox; zero until then.
  void move_to(const std::vector<float>& model) { trial_.move_to(model.data()); }

  /// The outputs of round t, one row per inbox.
  FloatMatrix play(int t, const std::vector<FloatMatrix>& inboxes) {
    return rows_of(trial_.play(t, stacked(inboxes).data(), trusted(inboxes).data()), d_);
  }
  /// The same where all inboxes hold the same messages.
  FloatMatrix play(int t, const FloatMatrix& rows) { return play(t, everywhere(rows)); }

  /// What an attacker does before round t: tries every message doubled and tripled. The squared lengths of the outputs,
  /// two per inbox.
  std::vector<double> rehearse(int t, const FloatMatrix& rows) {
    trial_.show(t, stacked(everywhere(rows)).data(), trusted(everywhere(rows)).data());
    std::vector<double> mixings;
    for (std::size_t c = 0; c < inboxes_; ++c)
      for (int v = 0; v < 2; ++v)
        for (int i = 0; i < n_ * n_; ++i) mixings.push_back(i % n_ == i / n_ ? 2 + v : 0);
    const Array<double> mixing(exec_, mixings), reference(exec_, inboxes_ * n_);
    Array<double> outcome(exec_, inboxes_ * 4);
    trial_.rehearsal().rehearse(mixing.data(), 2, reference.data(), -1, outcome.data(), nullptr);
    const std::vector<double> pairs = outcome.download();
    std::vector<double> squares;
    for (std::size_t i = 0; i < pairs.size(); i += 2) squares.push_back(pairs[i]);
    return squares;
  }

  /// What the defense has measured of the first inbox before round t.
  Observations observe(int t) { return trial_.observe(t).front(); }

 private:
  std::vector<FloatMatrix> everywhere(const FloatMatrix& rows) const {
    return std::vector<FloatMatrix>(inboxes_, rows);
  }
  std::vector<float> stacked(const std::vector<FloatMatrix>& inboxes) const {
    std::vector<float> values;
    for (const FloatMatrix& rows : inboxes)
      for (const auto& row : rows) values.insert(values.end(), row.begin(), row.end());
    return values;
  }
  std::vector<float> trusted(const std::vector<FloatMatrix>& inboxes) const {
    FloatMatrix own;
    for (const FloatMatrix& rows : inboxes) own.push_back(trusted_message(rows, f_));
    return flat(own);
  }

  Exec& exec_;
  int n_, f_, d_;
  std::size_t inboxes_;
  Trial trial_;
};

}  // namespace gauntlet
