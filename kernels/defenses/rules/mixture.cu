// SPDX-License-Identifier: Apache-2.0
#include <numeric>

#include "kernels/defenses/engine/custom.cuh"
#include "kernels/defenses/engine/pipeline.cuh"

namespace gauntlet {
namespace {

/// The pipeline that the inbox's seed draws for the round.
struct Draw {
  const int* shares;  ///< [pipelines]
  int total;
  const std::uint64_t* seeds;
  const int* round;

  GAUNTLET_HD int operator()(std::int64_t c) const {
    const Random random(seeds[c], DefenseDraw::mixture, static_cast<std::uint32_t>(*round), 0);
    int drawn = 0;
    for (auto left = static_cast<int>(random.below(static_cast<std::uint32_t>(total))); left >= shares[drawn]; ++drawn)
      left -= shares[drawn];
    return drawn;
  }
};

/// Takes over its output.
struct PickDrawn {
  Draw draw;
  const float* outputs;  ///< [pipelines][count] padded rows
  int count;
  std::int64_t stride;
  float* const* out;

  GAUNTLET_HD void operator()(int c, std::int64_t k) const {
    const float* from = outputs + (std::int64_t{draw(c)} * count + c) * stride + k;
    for (int l = 0; l < span_width; ++l) out[c][k + l] = from[l];
  }
};

/// And the weights of the base rows in it.
struct PickWeights {
  Draw draw;
  const double* weights;  ///< [pipelines][count][m]
  int count, m;
  double* drawn;  ///< [count][m]

  GAUNTLET_HD void operator()(std::int64_t index) const {
    drawn[index] = weights[std::int64_t{draw(index / m)} * count * m + index];
  }
};

using Pipelines = std::vector<std::shared_ptr<const Pipeline>>;

struct Choice {
  Pipelines pipelines;
  std::vector<int> shares;
  std::string unmet;
};

template <class Holds>
bool any_of(const Choice& choice, Holds holds) {
  return std::any_of(choice.pipelines.begin(), choice.pipelines.end(),
                     [&](const auto& each) { return each != nullptr && holds(*each); });
}

/// All pipelines run in every round, so that the draw can stay on the device and those with a memory see every round.
struct Mixture final : CustomRule<Choice> {
  static std::string unmet_within(const Choice& choice) { return choice.unmet; }
  static bool remembers(const Choice& choice) {
    return any_of(choice, [](const Pipeline& each) { return each.remembers(); });
  }
  static bool remembers_workers(const Choice& choice) {
    return any_of(choice, [](const Pipeline& each) { return each.remembers_workers(); });
  }
  static bool follows_model(const Choice& choice) {
    return any_of(choice, [](const Pipeline& each) { return each.follows_model(); });
  }
  static bool needs_neighborhood(const Choice& choice) {
    return any_of(choice, [](const Pipeline& each) { return each.needs_neighborhood(); });
  }
  static int memory_rows(const Choice& choice, int, std::int64_t d) {
    int rows = 0;
    for (const auto& pipeline : choice.pipelines) rows += pipeline == nullptr ? 0 : 1 + pipeline->memory_rows(d);
    return rows;
  }

  Mixture(Exec& exec_, const CustomStage::Job& job_, const Choice& given_) : CustomRule(exec_, job_, given_) {
    for (const auto& pipeline : given.pipelines) {
      Defense::Job inner;
      inner.inboxes = job.inboxes, inner.workers = job.workers;
      inner.seeds = job.seeds, inner.round = job.round;
      inner.out = out.data() + defenses.size() * static_cast<std::size_t>(count);
      inner.models = job.models, inner.neighborhoods = job.neighborhoods;
      defenses.push_back(std::make_unique<Defense>(exec, pipeline, inner));
    }
  }

  void run(bool rehearsal) override {
    // What they take is part of a step that is being timed.
    const bool timed = exec.timer().enabled();
    exec.timer().enable(false);
    for (const auto& defense : defenses) defense->run(rehearsal);
    exec.timer().enable(timed);
    const Draw draw{shares.data(), std::accumulate(given.shares.begin(), given.shares.end(), 0), job.seeds, job.round};
    parallel_spans(exec, "pick drawn", count, d, PickDrawn{draw, outputs.row(0), count, padded(d), job.out});
    if (!rehearsal) return;
    const int size = count * m;
    for (std::size_t k = 0; k < defenses.size(); ++k) defenses[k]->base_weights(weights.data() + k * size);
    parallel_for(exec, "pick drawn", size, PickWeights{draw, weights.data(), count, m, drawn_weights.data()});
  }

  Sources sources() const override { return {drawn_weights.data(), 1, m, true}; }

  Array<int> shares{exec, given.shares};
  RowStore outputs{exec, static_cast<std::int64_t>(given.pipelines.size()) * count, d};
  Array<float*> out{exec, outputs.pointers()};
  Array<double> weights = doubles(given.pipelines.size() * m), drawn_weights = doubles(m);
  std::vector<std::unique_ptr<Defense>> defenses;
};

/// The pipeline, or null and the reason in `unmet` where its needs are not met. \throws UserError.
std::shared_ptr<const Pipeline> inner_pipeline(const std::vector<ComponentText>& stages, int n, int f,
                                               std::string& unmet) {
  for (const ComponentText& stage : stages)
    if (stage.name == "mixture") throw UserError("a mixture may not hold another one");
  unmet = unmet_need(stages, n, f);
  if (!unmet.empty()) return nullptr;
  auto pipeline = std::make_shared<const Pipeline>(stages, n, f);
  if (!pipeline->has_rule())
    throw UserError("'" + to_string(stages) + "' ends without a rule; add one, as in 'nnm | trimmed-mean'");
  if (pipeline->trusted_batch() > 0)
    throw UserError("a mixture may not hold '" + to_string(stages) + "', whose rule takes a trusted message");
  return pipeline;
}

const Registered<Stage> mixture([](Entry<Stage>& e) {
  e.name = "mixture";
  e.summary =
      "one of several pipelines, drawn anew in every round; all of them run, and see every round if they have a memory";
  e.formula = "y = the output of pipeline k, drawn with probability weights_k / sum of weights";
  e.source = "El Mhamdi, Guerraoui, Rouault, ByzantineMomentum, ICLR 2021 (code)";
  e.parameters = {pipelines("rules", "[krum, median, trimmed-mean]", "what is drawn from; no mixture among them"),
                  list("weights", "[]", "how often each is drawn, in proportion; []: all equally often", 1, 1e6)};
  e.needs = {"what each of its rules needs", [](int n, int f) { return n > f; }};
  e.known_answers = {{"", 0, {{2, 3}, {2, 3}, {2, 3}}, {{2, 3}}},
                     {"rules=[median, nnm | trimmed-mean(trim=0)], weights=[3, 2]", 0, {{1}, {5}, {2}, {4}}, {{3}}}};
  e.make = [](const Arguments& a) {
    const auto texts = a.pipelines("rules");
    std::vector<int> shares = a.list("weights");
    if (shares.empty()) shares.assign(texts.size(), 1);
    if (shares.size() != texts.size())
      throw UserError("mixture: there are " + std::to_string(texts.size()) + " rules, but " +
                      std::to_string(shares.size()) + " weights");
    Pipelines inner;
    std::string unmet;
    try {
      for (std::size_t i = 0; i < texts.size() && unmet.empty(); ++i)
        inner.push_back(inner_pipeline(texts[i], a.n(), a.f(), unmet));
    } catch (const UserError& error) {
      throw UserError("mixture: " + std::string(error.what()));
    }
    return custom_rule<Mixture>(Choice{std::move(inner), std::move(shares), std::move(unmet)});
  };
});

}  // namespace
}  // namespace gauntlet
