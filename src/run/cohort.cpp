// SPDX-License-Identifier: Apache-2.0
#include "src/run/cohort.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "src/plan/components.hpp"

namespace gauntlet {

/// Cells whose inboxes one Defense aggregates.
struct Matrix::DefenseGroup {
  std::vector<int> cells;
  Array<const float*> rows;  ///< [cells][m]
  Array<double> mixing;      ///< [cells][n][m]
  Array<std::uint64_t> seeds;
  Array<float*> out, trusted;
  Array<const float*> models;
  std::unique_ptr<Defense> defense;
};

/// Cells that one attack attacks at once.
struct Matrix::AttackGroup {
  std::vector<int> cells;
  std::string label;
  std::shared_ptr<const Attack> attack;
  Array<const float*> rows;
  Array<const float*> last_output;
  Array<float*> extra;
  Array<double*> mixing;
  Array<std::uint64_t> seeds;
  AttackView view;
  std::unique_ptr<DefenseRehearsal> rehearsal;
  std::unique_ptr<BoundAttack> bound;
};

namespace {

/// Where one cell stands in its groups.
struct Place {
  std::string attack, defense;  ///< group keys
  std::vector<float*> extra;
  std::vector<const float*> base;
  double* mixing = nullptr;
};

std::vector<double> honest_identity(int n, int honest, int m) {
  std::vector<double> mixing(static_cast<std::size_t>(n) * m, 0.0);
  for (int i = 0; i < honest; ++i) mixing[static_cast<std::size_t>(i) * m + i] = 1;
  return mixing;
}

template <class T, class Get>
std::vector<T> gather(const std::vector<int>& cells, Get get) {
  std::vector<T> all;
  for (const int c : cells) get(c, all);
  return all;
}

}  // namespace

Matrix::Matrix(Exec& exec, const std::vector<Cell>& cells, const Messages& messages)
    : exec_(exec), cells_(static_cast<int>(cells.size())), honest_(messages.n - messages.f) {
  const int n = messages.n, f = messages.f;
  std::vector<Place> places(cells.size());
  std::vector<int> extra_count(cells.size(), 0);
  std::map<std::string, std::vector<int>> by_attack, by_defense;
  int extra_total = 0;
  for (std::size_t c = 0; c < cells.size(); ++c) {
    const Cell& cell = cells[c];
    const std::string declared = "|" + std::to_string(cell.declared);
    std::string only;  // an attack that rehearses the defense has a group of its own there
    if (f > 0) {
      const Attack& attack = *cell.parts->attack;
      extra_count[c] = attack.extra_rows();
      only = attack.knows_defense() ? cell.attack + "|" + cell.defense : "";
      places[c].attack = cell.attack + declared + "|" + only;
      by_attack[places[c].attack].push_back(static_cast<int>(c));
    }
    places[c].defense = cell.defense + declared + "|" + std::to_string(extra_count[c]) + "|" + only;
    by_defense[places[c].defense].push_back(static_cast<int>(c));
    extra_total += extra_count[c];
  }

  extra_ = RowStore(exec, extra_total, messages.d);
  int next = 0;
  for (std::size_t c = 0; c < cells.size(); ++c) {
    places[c].base.assign(messages.computed[c].begin(), messages.computed[c].end());
    for (int k = 0; k < extra_count[c]; ++k) {
      places[c].extra.push_back(extra_.row(next++));
      places[c].base.push_back(places[c].extra.back());
    }
  }
  const auto base_of = [&](const std::vector<int>& members) {
    return gather<const float*>(members, [&](int c, auto& all) {
      all.insert(all.end(), places[static_cast<std::size_t>(c)].base.begin(),
                 places[static_cast<std::size_t>(c)].base.end());
    });
  };
  const auto seeds_of = [&](const std::vector<int>& members) {
    return gather<std::uint64_t>(members,
                                 [&](int c, auto& all) { all.push_back(cells[static_cast<std::size_t>(c)].seed); });
  };

  std::map<std::string, Defense*> defense_of;
  for (auto& [key, members] : by_defense) {
    auto group = std::make_unique<DefenseGroup>();
    const Cell& cell = cells[static_cast<std::size_t>(members.front())];
    const int count = static_cast<int>(members.size());
    const int m = static_cast<int>(places[static_cast<std::size_t>(members.front())].base.size());
    group->cells = members;
    group->rows = Array<const float*>(exec, base_of(members));
    group->seeds = Array<std::uint64_t>(exec, seeds_of(members));
    group->out = Array<float*>(exec, gather<float*>(members, [&](int c, auto& all) {
                                 all.push_back(messages.aggregates[static_cast<std::size_t>(c)]);
                               }));
    if (!messages.trusted.empty())
      group->trusted = Array<float*>(exec, gather<float*>(members, [&](int c, auto& all) {
                                       all.push_back(messages.trusted[static_cast<std::size_t>(c)]);
                                     }));
    group->models = Array<const float*>(exec, gather<const float*>(members, [&](int c, auto& all) {
                                          all.push_back(messages.models[static_cast<std::size_t>(c)]);
                                        }));
    const double* mixing = nullptr;
    if (f > 0) {
      const std::vector<double> identity = honest_identity(n, honest_, m);
      group->mixing = Array<double>(exec, gather<double>(members, [&](int, auto& all) {
                                      all.insert(all.end(), identity.begin(), identity.end());
                                    }));
      mixing = group->mixing.data();
      for (int i = 0; i < count; ++i)
        places[static_cast<std::size_t>(members[static_cast<std::size_t>(i)])].mixing =
            group->mixing.data() + static_cast<std::int64_t>(i) * n * m;
    }
    Defense::Job job;
    job.inboxes = {{count, m, messages.d, group->rows.data()}, n, mixing};
    job.seeds = group->seeds.data();
    job.round = messages.round;
    job.out = group->out.data();
    job.models = group->models.data();
    job.label = cell.defense;
    job.trusted = group->trusted.data();
    group->defense = std::make_unique<Defense>(exec, cell.parts->defense, job);
    defense_of[key] = group->defense.get();
    defenses_.push_back(std::move(group));
  }

  for (auto& [key, members] : by_attack) {
    auto group = std::make_unique<AttackGroup>();
    const Cell& cell = cells[static_cast<std::size_t>(members.front())];
    group->cells = members;
    group->label = cell.attack;
    group->attack = cell.parts->attack;
    group->rows = Array<const float*>(exec, base_of(members));
    group->seeds = Array<std::uint64_t>(exec, seeds_of(members));
    group->extra = Array<float*>(exec, gather<float*>(members, [&](int c, auto& all) {
                                   const auto& rows = places[static_cast<std::size_t>(c)].extra;
                                   all.insert(all.end(), rows.begin(), rows.end());
                                 }));
    group->last_output = Array<const float*>(exec, gather<const float*>(members, [&](int c, auto& all) {
                                               all.push_back(messages.aggregates[static_cast<std::size_t>(c)]);
                                             }));
    group->mixing = Array<double*>(exec, gather<double*>(members, [&](int c, auto& all) {
                                     all.push_back(places[static_cast<std::size_t>(c)].mixing);
                                   }));
    AttackView& view = group->view;
    view.cells = static_cast<int>(members.size());
    view.n = n, view.f = f, view.honest = honest_, view.declared = cell.declared;
    view.own = messages.own;
    view.m = static_cast<int>(places[static_cast<std::size_t>(members.front())].base.size());
    view.d = messages.d;
    view.rows = group->rows.data();
    view.extra = group->extra.data();
    view.mixing = group->mixing.data();
    view.last_output = group->last_output.data();
    view.seeds = group->seeds.data();
    view.round = messages.round;
    if (group->attack->knows_defense())
      group->rehearsal =
          std::make_unique<DefenseRehearsal>(*defense_of.at(places[static_cast<std::size_t>(members.front())].defense));
    group->bound = group->attack->bind(exec, view, group->rehearsal.get());
    attacks_.push_back(std::move(group));
  }
}

Matrix::~Matrix() = default;

void Matrix::attack() {
  for (const auto& group : attacks_) {
    const Phase phase(exec_.timer(), "attack", group->label);
    group->bound->act();
    keep_window(exec_, group->view, group->attack->window);
  }
}

void Matrix::defend() {
  for (const auto& group : defenses_) group->defense->run();
}

std::vector<double> Matrix::byzantine_shares() const {
  std::vector<double> all(static_cast<std::size_t>(cells_), NAN);
  for (const auto& group : defenses_) {
    const std::vector<double> shares = group->defense->weight_share(honest_);
    for (std::size_t i = 0; i < group->cells.size(); ++i) all[static_cast<std::size_t>(group->cells[i])] = shares[i];
  }
  return all;
}

std::vector<Observations> Matrix::observe() const {
  std::vector<Observations> all(static_cast<std::size_t>(cells_));
  for (const auto& group : defenses_) {
    const Observations found = group->defense->observe();
    const int count = static_cast<int>(group->cells.size());
    for (int i = 0; i < count; ++i)
      all[static_cast<std::size_t>(group->cells[static_cast<std::size_t>(i)])] = of_cell(found, count, i);
  }
  return all;
}

}  // namespace gauntlet
