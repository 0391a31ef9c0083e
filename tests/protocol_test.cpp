// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <set>

#include "kernels/estimators/worker_gradient.cuh"
#include "kernels/protocols/adversary.cuh"
#include "tests/backends.hpp"
#include "tests/cells.hpp"
#include "tests/environment.hpp"
#include "tests/training/estimators.hpp"
#include "tests/trial.hpp"

/// The parts that protocols are made of, and simulations with several models in a cell.
namespace gauntlet {
namespace {

constexpr std::int64_t width = 37;

std::shared_ptr<const Attack> attack_of(const std::string& text, int n, int f) {
  const ComponentText component = parse_component(text);
  return Registry<Attack>::find(component.name, "attack").create(component, n, f);
}

std::shared_ptr<const Pipeline> defense_of(const std::string& text, int n, int f) {
  return std::make_shared<const Pipeline>(parse_pipeline(text), n, f);
}

/// What a wiring needs, in the back end's memory.
struct Setting {
  RowStore given, out;
  Array<int> round;
  Wiring wiring;

  Setting(Exec& exec, std::vector<Match> cells, int n, int f, int views)
      : given(exec, static_cast<std::int64_t>(cells.size()) * n, width),
        out(exec, static_cast<std::int64_t>(cells.size()) * views, width),
        round(exec, 1) {
    wiring.cells = std::move(cells);
    wiring.n = n, wiring.f = f, wiring.own = true, wiring.views = views, wiring.d = width;
    wiring.computed = given.pointers();
    wiring.aggregates = out.pointers();
    wiring.round = round.data();
  }
};

/// The messages of cell c in a round, [n][width].
std::vector<float> messages_in(int n, int c, int t) {
  return random_numbers(static_cast<std::size_t>(n) * width, static_cast<std::uint32_t>(100 * c + t), 1);
}

TEST_CASE("cells of one cohort are attacked and aggregated as if each were alone", "[protocols]") {
  const int n = 9, f = 2, rounds = 4;
  const std::vector<std::string> attacks = {
      "alie", "alie(start=1, every=2)", "optimal", "seesaw(budget=search)", "mimic", "gaussian"};
  const std::vector<std::string> defenses = {"median", "nnm | krum", "centered-clipping(tau=0.5)"};
  std::vector<std::shared_ptr<const Attack>> made_attacks;
  std::vector<std::shared_ptr<const Pipeline>> made_defenses;
  for (const auto& text : attacks) made_attacks.push_back(attack_of(text, n, f));
  for (const auto& text : defenses) made_defenses.push_back(defense_of(text, n, f));
  for (const auto& exec : test_backends()) {
    INFO(backend_name(*exec));
    std::vector<Match> cells;
    std::vector<std::unique_ptr<Trial>> alone;
    for (std::uint64_t seed = 0; seed < 2; ++seed)
      for (std::size_t a = 0; a < attacks.size(); ++a)
        for (std::size_t b = 0; b < defenses.size(); ++b) {
          cells.push_back({made_attacks[a], made_defenses[b], seed});
          alone.push_back(
              std::make_unique<Trial>(*exec, attacks[a], defenses[b], n, f, width, std::vector<std::uint64_t>{seed}));
        }
    Setting stage(*exec, cells, n, f, 1);
    const auto bound =
        Registry<Protocol>::find("server", "protocol").create({"server", {}}, n, f)->bind(*exec, stage.wiring);
    for (int t = 0; t < rounds; ++t) {
      for (std::size_t c = 0; c < cells.size(); ++c)
        for (int i = 0; i < n; ++i)
          copy_to(*exec, stage.given.row(static_cast<std::int64_t>(c) * n + i),
                  messages_in(n, static_cast<int>(c), t).data() + i * width, sizeof(float) * width);
      stage.round.upload({t});
      bound->exchange(bound->variant(t));
      for (std::size_t c = 0; c < cells.size(); ++c) {
        INFO("round " << t << ", cell " << c);
        std::vector<float> got(width);
        copy_from(*exec, got.data(), stage.out.row(static_cast<std::int64_t>(c)), sizeof(float) * width);
        REQUIRE(got == alone[c]->play(t, messages_in(n, static_cast<int>(c), t).data()));
      }
    }
    CHECK(bound->observe().size() == cells.size());
  }
}

TEST_CASE("every receiver of a cell gets the same Byzantine messages", "[protocols]") {
  const int n = 6, f = 2, views = 3;
  for (const auto& exec : test_backends())
    for (const int t : {0, 1}) {  // in round 0 the attack waits and the attackers send their own messages
      Setting stage(*exec, std::vector<Match>(2, {attack_of("ipm(epsilon=2, start=1)", n, f), nullptr}), n, f, views);
      Aggregators aggregators(*exec, stage.wiring);
      stage.round.upload({t});
      Adversary(*exec, stage.wiring, aggregators).act();
      for (std::size_t c = 0; c < 2; ++c) {
        const Aggregators::Inbox& inbox = aggregators.inbox(c);
        const std::size_t m = inbox.base.size();
        std::vector<double> got(views * n * m), want;
        copy_from(*exec, got.data(), inbox.mixing, sizeof(double) * got.size());
        for (int v = 0; v < views; ++v)
          for (int i = 0; i < n; ++i)
            for (std::size_t p = 0; p < m; ++p) {
              const bool honest_row = static_cast<int>(p) < n - f, itself = static_cast<int>(p) == i;
              want.push_back(i < n - f || t == 0 ? itself : honest_row ? -2.0 / (n - f) : 0);
            }
        REQUIRE(got.size() == want.size());
        for (std::size_t k = 0; k < got.size(); ++k) REQUIRE(got[k] == Approx(want[k]));
      }
    }
}

TEST_CASE("what tries a defense out needs one that aggregates", "[protocols]") {
  const int n = 7, f = 2;
  for (const auto& exec : test_backends()) {
    Setting none(*exec, {{attack_of("optimal", n, f), nullptr}}, n, f, 1);
    Aggregators idle(*exec, none.wiring);
    CHECK_FALSE(user_error([&] { Adversary(*exec, none.wiring, idle); }).empty());
  }
}

TEST_CASE("workers draw the samples of their numbers, however they are grouped", "[protocols]") {
  const int numbers = 4, batch_size = 5, samples = 30;
  std::vector<std::int32_t> own(samples), labels(samples);
  for (int i = 0; i < samples; ++i) own[i] = i, labels[i] = i;
  for (const auto& exec : test_backends()) {
    const Array<float> values(*exec, std::vector<float>(samples, 0.0f));
    const Array<std::int32_t> label_values(*exec, labels), shard(*exec, own), all(*exec, {0, 1, 2, 3});
    const Array<std::int32_t> sizes(*exec, std::vector<std::int32_t>(numbers, samples));
    const Array<const std::int32_t*> shards(*exec, std::vector<const std::int32_t*>(numbers, shard.data()));
    const Array<std::uint64_t> seeds(*exec, std::vector<std::uint64_t>(numbers, 17));
    const Array<int> round(*exec, std::vector<int>{3});
    Array<float> inputs(*exec, numbers * batch_size);
    Features data;
    data.count = samples, data.features = 1, data.values = values.data(), data.labels = label_values.data();
    const auto drawn = [&](int streams) {
      SampleStreams s;
      s.streams = streams, s.workers = numbers / streams, s.batch = batch_size;
      s.numbers = all.data(), s.seeds = seeds.data(), s.round = round.data();
      s.shards = shards.data(), s.shard_sizes = sizes.data(), s.server = 3;
      Array<std::int32_t> got(*exec, numbers * batch_size);
      std::vector<float*> to;
      std::vector<std::int32_t*> to_labels;
      for (int i = 0; i < streams; ++i) {
        to.push_back(inputs.data() + i * s.workers * batch_size);
        to_labels.push_back(got.data() + i * s.workers * batch_size);
      }
      const Array<float*> table(*exec, to);
      const Array<std::int32_t*> label_table(*exec, to_labels);
      gather_samples(*exec, data, s, table.data(), label_table.data(), nullptr);
      return got.download();
    };
    const auto together = drawn(1);
    CHECK(drawn(2) == together);
    CHECK(drawn(4) == together);
    CHECK(std::set<std::int32_t>(together.begin(), together.end()).size() > 8);
  }
}

TEST_CASE("noise follows the worker's number, however workers are grouped", "[protocols]") {
  const int count = 4, size = 6;
  const auto model =
      Registry<ModelFamily>::find("softmax", "model").create(parse_component("softmax"), 1, 0)->build(shape);
  const std::int64_t d = model->parameters();
  for (const auto& exec : test_backends()) {
    const Array<std::uint64_t> seeds(*exec, std::vector<std::uint64_t>(count, 9));
    const Array<int> round(*exec, std::vector<int>{2});
    const Array<float> inputs(*exec, static_cast<std::size_t>(count) * size * shape.features);
    const Array<std::int32_t> labels(*exec, static_cast<std::size_t>(count) * size);
    const auto messages = [&](int grouped, const std::vector<int>& numbers) {
      RowStore points(*exec, grouped, d), rows(*exec, count, d);
      EstimatorJob job;
      job.model = model.get(), job.features = shape.features;
      job.seeds = seeds.data(), job.round = round.data(), job.numbers = numbers;
      job.query = job.iterate = points.pointers();
      const int each = count / grouped;
      job.gradient.workers = each, job.gradient.batch = size;
      job.gradient.parameters.assign(job.query.begin(), job.query.end());
      for (int r = 0; r < grouped; ++r) {
        job.gradient.inputs.push_back(inputs.data() + std::int64_t{r} * each * size * shape.features);
        job.gradient.labels.push_back(labels.data() + std::int64_t{r} * each * size);
      }
      job.gradient.gradients = rows.pointers();
      WorkerGradient(*exec, job, {1, 0.5, 1e-6}).run(1, 0);
      return rows.values().download();
    };
    const auto difference = [](const std::vector<float>& a, const std::vector<float>& b) {
      float most = 0;
      for (std::size_t i = 0; i < a.size(); ++i) most = std::max(most, std::abs(a[i] - b[i]));
      return most;
    };
    const auto together = messages(1, {});
    CHECK(difference(messages(4, {0, 1, 2, 3}), together) < 1e-4F);
    CHECK(difference(messages(2, {0, 1, 2, 3}), together) < 1e-4F);
    CHECK(difference(messages(4, {}), together) > 1);  // each the first of its replica
  }
}

/// Everybody trains alone: each worker's message is its model's aggregate. In every third round nobody moves.
class Alone final : public Protocol {
  struct Bound final : BoundProtocol {
    Bound(Exec& exec, const Wiring& wiring) : exec(exec), wiring(wiring) {}
    void exchange(int variant) override {
      const std::size_t bytes = sizeof(float) * static_cast<std::size_t>(padded(wiring.d));
      for (std::size_t i = 0; i < wiring.aggregates.size(); ++i)
        if (variant == 1)
          fill_zero(exec, wiring.aggregates[i], bytes);
        else
          copy_within(exec, wiring.aggregates[i], wiring.computed[i], bytes);
    }
    int variant(int round) const override { return round % 3 == 1; }
    std::vector<Observations> observe() const override { return std::vector<Observations>(wiring.cells.size()); }
    Exec& exec;
    Wiring wiring;
  };
  Shape shape(int n, int f, bool own) const override { return {own ? n : n - f, 0}; }
  std::unique_ptr<BoundProtocol> bind(Exec& exec, const Wiring& wiring) const override {
    return std::make_unique<Bound>(exec, wiring);
  }
};

Cell alone_under(Cell cell) {
  cell = with_parts(cell);
  auto parts = std::make_shared<Components>(*cell.parts);
  parts->protocol = std::make_shared<const Alone>();
  cell.parts = parts;
  return cell;
}

std::shared_ptr<const DeviceData> data_for(Exec& exec, const Cell& cell) {
  return std::make_shared<DeviceData>(exec, load_dataset(cell.dataset, "", cell.seed, cell.workers - cell.byzantine));
}

TEST_CASE("models with one worker each start as the workers of one model do", "[simulation]") {
  for (const char* estimator :
       {"gradient(clip=0.5, privacy_epsilon=1)", "local-steps(steps=2, clip=0.5, privacy_epsilon=1)"})
    for (const char* attack : {"ipm", "label-flip"}) {
      Cell cell = small_cell(attack, "mean");
      cell.estimator = estimator;
      for (const auto& exec : test_backends()) {
        INFO(backend_name(*exec) << ", " << estimator << ", " << attack);
        std::vector<Cell> one(2, with_parts(cell)), many(2, alone_under(cell));
        one[1].seed = many[1].seed = 5;
        const auto data = data_for(*exec, cell);
        Simulation together(*exec, one, data), apart(*exec, many, data);
        together.advance(1);
        apart.advance(1);
        const auto want = together.messages(), got = apart.messages();
        REQUIRE(got.size() == want.size());
        double most = 0, size = 0;
        for (std::size_t i = 0; i < got.size(); ++i) {
          most = std::max(most, std::abs(static_cast<double>(got[i]) - want[i]));
          size = std::max(size, std::abs(static_cast<double>(want[i])));
        }
        CHECK(size > 0.1);
        CHECK(most < 1e-4 * size);
      }
    }
}

TEST_CASE("a round's variants are replayed as they are launched", "[simulation]") {
  std::vector<Cell> cells(3, alone_under(small_cell("none", "mean", 4, 1)));
  for (std::size_t c = 0; c < cells.size(); ++c) cells[c].seed = c, cells[c].rounds = 14, cells[c].evaluate_every = 1;
  for (const auto& exec : test_backends()) {
    INFO(backend_name(*exec));
    const auto run = [&] { return Simulation(*exec, cells, data_for(*exec, cells.front())).run({}); };
    const auto results = run();
    for (const CellResult& result : results) {
      REQUIRE(result.evaluations.size() == 15);
      for (int t = 0; t < 14; ++t) CHECK((result.evaluations[t + 1]["aggregate_norm"] == 0) == (t % 3 == 1));
    }
    const Environment environment("GAUNTLET_GRAPH", "off");
    CHECK(bytes_of(run()) == bytes_of(results));
  }
}

}  // namespace
}  // namespace gauntlet
