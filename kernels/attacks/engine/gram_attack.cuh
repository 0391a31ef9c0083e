// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/attacks/shared/honest.cuh"

/// Attacks whose messages follow from the inner products of the base rows.
namespace gauntlet {

/// One cell's base rows as its Gram matrix shows them.
struct BaseGram {
  const double* products;  ///< m × m
  int m, honest;

  GAUNTLET_HD double operator()(int p, int q) const { return products[std::int64_t{p} * m + q]; }
  GAUNTLET_HD double norm(int p) const { return sqrt((*this)(p, p)); }
  GAUNTLET_HD double distance2(int p, int q) const {
    const double square = (*this)(p, p) + (*this)(q, q) - 2 * (*this)(p, q);
    return square > 0 ? square : 0;
  }
  /// Over the honest messages j: Σ_j ‖x_i − x_j‖² and max_j ‖x_i − x_j‖².
  GAUNTLET_HD double total_distance2(int i) const {
    double total = 0;
    for (int j = 0; j < honest; ++j) total += distance2(i, j);
    return total;
  }
  GAUNTLET_HD double greatest_distance2(int i) const {
    double most = 0;
    for (int j = 0; j < honest; ++j) most = distance2(i, j) > most ? distance2(i, j) : most;
    return most;
  }
};

namespace detail {

template <class Functor>
struct SolveMessage {
  AttackView view;
  Functor functor;
  const double* products;
  double* weights;  ///< [cells][messages][m]
  double* scratch;
  std::int64_t scratch_size;

  GAUNTLET_HD void operator()(const Team& team, int c) const {
    const BaseGram gram{products + std::int64_t{c} * view.m * view.m, view.m, view.honest};
    const int size = (Functor::alike ? 1 : view.f) * view.m;
    double* w = weights + std::int64_t{c} * size;
    functor(team, view, gram, w, scratch + c * scratch_size);
    team.sync();
    double* mixing = view.mixing[c] + std::int64_t{view.honest} * view.m;
    team.each(view.f * view.m, [=](int i) { mixing[i] = w[i % size]; });
  }
};

template <class Functor>
class GramAttack final : public Attack {
 public:
  explicit GramAttack(Functor functor) : functor_(functor) {}
  int extra_rows() const override { return Functor::extra_rows; }
  std::unique_ptr<BoundAttack> bind(Exec& exec, const AttackView& view, Rehearsal*) const override {
    return std::make_unique<Bound>(exec, view, functor_);
  }

 private:
  struct Bound final : BoundAttack {
    Bound(Exec& exec_, const AttackView& view_, Functor functor_)
        : exec(exec_),
          view(view_),
          functor(functor_),
          parts(exec, gram_scratch(exec, view.base())),
          products(exec, static_cast<std::size_t>(view.cells) * view.m * view.m),
          weights(exec, static_cast<std::size_t>(view.cells) * (Functor::alike ? 1 : view.f) * view.m),
          scratch(exec, static_cast<std::size_t>(view.cells) * functor.scratch(view.honest)) {}

    void act() override {
      if constexpr (Functor::extra_rows > 0)
        parallel_spans(exec, "attack rows", view.cells, view.d, WriteExtra<Functor>{view, functor});
      gram(exec, view.base(), GramPart::full, parts.data(), products.data());
      for_teams(exec, "attack message", view.cells, view.honest,
                SolveMessage<Functor>{view, functor, products.data(), weights.data(), scratch.data(),
                                      static_cast<std::int64_t>(functor.scratch(view.honest))});
    }

    Exec& exec;
    AttackView view;
    Functor functor;
    Array<double> parts, products, weights, scratch;
  };
  Functor functor_;
};

}  // namespace detail

/// What the functors below may leave out; extra rows are filled as an AttackFunctor's are.
struct GramMessage {
  static constexpr int extra_rows = 0;
  static constexpr bool alike = true;  ///< all Byzantine workers send one message
  std::size_t scratch(int honest) const { return (void)honest, 0; }
};

/// An attack from a functor derived from GramMessage with `GAUNTLET_HD void operator()(const Team&, const AttackView&,
/// const BaseGram&, double* weights, double* scratch) const`, which writes the message's m weights on the base rows,
/// or, unless it is `alike`, those of f messages. One Gram pass a round.
template <class Functor>
std::unique_ptr<Attack> gram_attack(Functor functor) {
  return std::make_unique<detail::GramAttack<Functor>>(functor);
}

}  // namespace gauntlet
