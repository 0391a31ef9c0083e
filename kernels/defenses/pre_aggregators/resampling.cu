// SPDX-License-Identifier: Apache-2.0
#include "kernels/defenses/rule.cuh"

namespace gauntlet {
namespace {

/// Slot q holds a copy of message q / size; the slots are shuffled by random keys and dealt out in groups of `size`.
struct Resampling : GramFunctor {
  static constexpr Reads reads = Reads::nothing;
  int size = 2;

  GAUNTLET_HD int rows_out(int n) const { return n; }
  std::size_t scratch(int n) const { return 2 * static_cast<std::size_t>(n) * static_cast<std::size_t>(size); }

  GAUNTLET_HD void operator()(const Team& team, const Gram& gram, double* mixing, double* keys) const {
    const int n = gram.n, s = size, slots = n * s;
    double* groups = keys + slots;
    team.each(slots, [=](int q) {
      keys[q] = Random(gram.seed, DefenseDraw::resampling, gram.round, static_cast<std::uint32_t>(q)).word[0];
    });
    team.each(slots, [=](int q) {
      int rank = 0;
      for (int p = 0; p < slots; ++p) rank += keys[p] < keys[q] || (keys[p] == keys[q] && p < q);
      groups[q] = rank / s;
    });
    team.each(n * n, [=](int index) {
      const int group = index / n, i = index % n;
      int copies = 0;
      for (int q = i * s; q < (i + 1) * s; ++q) copies += groups[q] == group;
      mixing[index] = static_cast<double>(copies) / s;
    });
  }
};

const Registered<Stage> resampling([](Entry<Stage>& e) {
  e.name = "resampling";
  e.summary = "n means of `size` messages each, every message being used `size` times";
  e.formula = "y_b = mean of group b of a random deal of `size` copies of every message into n groups";
  e.source = "He, Karimireddy, Jaggi, Byzantine-Robust Learning on Heterogeneous Datasets via Resampling, 2020";
  e.traits.permutation_invariant = false;
  e.traits.mean_without_byzantine = true;
  e.traits.draws_workers = true;
  e.parameters = {count("size", "2", "messages in a mean, and copies of each message", 1, 64)};
  // Whatever the deal, equal messages come back.
  e.known_answers = {{"", 1, {{2, 3}, {2, 3}, {2, 3}}, {{2, 3}, {2, 3}, {2, 3}}}};
  e.make = [](const Arguments& a) {
    Resampling stage;
    stage.size = a.count("size");
    return pre_aggregator(stage);
  };
});

}  // namespace
}  // namespace gauntlet
