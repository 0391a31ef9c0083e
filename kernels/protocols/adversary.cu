// SPDX-License-Identifier: Apache-2.0
#include "kernels/protocols/adversary.cuh"

#include <tuple>

namespace gauntlet {

/// Cells that one attack attacks at once.
struct Adversary::Group {
  std::string label;
  std::shared_ptr<const Attack> attack;
  Array<const float*> rows;         ///< [cells][m]
  Array<float*> extra;              ///< [cells][extra rows]
  Array<double*> mixing;            ///< [cells]
  Array<const float*> last_output;  ///< [cells]
  Array<std::uint64_t> seeds;       ///< [cells]
  AttackView view;
  int views = 1;
  std::unique_ptr<BoundAttack> bound;
};

namespace {

/// Cells in which all of this is equal are attacked together: the attack, the declared f, the defense that it tries.
using GroupKey = std::tuple<const Attack*, int, const Pipeline*>;

/// What goes to the first receiver goes to all.
struct Broadcast {
  AttackView view;
  int views;

  GAUNTLET_HD void operator()(std::int64_t index) const {
    const std::int64_t per_view = std::int64_t{view.f} * view.m, per_cell = per_view * (views - 1);
    const std::int64_t c = index / per_cell, v = index % per_cell / per_view + 1;
    const std::int64_t from = std::int64_t{view.honest} * view.m + index % per_view;
    view.mixing[c][v * view.n * view.m + from] = view.mixing[c][from];
  }
};

int declared_of(const Match& match, int f) { return match.defense ? match.defense->f() : f; }

}  // namespace

Adversary::Adversary(Exec& exec, const Wiring& wiring, Aggregators& aggregators) : exec_(exec) {
  if (wiring.f == 0) return;
  const std::size_t count = wiring.cells.size();
  std::vector<GroupKey> keys;
  for (const Match& match : wiring.cells)
    keys.emplace_back(match.attack.get(), declared_of(match, wiring.f),
                      match.attack->knows_defense() ? match.defense.get() : nullptr);

  for (const std::vector<int>& cells : groups_of(keys)) {
    auto group = std::make_unique<Group>();
    const auto first = static_cast<std::size_t>(cells.front());
    const Match& match = wiring.cells[first];
    group->label = match.attack_label;
    group->attack = match.attack;
    group->views = wiring.views;
    group->rows = {exec, gather_table<const float*>(cells, [&](std::size_t c) { return aggregators.inbox(c).base; })};
    group->extra = {exec, gather_table<float*>(cells, [&](std::size_t c) { return aggregators.inbox(c).extra; })};
    group->mixing = {exec, gather_table<double*>(cells, [&](std::size_t c) {
                       return std::vector<double*>{aggregators.inbox(c).mixing};
                     })};
    group->last_output = {exec, gather_table<const float*>(cells, [&](std::size_t c) {
                            return std::vector<const float*>{part_of(wiring.aggregates, c, count).front()};
                          })};
    group->seeds = {exec, gather_table<std::uint64_t>(
                              cells, [&](std::size_t c) { return std::vector<std::uint64_t>{wiring.cells[c].seed}; })};
    AttackView& view = group->view;
    view.cells = static_cast<int>(cells.size());
    view.n = wiring.n, view.f = wiring.f, view.honest = wiring.honest();
    view.declared = declared_of(match, wiring.f);
    view.own = wiring.own;
    view.m = static_cast<int>(aggregators.inbox(first).base.size());
    view.d = wiring.d;
    view.rows = group->rows.data();
    view.extra = group->extra.data();
    view.mixing = group->mixing.data();
    view.last_output = group->last_output.data();
    view.seeds = group->seeds.data();
    view.round = wiring.round;
    group->bound =
        group->attack->bind(exec, view, group->attack->knows_defense() ? aggregators.rehearsal(cells) : nullptr);
    groups_.push_back(std::move(group));
  }
}

Adversary::~Adversary() = default;

void Adversary::act() {
  for (const auto& group : groups_) {
    const Phase phase(exec_.timer(), "attack", group->label);
    group->bound->act();
    keep_window(exec_, group->view, group->attack->window);
    if (group->views > 1)
      parallel_for(exec_, "broadcast",
                   std::int64_t{group->view.cells} * (group->views - 1) * group->view.f * group->view.m,
                   Broadcast{group->view, group->views});
  }
}

RoundWindow label_flips(const Attack& attack) { return attack.flips_labels() ? attack.window : RoundWindow::none(); }

}  // namespace gauntlet
