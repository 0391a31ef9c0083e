// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kernels/attacks/attack.cuh"
#include "kernels/defenses/engine/pipeline.cuh"
#include "kernels/protocols/messages.cuh"
#include "src/plan/plan.hpp"

namespace gauntlet {

/// Where a cohort keeps what attacks and defenses work on; host copies of back-end pointers.
struct Messages {
  int n = 0, f = 0;
  bool own = false;  ///< the Byzantine workers compute messages, too
  std::int64_t d = 0;
  std::vector<std::vector<float*>> computed;  ///< per cell: the rows of the workers that compute, honest ones first
  std::vector<float*> trusted;                ///< per cell: the server's own message; empty where it computes none
  std::vector<float*> aggregates;             ///< per cell
  std::vector<float*> models;                 ///< per cell: the parameters that the optimizer moves
  const int* round = nullptr;
};

/// The adversarial half of a cohort's round: cells are grouped by attack for step 4 and by defense for step 5, and each
/// group works on all its cells at once.
class Matrix {
 public:
  Matrix(Exec& exec, const std::vector<Cell>& cells, const Messages& messages);
  ~Matrix();

  void attack();
  void defend();
  /// Per cell: the Byzantine share of the last aggregate's weights, NaN where the rule is no weighting.
  std::vector<double> byzantine_shares() const;
  /// Per cell: what its rule measured.
  std::vector<Observations> observe() const;

 private:
  struct DefenseGroup;
  struct AttackGroup;

  Exec& exec_;
  int cells_, honest_;
  RowStore extra_;
  std::vector<std::unique_ptr<DefenseGroup>> defenses_;
  std::vector<std::unique_ptr<AttackGroup>> attacks_;
};

}  // namespace gauntlet
