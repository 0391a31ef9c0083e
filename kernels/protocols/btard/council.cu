// SPDX-License-Identifier: Apache-2.0
#include "kernels/protocols/btard/council.cuh"

#include <cmath>
#include <stdexcept>

namespace gauntlet {

const char* check_name(Check check) {
  static const char* const names[check_count] = {"signature",      "eliminate",      "mprng", "verification-1",
                                                 "verification-2", "verification-3", "accuse"};
  return names[static_cast<int>(check)];
}

namespace {

/// The most that a step can report: every honest owner accuses everybody, every part is checked, every validator
/// accuses and every part is looked at again.
int most_events(const CouncilRules& rules) {
  const int n = rules.n, f = rules.f;
  return 3 + (n - f) * n + n + rules.validators * (1 + n);
}

}  // namespace

template <class T>
T* Council::table(Array<T>& array, std::size_t size) {
  array = Array<T>(exec_, size);
  return array.data();
}

Council::Council(Exec& exec, const CouncilRules& rules, const std::vector<Cell>& cells, const int* round, int rounds)
    : exec_(exec) {
  const std::size_t count = cells.size(), n = static_cast<std::size_t>(rules.n);
  std::vector<double> tau;
  std::vector<std::uint64_t> seeds;
  std::vector<Misconduct> misconduct;
  for (const Cell& cell : cells) {
    tau.push_back(cell.tau), seeds.push_back(cell.seed);
    for (int k = 0; k < misconduct_kinds; ++k) {
      Misconduct none{static_cast<Misconduct::Kind>(k)};
      none.window = RoundWindow::none();
      misconduct.push_back(none);
    }
    for (const Misconduct& what : cell.misconduct)
      misconduct[misconduct.size() - misconduct_kinds + static_cast<std::size_t>(what.kind)] = what;
  }
  tau_ = {exec, tau}, seeds_ = {exec, seeds}, misconduct_ = {exec, misconduct};
  view_.rules = rules;
  view_.cells = static_cast<int>(count);
  view_.capacity = rounds * most_events(rules);
  view_.round = round;
  view_.tau = tau_.data(), view_.seeds = seeds_.data(), view_.misconduct = misconduct_.data();
  active_ = {exec, std::vector<std::uint8_t>(count * n, 1)};
  view_.active = active_.data();
  view_.validates = table(validates_, count * n), view_.redo = table(redo_, count * n);
  view_.parts = table(parts_, count), view_.pairs = table(pairs_, count);
  view_.validator = table(validator_, count * n), view_.target = table(target_, count * n);
  median_ = {exec, std::vector<double>(count, -1)};
  view_.median = median_.data(), view_.bytes = table(bytes_, count);
  first_ban_ = {exec, std::vector<int>(count, -1)}, last_ban_ = {exec, std::vector<int>(count, -1)};
  view_.first_ban = first_ban_.data(), view_.last_ban = last_ban_.data();
  view_.bans = table(bans_, count), view_.ban_list = table(ban_list_, count * n);
  view_.events = table(events_, count);
  view_.event_rows = table(event_rows_, count * static_cast<std::size_t>(view_.capacity));
  view_.owner = table(owner_, 2 * count * n), view_.parts_then = table(parts_then_, 2 * count);
  view_.computed = table(computed_, 2 * count * n), view_.forged = table(forged_, 2 * count * n);
  view_.shifted = table(shifted_, 2 * count * n), view_.wrong = table(wrong_, 2 * count * n);
  view_.statements = table(statements_, 2 * count * 5 * n * n);
  view_.rounding = table(rounding_, 2 * count * n);
}

std::vector<std::vector<ProtocolEvent>> Council::events() {
  static const char* const verdicts[] = {"innocent", "guilty", "both"};
  const std::vector<int> counts = events_.download();
  std::vector<std::vector<ProtocolEvent>> all(counts.size());
  const auto n = static_cast<std::size_t>(view_.rules.n), capacity = static_cast<std::size_t>(view_.capacity);
  std::vector<int> banned;
  for (std::size_t c = 0; c < counts.size(); ++c) {
    if (counts[c] == 0) continue;
    if (counts[c] > view_.capacity) throw std::logic_error("more events than were thought possible");
    if (banned.empty()) banned = ban_list_.download();
    std::vector<EventRow> rows(static_cast<std::size_t>(counts[c]));
    copy_from(exec_, rows.data(), event_rows_.data() + c * capacity, rows.size() * sizeof(EventRow));
    for (const EventRow& row : rows) {
      ProtocolEvent event;
      event.round = row.round;
      event.check = check_name(static_cast<Check>(row.check));
      event.accuser = row.accuser, event.accused = row.accused, event.part = row.part;
      event.verdict = verdicts[row.verdict];
      for (int i = 0; i < row.bans; ++i)
        event.banned.push_back(banned[c * n + static_cast<std::size_t>(row.first + i)]);
      event.active = row.active, event.byzantine_active = row.byzantine;
      all[c].push_back(std::move(event));
    }
  }
  events_.zero();
  return all;
}

std::vector<Observations> Council::observe() const {
  const std::vector<std::uint8_t> active = active_.download();
  const std::vector<int> first = first_ban_.download(), last = last_ban_.download();
  const std::vector<double> bytes = bytes_.download();
  std::vector<Observations> all(first.size());
  const auto n = static_cast<std::size_t>(view_.rules.n), honest = static_cast<std::size_t>(view_.honest());
  const auto round_of = [](int round) { return round < 0 ? NAN : static_cast<double>(round); };
  for (std::size_t c = 0; c < all.size(); ++c) {
    double left[2] = {0, 0};
    for (std::size_t i = 0; i < n; ++i) left[i >= honest] += active[c * n + i];
    all[c] = {{"first_ban_round", {round_of(first[c])}},
              {"last_ban_round", {round_of(last[c])}},
              {"byzantine_left", {left[1]}},
              {"honest_left", {left[0]}},
              {"bytes_per_peer_round", {bytes[c]}}};
  }
  return all;
}

}  // namespace gauntlet
