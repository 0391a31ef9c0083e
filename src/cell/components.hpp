// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <map>
#include <memory>
#include <string>
#include <tuple>

#include "kernels/attacks/attack.cuh"
#include "kernels/defenses/engine/pipeline.cuh"
#include "kernels/estimators/estimator.cuh"
#include "kernels/models/model.cuh"
#include "kernels/optimizers/optimizer.cuh"
#include "kernels/protocols/adversary.cuh"
#include "src/cell/catalogue.hpp"
#include "src/cell/cell.hpp"

namespace gauntlet {

/// What a cell is made of, made for its n and f. Immutable: cells with the same texts and numbers share it, in all
/// threads.
struct Components {
  std::shared_ptr<const ModelFamily> family;  ///< null where the model is `auto`: the task's data decides
  std::shared_ptr<const Estimator> estimator;
  std::shared_ptr<const Optimizer> optimizer;
  std::shared_ptr<const Schedule> schedule;
  std::shared_ptr<const Protocol> protocol;
  std::shared_ptr<const Attack> attack;  ///< null where no worker is Byzantine
  std::shared_ptr<const Pipeline> defense;

  /// Whether the Byzantine workers must compute messages of their own.
  bool computes_own() const { return gauntlet::computes_own(attack.get()); }
};

/// Makes components, each text once for the numbers that it is told: a matrix has many cells and few of those.
class ComponentMaker {
 public:
  struct Made {
    std::string unmet;                    ///< what it needs of n and f, as unmet_need says it, or empty
    std::shared_ptr<const void> product;  ///< as make_component gives it; null with `unmet`, and for the model `auto`
  };
  /// \throws UserError for a parameter's value.
  const Made& made(Kind kind, const std::string& text, int n, int f);
  /// The cell's component of that kind: a defense is made for the protocol's largest inbox and the f that it is told
  /// there, if all its inboxes suit it; all else for the n workers and the real f.
  const Made& made(Kind kind, const Cell& cell);

  /// All of a cell's components. \throws UserError where one of them does not work with the cell's n and f.
  std::shared_ptr<const Components> parts(const Cell& cell);

 private:
  std::map<std::tuple<Kind, std::string, int, int>, Made> made_;
  std::map<std::array<const void*, 7>, std::shared_ptr<const Components>> parts_;  // by the components
};

/// A cell that no plan made, with its `parts`. \throws UserError as ComponentMaker::parts.
Cell with_parts(Cell cell);

}  // namespace gauntlet
