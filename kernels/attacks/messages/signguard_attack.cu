// SPDX-License-Identifier: Apache-2.0
#include "kernels/attacks/shared/honest.cuh"
#include "kernels/exec/permutation.cuh"

namespace gauntlet {
namespace {

constexpr std::int64_t chunk = 4096;

struct WriteMean {
  AttackView view;

  GAUNTLET_HD void operator()(int c, std::int64_t k) const {
    double mean[span_width];
    honest_mean(view, c, k, mean);
    float* out = extra_data(view, c, 0) + k;
    for (int l = 0; l < span_width; ++l) out[l] = static_cast<float>(mean[l]);
  }
};

/// One team: how many means of one chunk are positive and how many negative. Counts are exact in double.
struct CountSigns {
  AttackView view;
  int chunks;
  double* counts;  ///< [cells][chunks][2]

  GAUNTLET_HD void operator()(const Team& team, int index) const {
    const std::int64_t first = index % chunks * chunk;
    const float* mean = extra_data(view, index / chunks, 0) + first;
    const int width = static_cast<int>(view.d - first < chunk ? view.d - first : chunk);
    const double positive = team.sum(width, [=](int k) { return mean[k] > 0 ? 1.0 : 0.0; });
    const double negative = team.sum(width, [=](int k) { return mean[k] < 0 ? 1.0 : 0.0; });
    if (team.rank() == 0) counts[2 * std::int64_t{index}] = positive, counts[2 * std::int64_t{index} + 1] = negative;
  }
};

struct AddCounts {
  int chunks;
  const double* counts;
  double* totals;  ///< [cells][2]

  GAUNTLET_HD void operator()(std::int64_t index) const {
    const std::int64_t c = index / 2, which = index % 2;
    totals[index] = 0;
    for (int i = 0; i < chunks; ++i) totals[index] += counts[2 * (c * chunks + i) + which];
  }
};

struct WriteShuffled {
  AttackView view;
  const double* totals;

  GAUNTLET_HD void operator()(int c, std::int64_t k) const {
    const double positive = totals[2 * c], nonzero = positive + totals[2 * c + 1];
    const auto round = static_cast<std::uint32_t>(*view.round);
    const Permutation place(view.d, Random(view.seeds[c], AttackDraw::places, round, 0));
    float* out = extra_data(view, c, 0) + k;
    for (int l = 0; l < span_width; l += 4) {
      const Random random(view.seeds[c], AttackDraw::values, round, static_cast<std::uint32_t>((k + l) / 4));
      for (int i = 0; i < 4; ++i) {
        out[l + i] = 0;
        if (k + l + i >= view.d) continue;
        const auto rank = static_cast<double>(place(k + l + i));
        if (rank < nonzero) out[l + i] = rank < positive ? random.uniform(i) : -random.uniform(i);
      }
    }
  }
};

struct SendRow {
  GAUNTLET_HD double operator()(const AttackView& view, int, int, int p) const { return p == view.extra_row(0); }
};

class SignGuardAttack final : public Attack {
 public:
  int extra_rows() const override { return 1; }
  std::unique_ptr<BoundAttack> bind(Exec& exec, const AttackView& view, Rehearsal*) const override {
    return std::make_unique<Bound>(exec, view);
  }

 private:
  struct Bound final : BoundAttack {
    Bound(Exec& exec_, const AttackView& view_)
        : exec(exec_),
          view(view_),
          chunks(static_cast<int>((view.d + chunk - 1) / chunk)),
          counts(exec, static_cast<std::size_t>(view.cells) * chunks * 2),
          totals(exec, static_cast<std::size_t>(view.cells) * 2) {}

    void act() override {
      parallel_spans(exec, "honest mean", view.cells, view.d, WriteMean{view});
      for_teams(exec, "count signs", view.cells * chunks, 256, CountSigns{view, chunks, counts.data()});
      parallel_for(exec, "count signs", std::int64_t{view.cells} * 2, AddCounts{chunks, counts.data(), totals.data()});
      parallel_spans(exec, "shuffled signs", view.cells, view.d, WriteShuffled{view, totals.data()});
      write_mixing(exec, view, SendRow{});
    }

    Exec& exec;
    AttackView view;
    int chunks;
    Array<double> counts, totals;
  };
};

const RegisteredAttack signguard_attack([](Entry<Attack>& e) {
  e.name = "signguard-attack";
  e.summary = "random values with as many positive, negative and zero ones as the honest mean, in random places";
  e.formula = "b = random permutation of (U, ..., U, -U, ..., -U, 0, ..., 0), U uniform in (0, 1), counts as in mu";
  e.source = "Li, Ngai, Voigt, Blades, IoTDI 2024 (SignGuardAdversary)";
  e.known_answers = {{"", 1, {{0, 0}, {0, 0}, {9, 9}}, {{0, 0}}}};
  e.make = [](const Arguments&) { return std::make_unique<SignGuardAttack>(); };
});

}  // namespace
}  // namespace gauntlet
