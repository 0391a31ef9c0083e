// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/attacks/engine/candidates.cuh"
#include "kernels/attacks/shared/direction.cuh"

/// What the optimal attacks share: the strength that carries the cell's own defense farthest from the honest mean.
namespace gauntlet {

inline std::vector<ParameterSpec> search_parameters(const std::string& strength, const std::string& maximum,
                                                    const std::string& unit) {
  return {
      count("candidates", "32", "values of " + strength + " on the coarse grid; half as many on the fine one", 4, 1024),
      number("maximum", maximum, "largest " + strength + " tried" + unit, 0)};
}

inline SearchSpec search_spec(const Arguments& a) {
  SearchSpec spec;
  spec.candidates = a.count("candidates");
  spec.finer = spec.candidates / 2;
  spec.maximum = a.number("maximum");
  return spec;
}

namespace detail {

/// The strength at which a move along the row is as long as the honest deviation; 1 where either is zero.
struct EqualLength {
  const double* deviation;  ///< [cells]: squared norms
  const double* row;
  double* unit;

  GAUNTLET_HD void operator()(std::int64_t c) const {
    unit[c] = deviation[c] > 0 && row[c] > 0 ? sqrt(deviation[c] / row[c]) : 1;
  }
};

}  // namespace detail

/// An attack b = family(t) with t searched. `Family` says how many extra rows it has (0 or 1) and, with one, the
/// direction that fills it.
template <class Family>
class OptimalAttack final : public Attack {
 public:
  OptimalAttack(std::string name, Family family, int rows, Direction direction, SearchSpec spec)
      : name_(std::move(name)), family_(family), rows_(rows), direction_(direction), spec_(spec) {}
  int extra_rows() const override { return rows_; }
  bool knows_defense() const override { return true; }
  std::unique_ptr<BoundAttack> bind(Exec& exec, const AttackView& view, Rehearsal* rehearsal) const override {
    return std::make_unique<Bound>(exec, view, required(rehearsal, name_, ""), *this);
  }

 private:
  struct Bound final : BoundAttack {
    Bound(Exec& exec_, const AttackView& view_, Rehearsal& rehearsal, const OptimalAttack& attack)
        : exec(exec_),
          view(view_),
          family(attack.family_),
          rows(attack.rows_),
          direction(attack.direction_),
          search(exec, view, rehearsal, attack.spec_) {
      // The honest deviation is its own measure of length.
      if (rows == 0 || direction == Direction::std) return;
      const auto cells = static_cast<std::size_t>(view.cells);
      scratch = Array<double>(exec, gram_scratch(exec, extra()));
      for (auto* array : {&deviation_squares, &row_squares, &unit}) *array = Array<double>(exec, cells);
    }

    Rows extra() const { return {view.cells, 1, view.d, view.extra}; }

    void act() override {
      if (unit.size() != 0) {
        parallel_spans(exec, "deviation", view.cells, view.d, WriteDirection{view, Direction::std});
        gram(exec, extra(), GramPart::norms, scratch.data(), deviation_squares.data());
      }
      if (rows != 0) parallel_spans(exec, "direction", view.cells, view.d, WriteDirection{view, direction});
      if (unit.size() != 0) {
        gram(exec, extra(), GramPart::norms, scratch.data(), row_squares.data());
        parallel_for(exec, "unit", view.cells,
                     detail::EqualLength{deviation_squares.data(), row_squares.data(), unit.data()});
      }
      search.run(family, unit.data());
      write_messages(exec, view, family, search.chosen());
    }

    Exec& exec;
    AttackView view;
    Family family;
    int rows;
    Direction direction;
    StrengthSearch search;
    Array<double> scratch, deviation_squares, row_squares, unit;
  };

  std::string name_;
  Family family_;
  int rows_;
  Direction direction_;
  SearchSpec spec_;
};

}  // namespace gauntlet
