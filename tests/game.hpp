// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/defense_support.hpp"

namespace gauntlet {

/// A defense that keeps its state over rounds, on one inbox per seed.
class Game {
 public:
  Game(Exec& exec, const std::string& pipeline, int n, int f, int d, const std::vector<std::uint64_t>& seeds = {7})
      : exec_(exec),
        n_(n),
        d_(d),
        cells_(static_cast<int>(seeds.size())),
        messages_(exec, cells_ * n, d),
        outputs_(exec, cells_, d),
        models_(exec, cells_, d),
        table_(exec, constant(messages_.pointers())),
        model_table_(exec, constant(models_.pointers())),
        out_(exec, outputs_.pointers()),
        seeds_(exec, seeds),
        round_(exec, 1),
        defense_(exec, std::make_shared<const Pipeline>(parse_pipeline(pipeline), n, f),
                 {{{cells_, n, d, table_.data()}, n, nullptr},
                  seeds_.data(),
                  round_.data(),
                  out_.data(),
                  "",
                  nullptr,
                  model_table_.data()}) {}

  /// The model of every inbox; zero until then.
  void move_to(const std::vector<float>& model) {
    for (int c = 0; c < cells_; ++c) copy_to(exec_, models_.row(c), model.data(), sizeof(float) * d_);
  }

  /// The outputs of round t, one row per inbox, all inboxes holding the same messages.
  FloatMatrix play(int t, const FloatMatrix& rows) {
    send(t, rows);
    defense_.run();
    FloatMatrix result(static_cast<std::size_t>(cells_), std::vector<float>(static_cast<std::size_t>(d_)));
    for (int c = 0; c < cells_; ++c) copy_from(exec_, result[c].data(), outputs_.row(c), sizeof(float) * d_);
    exec_.synchronize();
    return result;
  }

  /// An attacker's trial with every message doubled and tripled: the squared lengths of the outputs, two per inbox.
  std::vector<double> rehearse(int t, const FloatMatrix& rows) {
    send(t, rows);
    std::vector<double> mixings;
    for (int c = 0; c < cells_; ++c)
      for (int v = 0; v < 2; ++v)
        for (int i = 0; i < n_ * n_; ++i) mixings.push_back(i % n_ == i / n_ ? 2 + v : 0);
    const Array<double> mixing(exec_, mixings), reference(exec_, static_cast<std::size_t>(cells_) * n_);
    Array<double> outcome(exec_, static_cast<std::size_t>(cells_) * 4);
    defense_.rehearse(mixing.data(), 2, reference.data(), -1, outcome.data());
    const std::vector<double> pairs = outcome.download();
    std::vector<double> squares;
    for (std::size_t i = 0; i < pairs.size(); i += 2) squares.push_back(pairs[i]);
    return squares;
  }

 private:
  static std::vector<const float*> constant(const std::vector<float*>& pointers) {
    return {pointers.begin(), pointers.end()};
  }
  void send(int t, const FloatMatrix& rows) {
    for (int c = 0; c < cells_; ++c)
      for (int i = 0; i < n_; ++i) copy_to(exec_, messages_.row(c * n_ + i), rows[i].data(), sizeof(float) * d_);
    round_.upload({t});
  }

  Exec& exec_;
  int n_, d_, cells_;
  RowStore messages_, outputs_, models_;
  Array<const float*> table_, model_table_;
  Array<float*> out_;
  Array<std::uint64_t> seeds_;
  Array<int> round_;
  Defense defense_;
};

inline reference::Matrix wide(const FloatMatrix& rows) {
  reference::Matrix result;
  for (const auto& row : rows) result.emplace_back(row.begin(), row.end());
  return result;
}

}  // namespace gauntlet
