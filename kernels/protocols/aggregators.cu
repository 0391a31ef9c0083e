// SPDX-License-Identifier: Apache-2.0
#include "kernels/protocols/aggregators.cuh"

#include <algorithm>
#include <numeric>
#include <stdexcept>
#include <tuple>

#include "kernels/protocols/conduct.cuh"

namespace gauntlet {

/// Cells whose inboxes one Defense aggregates. Rows that stand for several of the wiring's are read once.
struct Aggregators::Group final : Rehearsal {
  Group(Exec& exec_, int n_, int views_, Folding folding_)
      : exec(exec_), n(n_), views(views_), folding(std::move(folding_)), places(exec, folding.place) {}

  Exec& exec;
  int n, views;
  Folding folding;
  Array<int> places;
  std::vector<int> cells;
  Array<const float*> rows;     ///< [cells][folded m]
  Array<double> mixing;         ///< [cells][views][n][m]
  Array<double> folded;         ///< [cells][views][n][folded m], where that is less
  Array<std::uint8_t> present;  ///< [cells][views][n], where somebody may be absent
  Array<std::uint64_t> seeds;   ///< [cells][views], as all below
  Array<float*> out, trusted;
  Array<const float*> models;
  Array<int> receivers, honest;
  Array<double> links, told;
  std::unique_ptr<Defense> defense;

  Array<double> tried, reference, outcome, pull;  ///< of a rehearsal, for all views

  int count() const { return static_cast<int>(cells.size()); }
  void run();
  void rehearse(const double* mixings, int variants, const double* reference, int direction, double* outcome,
                double* pull) override;
};

namespace {

/// Cells in which all of this is equal are aggregated together. An attack that tries the defense out needs a group of
/// its own: it tries all inboxes of the group.
using GroupKey = std::tuple<const Pipeline*, std::vector<int>, const Attack*>;

/// The row that message i of a view stands for, where the receiver's own comes first.
GAUNTLET_HD int row_of(int i, int receiver) { return i == 0 ? receiver : i <= receiver ? i - 1 : i; }

/// The mixings of a cell's views: honest messages as they are, Byzantine ones only in the views that see what was
/// computed.
std::vector<double> first_mixing(const Wiring& wiring, std::size_t cell, std::size_t m) {
  const int views = wiring.views, n = wiring.n;
  const std::vector<int> receivers = part_of(wiring.receivers, cell, wiring.cells.size());
  std::vector<double> mixing(static_cast<std::size_t>(views) * n * m, 0.0);
  for (int v = 0; v < views; ++v) {
    const int known = v < views - wiring.own_views ? wiring.honest() : n;
    const int own = receivers.empty() ? 0 : receivers[static_cast<std::size_t>(v)];
    for (int i = 0; i < known; ++i) mixing[(static_cast<std::size_t>(v) * n + i) * m + row_of(i, own)] = 1;
  }
  return mixing;
}

/// Mixings of rows as the wiring has them, into mixings of the rows that are read: of problem b of the out put, the
/// problem b / (views · variants) · variants + b % variants that came in, its messages as the view has them in order.
struct FoldMixings {
  const double* from;    ///< [cells][variants][n][m]
  const int* place;      ///< [m]
  const int* receivers;  ///< [cells][views], or null
  int views, variants, n, m, folded;
  double* to;  ///< [cells][views][variants][n][folded]

  GAUNTLET_HD void operator()(std::int64_t index) const {
    const int q = static_cast<int>(index % folded), i = static_cast<int>(index / folded % n);
    const std::int64_t problem = index / folded / n, inbox = problem / variants, cell = inbox / views;
    const int message = receivers == nullptr ? i : row_of(i, receivers[inbox]);
    const double* row = from + ((cell * variants + problem % variants) * n + message) * m;
    double total = 0;
    for (int p = 0; p < m; ++p)
      if (place[p] == q) total += row[p];
    to[index] = total;
  }
};

/// What the first view of every cell answered.
struct FirstView {
  const double* answers;
  int views, each;
  double* to;

  GAUNTLET_HD void operator()(std::int64_t index) const {
    to[index] = answers[index / each * views * each + index % each];
  }
};

}  // namespace

Aggregators::Folding::Folding(const std::vector<const float*>& base) {
  for (const float* row : base) {
    const auto found = std::find(rows.begin(), rows.end(), row);
    place.push_back(static_cast<int>(found - rows.begin()));
    if (found == rows.end()) rows.push_back(row);
  }
}

void Aggregators::Group::run() {
  const int m = static_cast<int>(folding.place.size()), read = static_cast<int>(folding.rows.size());
  if (folded.size() != 0)
    parallel_for(exec, "fold", static_cast<std::int64_t>(folded.size()),
                 FoldMixings{mixing.data(), places.data(), nullptr, 1, 1, n, m, read, folded.data()});
  defense->run();
}

void Aggregators::Group::rehearse(const double* mixings, int variants, const double* weights, int direction,
                                  double* answer, double* pulled) {
  const int m = static_cast<int>(folding.place.size()), read = static_cast<int>(folding.rows.size());
  if (views == 1 && read == m && receivers.size() == 0)
    return defense->rehearse(mixings, variants, weights, direction, answer, pulled);
  const auto problems = static_cast<std::size_t>(count()) * views * variants;
  const auto room = [&](Array<double>& array, std::size_t size) {
    if (array.size() < size) array = Array<double>(exec, size);
    return array.data();
  };
  double* all = room(tried, problems * n * read);
  double* sums = room(reference, static_cast<std::size_t>(count()) * views * read);
  double* answers = room(outcome, problems * 2);
  double* pulls = pulled == nullptr ? nullptr : room(pull, problems);
  parallel_for(exec, "fold", static_cast<std::int64_t>(problems) * n * read,
               FoldMixings{mixings, places.data(), receivers.data(), views, variants, n, m, read, all});
  parallel_for(exec, "fold", std::int64_t{count()} * views * read,
               FoldMixings{weights, places.data(), nullptr, views, 1, 1, m, read, sums});
  defense->rehearse(all, variants, sums, direction < 0 ? -1 : folding.place[static_cast<std::size_t>(direction)],
                    answers, pulls);
  parallel_for(exec, "first view", std::int64_t{count()} * variants * 2,
               FirstView{answers, views, variants * 2, answer});
  if (pulled != nullptr)
    parallel_for(exec, "first view", std::int64_t{count()} * variants, FirstView{pulls, views, variants, pulled});
}

Aggregators::Aggregators(Exec& exec, const Wiring& wiring)
    : honest_(wiring.honest()),
      byzantine_(wiring.f),
      views_(wiring.views),
      receivers_(wiring.views - wiring.own_views),
      inboxes_(wiring.cells.size()) {
  const std::size_t count = wiring.cells.size();
  int extra_rows = 0;
  const auto extra_of = [&](const Match& match) {
    if (match.attack == nullptr) return 0;
    return match.attack->extra_rows() + conduct_rows(match.attack->conduct, wiring.views - wiring.own_views, wiring.f);
  };
  for (const Match& match : wiring.cells) extra_rows += extra_of(match);
  extra_ = RowStore(exec, extra_rows, wiring.d);

  std::vector<GroupKey> keys;
  int next = 0;
  for (std::size_t c = 0; c < count; ++c) {
    const Match& match = wiring.cells[c];
    Inbox& inbox = inboxes_[c];
    const std::vector<float*> computed = part_of(wiring.computed, c, count);
    inbox.base.assign(computed.begin(), computed.end());
    for (int k = extra_of(match); k > 0; --k) inbox.extra.push_back(extra_.row(next++));
    inbox.base.insert(inbox.base.end(), inbox.extra.begin(), inbox.extra.end());
    const bool tried = match.attack && match.attack->knows_defense();
    keys.emplace_back(match.defense.get(), Folding(inbox.base).place, tried ? match.attack.get() : nullptr);
  }

  for (const std::vector<int>& cells : groups_of(keys)) {
    const Match& match = wiring.cells[static_cast<std::size_t>(cells.front())];
    const std::size_t m = inboxes_[static_cast<std::size_t>(cells.front())].base.size();
    auto group = std::make_unique<Group>(exec, wiring.n, views_,
                                         Folding(inboxes_[static_cast<std::size_t>(cells.front())].base));
    const std::size_t read = group->folding.rows.size();
    const auto table = [&](const std::vector<float*>& of) {
      return gather_table<float*>(cells, [&](std::size_t c) { return part_of(of, c, count); });
    };
    group->cells = cells;
    group->rows = {exec,
                   gather_table<const float*>(cells, [&](std::size_t c) { return Folding(inboxes_[c].base).rows; })};
    group->seeds = {exec, gather_table<std::uint64_t>(cells, [&](std::size_t c) {
                      return std::vector<std::uint64_t>(static_cast<std::size_t>(views_), wiring.cells[c].seed);
                    })};
    group->out = {exec, table(wiring.aggregates)};
    group->trusted = {exec, table(wiring.trusted)};
    const std::vector<float*> models = table(wiring.models);
    group->models = {exec, std::vector<const float*>(models.begin(), models.end())};
    const auto numbers = [&](const std::vector<double>& of) {
      return gather_table<double>(cells, [&](std::size_t c) { return part_of(of, c, count); });
    };
    const std::vector<int> receivers =
        gather_table<int>(cells, [&](std::size_t c) { return part_of(wiring.receivers, c, count); });
    const bool in_order = std::all_of(receivers.begin(), receivers.end(), [](int first) { return first == 0; });
    group->receivers = {exec, receivers};
    group->links = {exec, numbers(wiring.links)};
    group->told = {exec, numbers(wiring.told)};
    if (!wiring.links.empty())
      group->honest = {exec, std::vector<int>(cells.size() * static_cast<std::size_t>(views_), honest_)};
    if (wiring.f > 0 || views_ > 1 || read < m || !in_order) {
      group->mixing = {exec, gather_table<double>(cells, [&](std::size_t c) { return first_mixing(wiring, c, m); })};
      if (read < m) group->folded = Array<double>(exec, group->mixing.size() / m * read);
    }
    for (std::size_t i = 0; i < cells.size(); ++i) {
      Inbox& inbox = inboxes_[static_cast<std::size_t>(cells[i])];
      const std::size_t view = i * static_cast<std::size_t>(views_);
      if (group->mixing.size() != 0) inbox.mixing = group->mixing.data() + view * wiring.n * m;
      if (wiring.links.empty()) continue;
      inbox.told = group->told.data() + view, inbox.honest = group->honest.data() + view;
    }
    if (wiring.absences) {
      const std::size_t size = static_cast<std::size_t>(views_) * wiring.n;
      group->present = {exec, std::vector<std::uint8_t>(cells.size() * size, 1)};
      for (std::size_t i = 0; i < cells.size(); ++i)
        inboxes_[static_cast<std::size_t>(cells[i])].present = group->present.data() + i * size;
    }
    if (match.defense) {
      Defense::Job job;
      job.inboxes.base = {static_cast<int>(cells.size()) * views_, static_cast<int>(read), wiring.d, group->rows.data(),
                          views_};
      job.inboxes.n = wiring.n;
      job.inboxes.mixing = read < m ? group->folded.data() : group->mixing.data();
      job.seeds = group->seeds.data();
      job.round = wiring.round;
      job.out = group->out.data();
      job.label = match.defense_label;
      job.trusted = group->trusted.data();
      job.models = group->models.data();
      job.present = group->present.data();
      job.neighborhoods = {group->links.data(), group->told.data(), group->honest.data()};
      group->defense = std::make_unique<Defense>(exec, match.defense, job);
    }
    groups_.push_back(std::move(group));
  }
}

Aggregators::~Aggregators() = default;

void Aggregators::run() {
  for (const auto& group : groups_)
    if (group->defense) group->run();
}

Rehearsal* Aggregators::rehearsal(const std::vector<int>& cells) {
  for (const auto& group : groups_)
    if (group->cells == cells) return group->defense ? group.get() : nullptr;
  throw std::logic_error("a defense is tried out on all of its cells together");
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
      const std::vector<double> own = part_of(shares, static_cast<std::size_t>(i), group->cells.size());
      of["byzantine_weight"] = {std::accumulate(own.begin(), own.begin() + receivers_, 0.0) / receivers_};
    }
  }
  return all;
}

}  // namespace gauntlet
