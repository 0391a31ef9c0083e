// SPDX-License-Identifier: Apache-2.0
#include "kernels/defenses/rule.cuh"
#include "kernels/defenses/shared/krum_score.cuh"
#include "kernels/defenses/shared/median.cuh"

namespace gauntlet {
namespace {

/// Picks messages one after the other by Krum among those left, and writes what it makes of each pick as a row of a
/// selection matrix: the message picked, or in the peers' forms the mean of it and the next best.
struct KrumSelection : GramFunctor {
  enum class Form { paper, initial, subtracted };
  Form form = Form::paper;
  int power = 2;
  int m = 1;  ///< messages in the first mean; not in the paper's form

  GAUNTLET_HD int picks(int n, int f) const {
    const int all = n - 2 * f - (form == Form::paper ? 0 : 2);
    return all > 1 ? all : 1;
  }
  std::size_t scratch(int n) const { return 2 * static_cast<std::size_t>(n); }

  GAUNTLET_HD void operator()(const Team& team, const Gram& gram, double* selection, double* scratch) const {
    if (form == Form::paper)
      by_scores_of_the_rest(team, gram, selection, scratch);
    else
      by_first_scores(team, gram, selection, scratch, scratch + gram.n);
  }

  GAUNTLET_HD static double ranked(const Gram& gram, int i, double score) {
    return score < INFINITY ? score : gram.norm(i) < INFINITY ? 1.7e308 : 1.75e308;
  }

  GAUNTLET_HD void by_scores_of_the_rest(const Team& team, const Gram& gram, double* selection, double* taken) const {
    const int n = gram.n, f = gram.f, all = picks(n, f);
    const KrumScore krum{0, power};
    team.each(n, [=](int i) { taken[i] = 0; });
    for (int pick = 0; pick < all; ++pick) {
      // Among r messages the score counts r − f − 2 neighbors; the paper's last rounds would leave none.
      const int left = n - pick - f - 2, neighbors = left > 1 ? left : 1;
      const int best = team.argmin(n, [=](int i) -> double {
        if (taken[i] != 0) return INFINITY;
        const auto square = [=](int j) -> double { return j == i || taken[j] != 0 ? INFINITY : gram.distance2(i, j); };
        double total = 0;
        for_smallest(n, neighbors, square, [&](int j) { total += krum.raise(square(j)); });
        return ranked(gram, i, total);
      });
      team.each(n, [=](int i) { selection[std::int64_t{pick} * n + i] = i == best; });
      team.once([=] { taken[best] = 1; });
    }
  }

  /// Scores that are computed once; `subtracted`: less the distances to those of the nearest that are picked already.
  GAUNTLET_HD void by_first_scores(const Team& team, const Gram& gram, double* selection, double* taken,
                                   double* scores) const {
    const int n = gram.n, f = gram.f, all = picks(n, f);
    const bool subtracts = form == Form::subtracted;
    const int neighbors = subtracts ? n - f - 2 : m;
    const KrumScore krum{neighbors, power};
    team.each(n, [=](int i) {
      taken[i] = 0;
      scores[i] = ranked(gram, i, krum(gram, i));
    });
    for (int pick = 0; pick < all; ++pick) {
      const int last = n - f - 2 - pick, next = subtracts ? m - pick : m < last ? m : last;
      const int kept = next > 1 ? next : 1;
      const int best = team.argmin(n, [=](int i) -> double { return taken[i] != 0 ? INFINITY : scores[i]; });
      team.each(n, [=](int i) {
        int before = 0;
        for (int j = 0; j < n; ++j)
          before += taken[j] == 0 && (scores[j] < scores[i] || (scores[j] == scores[i] && j < i));
        selection[std::int64_t{pick} * n + i] = taken[i] == 0 && before < kept ? 1.0 / kept : 0;
      });
      team.once([=] { taken[best] = 1; });
      if (!subtracts) continue;
      team.each(n, [=](int i) {
        if (taken[i] != 0 || scores[i] >= 1.7e308) return;
        const double square = gram.distance2(i, best);
        int nearer = 0;
        for (int j = 0; j < n; ++j) {
          const double other = j == i ? INFINITY : gram.distance2(i, j);
          nearer += other < square || (other == square && j < best);
        }
        if (nearer < neighbors && square < INFINITY) scores[i] -= krum.raise(square);
      });
    }
  }
};

/// How many each inbox picks.
struct CountPicks {
  KrumSelection select;
  PerInbox n, f;
  int* picks;

  GAUNTLET_HD void operator()(std::int64_t c) const { picks[c] = select.picks(n(c), f(c)); }
};

/// Per coordinate, the mean of the values nearest to the median of those picked, all but 2f of them.
struct NearestToMedian {
  static constexpr bool sorted = true;
  Median center;
  int f;

  GAUNTLET_HD NearestToMedian without(int absent) const { return {center, f > absent ? f - absent : 0}; }

  template <class Values>
  GAUNTLET_HD typename Values::Number operator()(const Values& column) const {
    return mean_nearest(column, center(column), column.n - 2 * f);
  }
};

struct Choice {
  KrumSelection select;
  Median center;
};

struct Bulyan final : CustomRule<Choice> {
  using CustomRule::CustomRule;
  /// An inbox with fewer messages may pick more of them.
  int most = size.of == nullptr ? given.select.picks(n, job.f.same) : n;
  MessageProducts products{exec, job};
  Array<double> scratch = doubles(given.select.scratch(n)), selection = doubles(most * n), mixing = doubles(most * m);
  Array<int> counts{exec, static_cast<std::size_t>(count)};
  PerInbox picks = {most, size.of == nullptr ? nullptr : counts.data()};

  void run(bool) override {
    solve(exec, batch(products.compute(), scratch), given.select, selection.data(), std::int64_t{most} * n);
    if (size.of != nullptr)
      parallel_for(exec, "count picks", count, CountPicks{given.select, size, job.f, counts.data()});
    const Multiply compose{selection.data(), job.inboxes.mixing, picks, size, m, mixing.data()};
    parallel_for(exec, "compose", compose.entries(count), compose);
    reduce_columns(exec, {base, most, mixing.data(), picks, job.inboxes.absent},
                   NearestToMedian{given.center, job.f.same}, job.out);
  }

  Sources sources() const override { return {mixing.data(), most, m}; }
};

const Registered<Stage> bulyan([](Entry<Stage>& e) {
  e.name = "bulyan";
  e.summary = "picks n-2f messages by repeated Krum, then averages the n-4f values nearest the median per coordinate";
  e.formula =
      "S: n-2f times the Krum choice among the rest (r left: max(r-f-2, 1) neighbors); mean of n-4f nearest median";
  e.source = "El Mhamdi, Guerraoui, Rouault, The Hidden Vulnerability of Distributed Learning in Byzantium, ICML 2018";
  e.traits.keeps_majority = true;
  e.traits.mean_without_byzantine = true;
  e.traits.permutation_invariant = false;  // of two that are each other's nearest, the first is picked
  e.parameters = {word("power", "2", "exponent of the distance in the score", {"1", "2", "4"}), even_parameter(),
                  word("form", "paper",
                       "initial: ByzantineMomentum's, with power=1, even=lower: n-2f-2 picks by the scores of the "
                       "first, a pick the mean of the best; subtracted: its native kernels', with even=upper: scores "
                       "less the distances to neighbors picked",
                       {"paper", "initial", "subtracted"}),
                  count("m", "n-f-2", "how many the first pick averages, not in form=paper", 1)};
  e.needs = {"4f + 3 <= n <= " + std::to_string(column_limit),
             [](int n, int f) { return n >= 4 * f + 3 && n <= column_limit; }};
  // Without Byzantine messages the subtracted scores of the last picks would be rounding errors.
  e.needs_with = {{"form", {"f > 0", [](int, int f) { return f > 0; }, {e.needs}}}};
  // Whichever n - 2f are picked, per coordinate at least (n-4f)/2 of S lie beyond their median m as seen from mean_S,
  // so (m - mean_S)^2 <= rV. Of the picks n - 3f are of S, so the n - 4f nearest to m are on average, in squares, no
  // farther from it than these: r/2 (V + rV). Twice the sum of both bounds the result.
  e.kappa = {"r (3 + r), r = 2(n-f)/(n-4f), derived", [](int n, int f, double) {
               const double r = 2.0 * (n - f) / (n - 4 * f);
               return r * (3 + r);
             }};
  e.known_answers = {{"", 1, {{0}, {1}, {2}, {3}, {4}, {5}, {90}}, {{2}}}, {"", 0, {{0}, {3}, {9}}, {{4}}}};
  e.make = [](const Arguments& a) {
    KrumSelection selection;
    selection.power = std::stoi(a.word("power"));
    if (a.is("form", "paper")) {
      if (a.given("m")) throw UserError("bulyan: m is for form=initial and form=subtracted");
    } else {
      selection.form = a.is("form", "initial") ? KrumSelection::Form::initial : KrumSelection::Form::subtracted;
      selection.m = a.count("m");
      const int most = a.n() - a.f() - 2, least = a.is("form", "initial") ? 1 : selection.picks(a.n(), a.f());
      if (selection.m < least || selection.m > most)
        throw UserError("bulyan: m = " + std::to_string(selection.m) + " is out of range " + std::to_string(least) +
                        ".." + std::to_string(most));
    }
    return custom_rule<Bulyan>(Choice{selection, median_of(a)});
  };
});

}  // namespace
}  // namespace gauntlet
