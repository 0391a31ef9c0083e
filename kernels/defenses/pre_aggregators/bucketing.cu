// SPDX-License-Identifier: Apache-2.0
#include "kernels/defenses/rule.cuh"

namespace gauntlet {
namespace {

/// Message i goes to bucket rank(i) / size, where the ranks are those of random keys.
struct Bucketing : GramFunctor {
  static constexpr Reads reads = Reads::nothing;
  int size = 2;

  GAUNTLET_HD int rows_out(int n) const { return (n + size - 1) / size; }
  std::size_t scratch(int n) const { return static_cast<std::size_t>(n); }

  GAUNTLET_HD void operator()(const Team& team, const Gram& gram, double* mixing, double* keys) const {
    const int n = gram.n, s = size, buckets = (n + size - 1) / size;
    team.each(n, [=](int i) {
      keys[i] = Random(gram.seed, DefenseDraw::bucketing, gram.round, static_cast<std::uint32_t>(i)).word[0];
      for (int b = 0; b < buckets; ++b) mixing[std::int64_t{b} * n + i] = 0;
    });
    team.each(n, [=](int i) {
      int rank = 0;
      for (int j = 0; j < n; ++j) rank += keys[j] < keys[i] || (keys[j] == keys[i] && j < i);
      const int bucket = rank / s;
      const int members = bucket + 1 < buckets ? s : n - bucket * s;
      mixing[std::int64_t{bucket} * n + i] = 1.0 / members;
    });
  }
};

const Registered<Stage> bucketing([](Entry<Stage>& e) {
  e.name = "bucketing";
  e.summary = "shuffles the messages and averages them in buckets; ceil(n/size) messages remain";
  e.formula = "y_b = mean of the messages at positions b*size .. b*size+size-1 of a random permutation";
  e.source = "Karimireddy, He, Jaggi, Byzantine-Robust Learning on Heterogeneous Datasets via Bucketing, ICLR 2022";
  e.traits.permutation_invariant = false;
  e.traits.draws_workers = true;
  e.parameters = {count("size", "2", "messages in a bucket; the last one may hold fewer", 1)};
  e.known_answers = {{"size=3", 1, {{0, 0}, {3, 0}, {0, 9}}, {{1, 3}}}};
  e.make = [](const Arguments& a) {
    const int size = a.count("size");
    if (size > a.n())
      throw UserError("bucketing: size = " + std::to_string(size) + " is out of range 1.." + std::to_string(a.n()));
    Bucketing stage;
    stage.size = size;
    return pre_aggregator(stage);
  };
});

}  // namespace
}  // namespace gauntlet
