// SPDX-License-Identifier: Apache-2.0
#include "kernels/protocols/btard/misconduct.cuh"

#include "kernels/exec/launch.cuh"

namespace gauntlet {
namespace {

using Kind = Misconduct::Kind;

GAUNTLET_HD Random draw_misconduct(const CouncilView& council, int c, Kind kind) {
  return {council.seeds[c], ProtocolDraw::misconduct, 0, static_cast<std::uint32_t>(*council.round),
          static_cast<std::uint32_t>(kind)};
}

/// One of the peers in [from, to) for which `may(peer)`, uniform by word `word`; −1 if there is none.
template <class May>
GAUNTLET_HD int pick(const Random& random, int word, int from, int to, May may) {
  int count = 0;
  for (int i = from; i < to; ++i) count += may(i);
  if (count == 0) return -1;
  int skip = static_cast<int>(random.below(static_cast<std::uint32_t>(count), word));
  for (int i = from; i < to; ++i)
    if (may(i) && skip-- == 0) return i;
  return -1;
}

struct BeginStep {
  CouncilView council;

  GAUNTLET_HD void operator()(std::int64_t index) const {
    const int c = static_cast<int>(index), n = council.rules.n;
    std::uint8_t* validates = council.of(council.validates, c);
    sign_twice(c);
    quarrel(c, validates);
    int computing = 0;
    for (int i = 0; i < n; ++i) computing += council.is_active(c, i) && validates[i] == 0;
    if (computing == 0) {  // the quarrels left validators alone: nobody checks, all compute
      council.pairs[c] = 0;
      for (int i = 0; i < n; ++i) validates[i] = 0;
    }
    Record record = council.record(c);
    int parts = 0;
    for (int i = 0; i < n; ++i) {
      record.computed[i] = council.is_active(c, i) && validates[i] == 0;
      record.forged[i] = 0;
      if (record.computed[i] != 0) record.owner[parts++] = i;
    }
    const bool wrong = council.does(c, Kind::wrong_aggregation);
    for (int j = 0; j < parts; ++j) record.shifted[j] = wrong && !council.is_honest(record.owner[j]);
    council.set_parts(c, parts);
  }

 private:
  GAUNTLET_HD void sign_twice(int c) const {
    if (!council.does(c, Kind::equivocation) || !council.rules.makes(Check::signature)) return;
    const Random random = draw_misconduct(council, c, Kind::equivocation);
    const int who =
        pick(random, 0, council.honest(), council.rules.n, [=, view = council](int i) { return view.is_active(c, i); });
    if (who < 0) return;
    const int first = council.bans[c];
    council.ban(c, who);
    council.report(c, Check::signature, -1, who, -1, Verdict::guilty, first);
  }

  /// Nobody else can tell who of the two is wrong: both leave.
  GAUNTLET_HD void quarrel(int c, const std::uint8_t* validates) const {
    if (!council.does(c, Kind::eliminate) || !council.rules.makes(Check::eliminate)) return;
    const Random random = draw_misconduct(council, c, Kind::eliminate);
    if (!(random.uniform(2) < council.what(c, Kind::eliminate).probability)) return;
    const auto computes = [=, view = council](int i) { return view.is_active(c, i) && validates[i] == 0; };
    const int who = pick(random, 0, council.honest(), council.rules.n, computes);
    const int owner = pick(random, 1, 0, council.honest(), computes);
    if (who < 0 || owner < 0) return;
    const int first = council.bans[c];
    council.ban(c, who);
    council.ban(c, owner);
    council.report(c, Check::eliminate, owner, who, owner, Verdict::both, first);
  }
};

struct MarkForged {
  CouncilView council;
  MixedMessages messages;
  bool own;
  const RoundWindow* flips;

  GAUNTLET_HD void operator()(std::int64_t index) const {
    const int f = council.rules.f, c = static_cast<int>(index / f),
              peer = council.honest() + static_cast<int>(index % f);
    bool same = own && !flips[c].holds(*council.round);
    for (int p = 0; p < messages.widths[c] && same; ++p) same = messages.mix(c, peer, p) == (p == peer);
    council.record(c).forged[peer] = !same;
  }
};

struct TellLies {
  CouncilView council;

  GAUNTLET_HD void operator()(std::int64_t index) const {
    const int c = static_cast<int>(index), n = council.rules.n;
    const Record record = council.record(c);
    if (council.does(c, Kind::false_statement)) {
      const double size = council.what(c, Kind::false_statement).size * council.tau[c];
      for (int i = council.honest(); i < n; ++i)
        for (int j = 0; j < record.parts; ++j)
          if (record.computed[i] != 0 && council.is_honest(record.owner[j])) record.s[i * n + j] += size;
    }
    if (!council.does(c, Kind::cover_up)) return;
    for (int j = 0; j < record.parts; ++j) {
      if (record.shifted[j] == 0) continue;
      const int liar = council.what(c, Kind::cover_up).by_other ? other(record, record.owner[j]) : record.owner[j];
      if (liar < 0) continue;
      double sum = 0;
      for (int a = 0; a < record.parts; ++a) sum += record.s[record.owner[a] * n + j];
      record.s[liar * n + j] -= sum;
    }
  }

 private:
  /// The next Byzantine peer that computed, in the order of their numbers; −1 if there is none but the owner.
  GAUNTLET_HD int other(const Record& record, int owner) const {
    const int f = council.rules.f, first = council.honest();
    for (int step = 1; step < f; ++step) {
      const int peer = first + (owner - first + step) % f;
      if (record.computed[peer] != 0) return peer;
    }
    return -1;
  }
};

struct AbortCommitments {
  CouncilView council;

  GAUNTLET_HD void operator()(std::int64_t index) const {
    const int c = static_cast<int>(index);
    if (!council.does(c, Kind::commit_abort) || !council.rules.makes(Check::mprng)) return;
    const Random random = draw_misconduct(council, c, Kind::commit_abort);
    const int who =
        pick(random, 0, council.honest(), council.rules.n, [=, view = council](int i) { return view.is_active(c, i); });
    if (who < 0) return;
    const int first = council.bans[c];
    council.ban(c, who);
    council.report(c, Check::mprng, -1, who, -1, Verdict::guilty, first);
  }
};

}  // namespace

void begin_step(Exec& exec, const CouncilView& council) {
  parallel_for(exec, "begin step", council.cells, BeginStep{council});
}

void mark_forged(Exec& exec, const CouncilView& council, const MixedMessages& messages, bool own,
                 const RoundWindow* flips) {
  parallel_for(exec, "forged gradients", std::int64_t{council.cells} * council.rules.f,
               MarkForged{council, messages, own, flips});
}

void tell_lies(Exec& exec, const CouncilView& council) { parallel_for(exec, "lies", council.cells, TellLies{council}); }

void abort_commitments(Exec& exec, const CouncilView& council) {
  parallel_for(exec, "commitments", council.cells, AbortCommitments{council});
}

}  // namespace gauntlet
