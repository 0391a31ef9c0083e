// SPDX-License-Identifier: Apache-2.0
#include "kernels/protocols/aggregators.cuh"

#include <stdexcept>
#include <tuple>

namespace gauntlet {

/// Cells whose inboxes one Defense aggregates.
struct Aggregators::Group final : Rehearsal {
  std::vector<int> cells;
  Array<const float*> rows;     ///< [cells][m]
  Array<double> mixing;         ///< [cells][views][n][m]
  Array<std::uint8_t> present;  ///< [cells][views][n], where somebody may be absent
  Array<std::uint64_t> seeds;   ///< [cells][views], as all below
  Array<float*> out, trusted;
  Array<const float*> models;
  std::unique_ptr<Defense> defense;

  void rehearse(const double* mixings, int variants, const double* reference, int direction, double* outcome,
                double* pull) override {
    defense->rehearse(mixings, variants, reference, direction, outcome, pull);
  }
};

namespace {

/// Cells in which all of this is equal are aggregated together. An attack that tries the defense out needs a group of
/// its own: it tries all inboxes of the group.
using GroupKey = std::tuple<const Pipeline*, std::size_t, const Attack*>;

std::vector<double> honest_identity(int views, int n, int honest, std::size_t m) {
  std::vector<double> mixing(static_cast<std::size_t>(views) * n * m, 0.0);
  for (int v = 0; v < views; ++v)
    for (int i = 0; i < honest; ++i) mixing[(static_cast<std::size_t>(v) * n + i) * m + i] = 1;
  return mixing;
}

}  // namespace

Aggregators::Aggregators(Exec& exec, const Wiring& wiring)
    : honest_(wiring.honest()), byzantine_(wiring.f), views_(wiring.views), inboxes_(wiring.cells.size()) {
  const std::size_t count = wiring.cells.size();
  int extra_rows = 0;
  for (const Match& match : wiring.cells) extra_rows += match.attack ? match.attack->extra_rows() : 0;
  extra_ = RowStore(exec, extra_rows, wiring.d);

  std::vector<GroupKey> keys;
  int next = 0;
  for (std::size_t c = 0; c < count; ++c) {
    const Match& match = wiring.cells[c];
    Inbox& inbox = inboxes_[c];
    const std::vector<float*> computed = part_of(wiring.computed, c, count);
    inbox.base.assign(computed.begin(), computed.end());
    for (int k = match.attack ? match.attack->extra_rows() : 0; k > 0; --k) inbox.extra.push_back(extra_.row(next++));
    inbox.base.insert(inbox.base.end(), inbox.extra.begin(), inbox.extra.end());
    const bool tried = match.attack && match.attack->knows_defense();
    keys.emplace_back(match.defense.get(), inbox.base.size(), tried ? match.attack.get() : nullptr);
  }

  for (const std::vector<int>& cells : groups_of(keys)) {
    auto group = std::make_unique<Group>();
    const Match& match = wiring.cells[static_cast<std::size_t>(cells.front())];
    const std::size_t m = inboxes_[static_cast<std::size_t>(cells.front())].base.size();
    const auto table = [&](const std::vector<float*>& of) {
      return gather_table<float*>(cells, [&](std::size_t c) { return part_of(of, c, count); });
    };
    group->cells = cells;
    group->rows = {exec, gather_table<const float*>(cells, [&](std::size_t c) { return inboxes_[c].base; })};
    group->seeds = {exec, gather_table<std::uint64_t>(cells, [&](std::size_t c) {
                      return std::vector<std::uint64_t>(static_cast<std::size_t>(views_), wiring.cells[c].seed);
                    })};
    group->out = {exec, table(wiring.aggregates)};
    group->trusted = {exec, table(wiring.trusted)};
    const std::vector<float*> models = table(wiring.models);
    group->models = {exec, std::vector<const float*>(models.begin(), models.end())};
    if (wiring.f > 0) {
      const std::vector<double> identity = honest_identity(views_, wiring.n, honest_, m);
      group->mixing = {exec, gather_table<double>(cells, [&](std::size_t) { return identity; })};
      for (std::size_t i = 0; i < cells.size(); ++i)
        inboxes_[static_cast<std::size_t>(cells[i])].mixing = group->mixing.data() + i * identity.size();
    }
    if (wiring.absences) {
      const std::size_t size = static_cast<std::size_t>(views_) * wiring.n;
      group->present = {exec, std::vector<std::uint8_t>(cells.size() * size, 1)};
      for (std::size_t i = 0; i < cells.size(); ++i)
        inboxes_[static_cast<std::size_t>(cells[i])].present = group->present.data() + i * size;
    }
    if (match.defense) {
      Defense::Job job;
      job.inboxes.base = {static_cast<int>(cells.size()) * views_, static_cast<int>(m), wiring.d, group->rows.data(),
                          views_};
      job.inboxes.n = wiring.n;
      job.inboxes.mixing = group->mixing.data();
      job.seeds = group->seeds.data();
      job.round = wiring.round;
      job.out = group->out.data();
      job.label = match.defense_label;
      job.trusted = group->trusted.data();
      job.models = group->models.data();
      job.present = group->present.data();
      group->defense = std::make_unique<Defense>(exec, match.defense, job);
    }
    groups_.push_back(std::move(group));
  }
}

Aggregators::~Aggregators() = default;

void Aggregators::run() {
  for (const auto& group : groups_)
    if (group->defense) group->defense->run();
}

Rehearsal* Aggregators::rehearsal(const std::vector<int>& cells) {
  for (const auto& group : groups_)
    if (group->cells == cells && views_ == 1) return group->defense ? group.get() : nullptr;
  throw std::logic_error("a defense is tried out on one inbox of each of its cells, all together");
}

std::vector<Observations> Aggregators::observe() const {
  std::vector<Observations> all(inboxes_.size());
  for (const auto& group : groups_) {
    if (!group->defense) continue;
    const std::vector<double> shares = group->defense->weight_share(honest_);
    const Observations found = group->defense->observe();
    const int count = static_cast<int>(group->cells.size());
    for (int i = 0; i < count; ++i) {
      Observations& of = all[static_cast<std::size_t>(group->cells[static_cast<std::size_t>(i)])];
      of = of_cell(found, count * views_, i * views_);
      if (byzantine_ == 0) continue;
      double sum = 0;
      for (const double share : part_of(shares, static_cast<std::size_t>(i), group->cells.size())) sum += share;
      of["byzantine_weight"] = {sum / views_};
    }
  }
  return all;
}

}  // namespace gauntlet
