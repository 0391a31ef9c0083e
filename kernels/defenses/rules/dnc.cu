// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "kernels/defenses/rule.cuh"
#include "kernels/defenses/shared/weighted_covariance.cuh"
#include "kernels/exec/permutation.cuh"

namespace gauntlet {
namespace {

/// 1 for the messages that one draw of coordinates keeps, 0 for the others.
struct KeepUnsuspicious : GramFunctor {
  double filter = 1;  ///< how many are removed, as a multiple of f

  std::size_t scratch(int n) const { return eigenpair_scratch(n) + 3 * static_cast<std::size_t>(n); }

  GAUNTLET_HD void operator()(const Team& team, const Gram& gram, double* kept, double* scratch) const {
    const int n = gram.n, most = n - static_cast<int>(fmin(static_cast<double>(n), filter * gram.f));
    double *c = scratch, *spread = c + n, *score = spread + n, *vector = score + n;
    team.each(n, [=](int i) { c[i] = gram.norm(i) < INFINITY ? 1 : 0; });
    team.each(n, [=](int i) { vector[i] = 0; });
    const WeightedCovariance covariance = weighted_covariance(team, gram, c, spread);
    guess_eigenvector(team, n, vector);
    leading_eigenpair(team, n, covariance, INFINITY, vector);
    // The eigenvector's entries are the projections on the leading direction, up to a common factor.
    team.each(n, [=](int i) { score[i] = c[i] != 0 ? vector[i] * vector[i] : INFINITY; });
    team.each(n, [=](int i) { kept[i] = 0; });
    team.once([=] {
      for_smallest(
          n, most, [=](int i) { return score[i]; }, [=](int i) { kept[i] = c[i]; });
    });
  }
};

/// In place of a message's kind: some number of it is not finite.
constexpr int message_not_finite = -3;

/// What each message is made of: see classify_message.
struct Classify {
  Inboxes inboxes;
  const double* products;  ///< [stacks][m][m], of which the diagonal tells the finite rows
  int* kinds;              ///< [count][n]

  GAUNTLET_HD void operator()(std::int64_t index) const {
    const int n = inboxes.n, m = inboxes.base.m;
    const double* mix = inboxes.mixing + index * m;
    const double* diagonal = products + index / n / inboxes.base.views * m * m;
    if (index % n >= inboxes.messages(index / n)) return;
    bool finite = true;
    for (int p = 0; p < m; ++p) finite = finite && (mix[p] == 0 || diagonal[p * (m + 1)] < INFINITY);
    const int i = static_cast<int>(index % n);
    kinds[index] = finite ? classify_message(mix - std::int64_t{i} * m, m, i) : message_not_finite;
  }
};

/// Copies `width` coordinates of every message, mixed, the draw being that of the inbox's seed, the round and the
/// draw's number; all of them where there are no more. A message with a number that is not finite anywhere is written
/// as NaN.
struct GatherCoordinates {
  Inboxes inboxes;
  const int* kinds;  ///< [count][n]
  const std::uint64_t* seeds;
  const int* round;
  int draws;
  std::int64_t width;
  float* out;  ///< [count][draws][n] padded rows of `width` numbers

  GAUNTLET_HD float mixed(const double* mix, const float* const* table, std::int64_t k) const {
    double value = 0;
    for (int p = 0; p < inboxes.base.m; ++p) add_weighted(value, mix[p], table[p][k]);
    return static_cast<float>(value);
  }

  GAUNTLET_HD void operator()(int stack, std::int64_t first) const {
    const int c = stack / draws, draw = stack % draws, n = inboxes.n, m = inboxes.base.m;
    const Permutation place(inboxes.base.d,
                            Random(seeds[c], DefenseDraw::dnc_coordinates, static_cast<std::uint32_t>(*round),
                                   static_cast<std::uint32_t>(draw)));
    const float* const* table = inboxes.base.of(c);
    for (std::int64_t k = first; k < first + span_width && k < width; ++k) {
      const std::int64_t from = width < inboxes.base.d ? place(k) : k;
      float value = 0;
      for (int i = 0; i < inboxes.messages(c); ++i) {
        const std::int64_t message = std::int64_t{c} * n + i;
        const int kind = kinds[message];
        if (kind >= 0)
          value = table[kind][from];
        else if (kind != message_same)
          value = kind == message_not_finite ? NAN : mixed(inboxes.mixing + message * m, table, from);
        out[(std::int64_t{stack} * n + i) * padded(width) + k] = value;
      }
    }
  }
};

/// The products of the messages that are there, as a Gram problem has them: at the start of its room.
struct Compact {
  const double* products;  ///< [stacks][n][n]
  int n;
  PerInbox size;
  double* out;  ///< likewise

  GAUNTLET_HD void operator()(std::int64_t index) const {
    const int i = static_cast<int>(index / n % n), j = static_cast<int>(index % n);
    const std::int64_t stack = index / n / n;
    if (const int own = size(stack); i < own && j < own)
      out[stack * n * n + std::int64_t{i} * own + j] = products[index];
  }
};

/// The mean of the messages that every draw kept; zero if there are none.
struct Intersect {
  const double* kept;  ///< [count][draws][n]
  int draws, n;
  PerInbox size;
  double* weights;  ///< [count][n]

  GAUNTLET_HD void operator()(std::int64_t c) const {
    int members = 0;
    for (int i = 0; i < size(c); ++i) {
      bool in = true;
      for (int t = 0; t < draws; ++t) in = in && kept[(c * draws + t) * n + i] != 0;
      weights[c * n + i] = in;
      members += in;
    }
    for (int i = 0; i < size(c) && members > 0; ++i) weights[c * n + i] /= members;
  }
};

struct Choice {
  KeepUnsuspicious select;
  int draws, width;
};

struct DivideAndConquer final : CustomRule<Choice> {
  using CustomRule::CustomRule;
  static int memory_rows(const Choice& choice, int n, std::int64_t d) {
    return d <= choice.width ? n : static_cast<int>((std::int64_t{choice.draws} * n * choice.width + d - 1) / d);
  }

  int draws = given.width < d ? given.draws : 1;
  std::int64_t width = std::min<std::int64_t>(given.width, d);
  RowStore sampled{exec, std::int64_t{count} * draws* n, width};
  Array<const float*> table = table_of(exec, sampled);
  Rows samples = {count * draws, n, width, table.data()};
  Array<int> kinds{exec, static_cast<std::size_t>(count) * n};
  Array<double> norm_parts{exec, gram_scratch(exec, base.stacks())}, norms = doubles(m * m);
  Array<double> parts{exec, gram_scratch(exec, samples)}, products = doubles(draws * n * n);
  Array<double> compact = doubles(size.of == nullptr ? 0 : draws * n * n);
  Array<double> scratch = doubles(draws * given.select.scratch(n)), kept = doubles(draws * n), weights = doubles(n);
  WeightedOutput output{exec, job};

  void run(bool) override {
    gram(exec, base.stacks(), GramPart::norms, norm_parts.data(), norms.data());
    parallel_for(exec, "classify messages", std::int64_t{count} * n, Classify{job.inboxes, norms.data(), kinds.data()});
    parallel_spans(exec, "sample coordinates", samples.count, width,
                   GatherCoordinates{job.inboxes, kinds.data(), job.seeds, job.round, draws, width, sampled.row(0)});
    gram(exec, samples, GramPart::full, parts.data(), products.data());
    GramBatch problems = batch(products.data(), scratch, draws);
    if (size.of != nullptr) {
      parallel_for(exec, "compact", static_cast<std::int64_t>(compact.size()),
                   Compact{products.data(), n, problems.n, compact.data()});
      problems.products = compact.data();
    }
    solve(exec, problems, given.select, kept.data(), n);
    parallel_for(exec, "intersect", count, Intersect{kept.data(), draws, n, size, weights.data()});
    output.write(weights.data());
  }

  Sources sources() const override { return output.sources(); }
};

const Registered<Stage> dnc([](Entry<Stage>& e) {
  e.name = "dnc";
  e.summary = "the mean of the messages that are never among the farthest along the leading direction of a random part";
  e.formula =
      "mean of the intersection over draws of the n-floor(filter f) least <v, x_i - mean>^2 on random coordinates";
  e.traits.robust = false;  // one draw finds one direction: far messages along another may stay
  e.traits.mean_without_byzantine = true;
  e.source = "Shejwalkar, Houmansadr, Manipulating the Byzantine, NDSS 2021";
  e.parameters = {count("draws", "5", "of coordinates; one if there are no more than `coordinates`", 1, 1000),
                  count("coordinates", "10000", "in a draw, without replacement", 1),
                  number("filter", "1", "messages removed by a draw, as a multiple of f", 0)};
  e.needs = needs_majority;
  e.known_answers = {{"", 1, {{0}, {1}, {2}, {9}}, {{1}}}, {"filter=2", 1, {{4}, {5}, {20}, {-90}, {6}}, {{5}}}};
  e.make = [](const Arguments& a) {
    KeepUnsuspicious select;
    select.filter = a.number("filter");
    return custom_rule<DivideAndConquer>(Choice{select, a.count("draws"), a.count("coordinates")});
  };
});

}  // namespace
}  // namespace gauntlet
