// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "kernels/defenses/engine/custom_gram.cuh"
#include "kernels/defenses/shared/median.cuh"
#include "kernels/defenses/shared/selection.cuh"
#include "kernels/defenses/shared/weighted_covariance.cuh"
#include "kernels/exec/permutation.cuh"

namespace gauntlet {
namespace {

/// 1 for the messages that one draw of coordinates keeps, 0 for the others.
struct KeepUnsuspicious : GramFunctor {
  int keep = 0;

  std::size_t scratch(int n) const { return eigenpair_scratch(n) + 3 * static_cast<std::size_t>(n); }

  GAUNTLET_HD void operator()(const Team& team, const Gram& gram, double* kept, double* scratch) const {
    const int n = gram.n, most = keep;
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
  const double* products;  ///< [count][m][m], of which the diagonal tells the finite rows
  int* kinds;              ///< [count][n]

  GAUNTLET_HD void operator()(std::int64_t index) const {
    const int n = inboxes.n, m = inboxes.base.m;
    const double* mix = inboxes.mixing + index * m;
    const double* diagonal = products + index / n * m * m;
    bool finite = true;
    for (int p = 0; p < m; ++p) finite = finite && (mix[p] == 0 || diagonal[p * (m + 1)] < INFINITY);
    const int i = static_cast<int>(index % n);
    kinds[index] = finite ? detail::classify_message(mix - std::int64_t{i} * m, m, i) : message_not_finite;
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
      for (int i = 0; i < n; ++i) {
        const std::int64_t message = std::int64_t{c} * n + i;
        const int kind = kinds[message];
        if (kind >= 0)
          value = table[kind][from];
        else if (kind != detail::message_same)
          value = kind == message_not_finite ? NAN : mixed(inboxes.mixing + message * m, table, from);
        out[(std::int64_t{stack} * n + i) * padded(width) + k] = value;
      }
    }
  }
};

/// The mean of the messages that every draw kept; zero if there are none.
struct Intersect {
  const double* kept;  ///< [count][draws][n]
  int draws, n;
  double* weights;  ///< [count][n]

  GAUNTLET_HD void operator()(std::int64_t c) const {
    int members = 0;
    for (int i = 0; i < n; ++i) {
      bool in = true;
      for (int t = 0; t < draws; ++t) in = in && kept[(c * draws + t) * n + i] != 0;
      weights[c * n + i] = in;
      members += in;
    }
    for (int i = 0; i < n && members > 0; ++i) weights[c * n + i] /= members;
  }
};

class DivideAndConquer final : public CustomStage {
 public:
  DivideAndConquer(KeepUnsuspicious select, int draws, int width) : select_(select), draws_(draws), width_(width) {}

  std::unique_ptr<Bound> bind(Exec& exec, const Job& job) const override {
    return std::make_unique<Run>(exec, job, select_, draws_, width_);
  }
  int memory_rows(int n, std::int64_t d) const override {
    return d <= width_ ? n : static_cast<int>((std::int64_t{draws_} * n * width_ + d - 1) / d);
  }

 private:
  struct Run final : Bound {
    Run(Exec& exec_, const Job& job_, KeepUnsuspicious select_, int draws_, int width_)
        : exec(exec_),
          job(job_),
          select(select_),
          n(job.inboxes.n),
          count(job.inboxes.base.count),
          draws(width_ < job.inboxes.base.d ? draws_ : 1),
          width(std::min<std::int64_t>(width_, job.inboxes.base.d)),
          sampled(exec, std::int64_t{count} * draws * n, width),
          output(exec, job) {
      const auto pointers = sampled.pointers();
      table = Array<const float*>(exec, std::vector<const float*>(pointers.begin(), pointers.end()));
      const auto stacks = static_cast<std::size_t>(count) * draws, m = static_cast<std::size_t>(job.inboxes.base.m);
      norm_parts = Array<double>(exec, gram_scratch(exec, job.inboxes.base));
      norms = Array<double>(exec, count * m * m);
      kinds = Array<int>(exec, static_cast<std::size_t>(count) * n);
      parts = Array<double>(exec, gram_scratch(exec, stack_rows()));
      products = Array<double>(exec, stacks * n * n);
      scratch = Array<double>(exec, stacks * select.scratch(n));
      kept = Array<double>(exec, stacks * n);
      weights = Array<double>(exec, static_cast<std::size_t>(count) * n);
    }

    Rows stack_rows() const { return {count * draws, n, width, table.data()}; }

    void run(bool) override {
      gram(exec, job.inboxes.base, GramPart::norms, norm_parts.data(), norms.data());
      parallel_for(exec, "classify messages", std::int64_t{count} * n,
                   Classify{job.inboxes, norms.data(), kinds.data()});
      parallel_spans(exec, "sample coordinates", count * draws, width,
                     GatherCoordinates{job.inboxes, kinds.data(), job.seeds, job.round, draws, width, sampled.row(0)});
      gram(exec, stack_rows(), GramPart::full, parts.data(), products.data());
      const GramBatch batch{count * draws, n, job.f, 0, draws, products.data(), job.seeds, job.round, scratch.data()};
      solve(exec, batch, select, kept.data(), n);
      parallel_for(exec, "intersect", count, Intersect{kept.data(), draws, n, weights.data()});
      output.write(exec, job, weights.data());
    }

    Sources sources() const override { return output.sources(job); }

    Exec& exec;
    Job job;
    KeepUnsuspicious select;
    int n, count, draws;
    std::int64_t width;
    RowStore sampled;
    Array<const float*> table;
    Array<int> kinds;
    Array<double> norm_parts, norms, parts, products, scratch, kept, weights;
    WeightedOutput output;
  };

  KeepUnsuspicious select_;
  int draws_, width_;
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
    select.keep = a.n() - static_cast<int>(std::min<double>(a.n(), a.number("filter") * a.f()));
    return std::make_unique<DivideAndConquer>(select, a.count("draws"), a.count("coordinates"));
  };
});

}  // namespace
}  // namespace gauntlet
