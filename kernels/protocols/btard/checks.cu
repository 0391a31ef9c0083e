// SPDX-License-Identifier: Apache-2.0
#include "kernels/protocols/btard/checks.cuh"

#include <cstring>

#include "kernels/exec/launch.cuh"
#include "kernels/protocols/btard/draws.cuh"

namespace gauntlet {
namespace {

using Kind = Misconduct::Kind;

/// Whether what peer i broadcast on part j is not what its part says. Two infinite distances are equal.
GAUNTLET_HD bool is_false(const Record& record, const CouncilView& council, double tau, int i, int j) {
  const int entry = i * council.rules.n + j;
  const double r = record.true_r[entry], tolerance = council.rules.tolerance;
  if (record.s[entry] != record.true_s[entry] &&
      !(fabs(record.s[entry] - record.true_s[entry]) <= tolerance * clipped_length(r, tau)))
    return true;
  return record.r[entry] != r && !(fabs(record.r[entry] - r) <= tolerance * r);
}

/// Whether the statements on part j do not add up, where peer `truthful` (−1: nobody) had said the truth.
GAUNTLET_HD bool is_unbalanced(const Record& record, const CouncilView& council, double tau, int j, int truthful) {
  if (!(record.rounding[j] < INFINITY)) return true;  // what is published is not finite
  const int n = council.rules.n;
  double sum = 0, bound = 0;
  for (int a = 0; a < record.parts; ++a) {
    const int i = record.owner[a], entry = i * n + j;
    sum += i == truthful ? record.true_s[entry] : record.s[entry];
    bound += clipped_length(i == truthful ? record.true_r[entry] : record.r[entry], tau);
  }
  return !(fabs(sum) <= council.rules.tolerance * bound + record.parts * record.rounding[j]);  // nor NaN
}

/// The median of what all peers report of all parts, a mean of the middle two; infinite where half of it is.
GAUNTLET_HD double median_distance(const Team& team, const Record& record, int n) {
  const int g = record.parts, count = g * g;
  const auto value = [=](int e) { return static_cast<float>(record.r[record.owner[e / g] * n + e % g]); };
  const auto up_to = [=](float bound) { return team.sum(count, [=](int e) { return value(e) <= bound ? 1.0 : 0.0; }); };
  // The pattern of bits orders non-negative floats as they are.
  std::uint32_t low = 0, high = 0x7f800000u;
  const int middle = (count + 1) / 2;
  while (low < high) {
    const std::uint32_t between = low + (high - low) / 2;
    float bound;
    memcpy(&bound, &between, sizeof bound);
    if (up_to(bound) >= middle)
      high = between;
    else
      low = between + 1;
  }
  float lower;
  memcpy(&lower, &low, sizeof lower);
  if (count % 2 == 1 || up_to(lower) > middle || !(lower < INFINITY)) return lower;
  const int next = team.argmin(count, [=](int e) { return value(e) > lower ? value(e) : INFINITY; });
  return (lower + value(next)) / 2;
}

struct VerifyStatements {
  CouncilView council;

  GAUNTLET_HD void operator()(const Team& team, int c) const {
    const CouncilView view = council;
    const CouncilRules& rules = view.rules;
    const Record record = view.record(c);
    const int n = rules.n, g = record.parts;
    const double tau = view.tau[c];
    std::uint8_t* redo = view.of(view.redo, c);
    team.each(n, [=](int j) { redo[j] = 0; });
    if (g == 0) return;

    const double lies =
        team.sum(g * g, [=](int e) { return is_false(record, view, tau, record.owner[e / g], e % g) ? 1.0 : 0.0; });
    if (rules.makes(Check::verification_1) && lies > 0) team.once([=] { accuse_liars(view, record, tau, c); });

    double limit = rules.delta_max;
    const bool automatic = limit < 0;
    if (automatic && rules.makes(Check::verification_3)) {
      const double median = median_distance(team, record, n), before = view.median[c];
      limit = spread * (before < 0 ? median : before);
      team.sync();
      team.once([=] { view.median[c] = median; });
    }
    // 1: the statements do not add up; 2: too many are far off.
    team.each(g, [=](int j) {
      int far = 0;
      for (int a = 0; a < g; ++a) {
        const int entry = record.owner[a] * n + j;
        // No gradient is far from what it is like itself; and up to tau nothing is clipped, so that the sum of the
        // statements speaks for it, while of honest parts a few long gradients among short ones make as much.
        const double own = automatic ? fmax(spread * record.norms[entry], tau) : 0;
        far += record.r[entry] > (own > limit ? own : limit);
      }
      redo[j] =
          static_cast<std::uint8_t>(rules.makes(Check::verification_2) && is_unbalanced(record, view, tau, j, -1) ? 1
                                    : rules.makes(Check::verification_3) && 2 * far > g                           ? 2
                                                                                                                  : 0);
    });
    const double suspect = team.sum(g, [=](int j) { return redo[j] != 0 ? 1.0 : 0.0; });
    if (suspect == 0) return;
    team.once([=] {
      for (int reason = 1; reason <= 2; ++reason)
        for (int j = 0; j < g; ++j)
          if (redo[j] == reason)
            check_averaging(view, record, tau, c, j, reason == 1 ? Check::verification_2 : Check::verification_3);
      for (int j = 0; j < g; ++j) redo[j] = redo[j] != 0 && record.wrong[j] != 0;
    });
  }

  /// (1 + √3) √2 of what is usual is too far.
  static constexpr double spread = 3.8637033051562732;

  /// Verification 1: honest owners accuse whoever speaks falsely of their part.
  GAUNTLET_HD static void accuse_liars(const CouncilView& view, const Record& record, double tau, int c) {
    for (int j = 0; j < record.parts; ++j) {
      if (!view.is_honest(record.owner[j])) continue;
      for (int a = 0; a < record.parts; ++a) {
        const int liar = record.owner[a], first = view.bans[c];
        if (!is_false(record, view, tau, liar, j)) continue;
        view.ban(c, liar);
        view.report(c, Check::verification_1, record.owner[j], liar, record.owner[j], Verdict::guilty, first);
      }
    }
  }

  /// CHECK-AVERAGING: all disclose their part, and it is computed again.
  GAUNTLET_HD static void check_averaging(const CouncilView& view, const Record& record, double tau, int c, int j,
                                          Check check) {
    const int first = view.bans[c], owner = record.owner[j];
    bool guilty = record.wrong[j] != 0;
    if (guilty) view.ban(c, owner);
    for (int a = 0; a < record.parts; ++a)
      if (is_false(record, view, tau, record.owner[a], j)) {
        guilty = true;
        view.ban(c, record.owner[a]);
      }
    view.report(c, check, -1, record.wrong[j] != 0 ? owner : -1, owner, guilty ? Verdict::guilty : Verdict::innocent,
                first);
  }
};

struct HearValidators {
  CouncilView council;
  int steps_ago;
  const std::uint8_t* accuses;

  GAUNTLET_HD void operator()(std::int64_t index) const {
    const int c = static_cast<int>(index);
    if (!council.rules.makes(Check::accuse) || council.pairs[c] == 0) return;
    const Record record = council.record(c, steps_ago);
    for (int k = 0; k < council.pairs[c]; ++k) {
      const int validator = council.of(council.validator, c)[k], target = council.of(council.target, c)[k];
      // Who has been banned is neither heard nor judged again.
      if (!council.is_active(c, validator) || !council.is_active(c, target)) continue;
      const bool falsely = accuses_falsely(c, k, validator, target), silent = !falsely && is_lazy(c, validator);
      if (silent) continue;
      if (is_guilty(record, c, target)) {
        convict(record, c, validator, target);
      } else if (falsely) {
        const int first = council.bans[c];
        council.ban(c, validator);
        council.report(c, Check::accuse, validator, target, -1, Verdict::innocent, first);
      }
    }
  }

 private:
  GAUNTLET_HD bool accuses_falsely(int c, int k, int validator, int target) const {
    if (accuses != nullptr) return accuses[std::int64_t{c} * council.rules.n + validator] != 0;
    if (council.is_honest(validator) || !council.is_honest(target) || !council.does(c, Kind::false_accusation))
      return false;
    const Random random(council.seeds[c], ProtocolDraw::misconduct, 0, static_cast<std::uint32_t>(*council.round),
                        static_cast<std::uint32_t>(misconduct_kinds + k));
    return random.uniform() < council.what(c, Kind::false_accusation).probability;
  }

  /// Byzantine validators report nothing, unless lazy-validator says otherwise.
  GAUNTLET_HD bool is_lazy(int c, int validator) const {
    if (council.is_honest(validator)) return false;
    const Misconduct& how = council.what(c, Kind::lazy_validator);
    return how.window.holds(*council.round) ? how.lazy : how.window.every == 0 || !how.lazy;
  }

  GAUNTLET_HD bool is_guilty(const Record& record, int c, int target) const {
    if (record.forged[target] != 0) return true;
    for (int j = 0; j < record.parts; ++j)
      if (is_false(record, council, council.tau[c], target, j)) return true;
    return false;
  }

  /// The target is banned and with it, where owners recompute statements, those who had seen that it lied on their
  /// part; then the statements on these parts are added up again with the truth.
  GAUNTLET_HD void convict(const Record& record, int c, int validator, int target) const {
    const double tau = council.tau[c];
    const int first = council.bans[c];
    council.ban(c, target);
    for (int j = 0; j < record.parts; ++j)
      if (council.rules.makes(Check::verification_1) && is_false(record, council, tau, target, j))
        council.ban(c, record.owner[j]);
    council.report(c, Check::accuse, validator, target, -1, Verdict::guilty, first);
    if (!council.rules.makes(Check::verification_2)) return;
    for (int j = 0; j < record.parts; ++j) {
      if (!is_false(record, council, tau, target, j) || !is_unbalanced(record, council, tau, j, target)) continue;
      const int owner = record.owner[j], before = council.bans[c];
      const bool wrong = record.wrong[j] != 0;
      if (wrong) council.ban(c, owner);
      council.report(c, Check::verification_2, -1, wrong ? owner : -1, owner,
                     wrong ? Verdict::guilty : Verdict::innocent, before);
    }
  }
};

struct DrawValidators {
  CouncilView council;

  GAUNTLET_HD void operator()(std::int64_t index) const {
    const int c = static_cast<int>(index), n = council.rules.n;
    const int most = council.rules.makes(Check::accuse) ? council.rules.validators : 0;
    int *validator = council.of(council.validator, c), *target = council.of(council.target, c);
    council.pairs[c] = draw_pairs(council.seeds[c], *council.round, n, council.of(council.active, c),
                                  council.record(c).computed, most, validator, target);
    std::uint8_t* validates = council.of(council.validates, c);
    for (int i = 0; i < n; ++i) validates[i] = 0;
    for (int k = 0; k < council.pairs[c]; ++k) validates[validator[k]] = 1;
  }
};

}  // namespace

void verify_statements(Exec& exec, const CouncilView& council) {
  const int n = council.rules.n;
  for_teams(exec, "verification", council.cells, n * n, VerifyStatements{council});
}

void hear_validators(Exec& exec, const CouncilView& council, int steps_ago, const std::uint8_t* accuses) {
  parallel_for(exec, "validators", council.cells, HearValidators{council, steps_ago, accuses});
}

void draw_validators(Exec& exec, const CouncilView& council) {
  parallel_for(exec, "draw validators", council.cells, DrawValidators{council});
}

}  // namespace gauntlet
