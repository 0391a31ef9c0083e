// SPDX-License-Identifier: Apache-2.0
#include "kernels/protocols/adversary.cuh"

#include <tuple>

#include "kernels/attacks/joined.hpp"
#include "kernels/protocols/conduct.cuh"

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
  Array<int> receivers;             ///< [cells], where each is a receiver
  Array<double> links;              ///< [cells][n]
  Array<std::uint8_t*> present;     ///< [cells], where somebody may be absent
  AttackView view;
  Audience audience;
  std::unique_ptr<BoundAttack> bound;
};

namespace {

/// Cells in which all of this is equal are attacked together: the attack, the declared f, the defense that it tries.
using GroupKey = std::tuple<const Attack*, int, const Pipeline*>;

/// A cell of an attack's view: one of the wiring, as one of its receivers sees it.
struct Place {
  std::size_t cell;
  int view;
};

/// One table of what `get(place)` gives, a vector, for each of the places.
template <class Get>
auto table_of(Exec& exec, const std::vector<Place>& places, Get get) {
  decltype(get(places.front())) table;
  for (const Place& place : places) {
    const auto part = get(place);
    table.insert(table.end(), part.begin(), part.end());
  }
  return Array<typename decltype(table)::value_type>(exec, table);
}

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
    // Receivers that get messages of their own are cells of the view; all others share what the first one gets.
    const int receivers = wiring.views - wiring.own_views, n = wiring.n;
    const bool apart = match.attack->meets_receivers();
    std::vector<Place> places;
    for (const int c : cells)
      for (int v = 0; v < (apart ? receivers : 1); ++v) places.push_back({static_cast<std::size_t>(c), v});
    const auto table = [&](auto get) { return table_of(exec, places, get); };
    group->rows = table([&](const Place& at) { return aggregators.inbox(at.cell).base; });
    group->extra = table([&](const Place& at) { return aggregators.inbox(at.cell).extra; });
    group->mixing = table([&](const Place& at) {
      const Aggregators::Inbox& inbox = aggregators.inbox(at.cell);
      return std::vector<double*>{inbox.mixing + static_cast<std::ptrdiff_t>(at.view * n * inbox.base.size())};
    });
    group->last_output = table([&](const Place& at) {
      const std::vector<float*>& last = wiring.last_outputs.empty() ? wiring.aggregates : wiring.last_outputs;
      return std::vector<const float*>{part_of(last, at.cell, count)[static_cast<std::size_t>(at.view)]};
    });
    group->seeds = table([&](const Place& at) { return std::vector<std::uint64_t>{wiring.cells[at.cell].seed}; });
    if (!wiring.receivers.empty())
      group->receivers = table([&](const Place& at) {
        return std::vector<int>{part_of(wiring.receivers, at.cell, count)[static_cast<std::size_t>(at.view)]};
      });
    if (!wiring.links.empty())
      group->links = table([&](const Place& at) {
        const auto links = part_of(wiring.links, at.cell, count);
        return std::vector<double>(links.begin() + at.view * n, links.begin() + (at.view + 1) * n);
      });
    if (wiring.absences && match.attack->conduct.silence > 0)
      group->present =
          table([&](const Place& at) { return std::vector<std::uint8_t*>{aggregators.inbox(at.cell).present}; });
    group->audience = {apart ? 1 : receivers, group->present.data()};
    AttackView& view = group->view;
    view.cells = static_cast<int>(places.size());
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
    view.receivers = group->receivers.data();
    view.links = group->links.data();
    view.round = wiring.round;
    group->bound =
        group->attack->bind(exec, view, group->attack->knows_defense() ? aggregators.rehearsal(cells) : nullptr);
    groups_.push_back(std::move(group));
  }
}

Adversary::~Adversary() = default;

void Adversary::act(int step) {
  for (const auto& group : groups_) {
    const Phase phase(exec_.timer(), "attack", group->label);
    prepare_conduct(exec_, group->view, *group->attack, group->audience, step);
    group->bound->step = step;
    group->bound->act();
    keep_window(exec_, group->view, group->attack->window);
    address_receivers(exec_, group->view, *group->attack, group->audience);
  }
}

bool computes_own(const Attack* attack) {
  return attack != nullptr && (attack->uses_own_messages() || attack->flips_labels() || !attack->window.all());
}

std::shared_ptr<const Attack> make_attack(const std::string& text, int n, int f, const std::string& where) {
  const std::vector<ComponentText> joined = parse_joined(text);
  const std::string size = " (n = " + std::to_string(n) + ", f = " + std::to_string(f) + where + ")";
  for (const ComponentText& part : joined) {
    const Component& component = find_attack(part.name);
    if (const std::string condition = component.needs(n, f); !condition.empty())
      throw UserError(component.name + " needs " + condition + size);
  }
  try {
    return create_attack(joined, n, f);
  } catch (const UserError& error) {
    if (where.empty()) throw;
    throw UserError(error.what() + size);
  }
}

RoundWindow label_flips(const Attack& attack) { return attack.flips_labels() ? attack.window : RoundWindow::none(); }

}  // namespace gauntlet
