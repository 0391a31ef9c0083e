// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "src/report/csv.hpp"
#include "tests/command.hpp"
#include "tests/training/estimators.hpp"

using namespace gauntlet;

namespace {

/// The regression's shape: cells, workers of each, samples of a batch, numbers of a sample.
constexpr int cells = 2, each = 2, lines = 3, numbers = 5;

/// Entry (sample, j) of a worker's k-th batch; j = numbers is the target.
double entry(int unit, int k, int sample, int j) {
  return Random(9, Purpose::noise, static_cast<std::uint32_t>(unit), static_cast<std::uint32_t>(k),
                static_cast<std::uint32_t>(sample * (numbers + 1) + j))
      .normal();
}

struct Descent {
  const char* text;
  int steps;
  double rate, momentum, clip;
};

/// FedAvg by its definition: what one worker's model moves from x, and the loss at x.
std::pair<Vector, double> federated_average(const Descent& descent, int unit, const Vector& x) {
  Vector y = x, velocity(x.size(), 0.0);
  double first_loss = 0;
  for (int k = 0; k < descent.steps; ++k) {
    Vector gradient(x.size(), 0.0);
    for (int s = 0; s < lines; ++s) {
      double error = -entry(unit, k, s, numbers);
      for (int j = 0; j < numbers; ++j) error += y[j] * entry(unit, k, s, j);
      for (int j = 0; j < numbers; ++j) gradient[j] += 2 * error * entry(unit, k, s, j) / lines;
      if (k == 0) first_loss += error * error / lines;
    }
    double norm = 0;
    for (const double g : gradient) norm += g * g;
    const double factor = std::min(1.0, descent.clip / std::sqrt(norm));
    for (int j = 0; j < numbers; ++j) {
      velocity[j] = descent.momentum * velocity[j] + factor * gradient[j];
      y[j] -= descent.rate * velocity[j];
    }
  }
  Vector moved = x;
  for (int j = 0; j < numbers; ++j) moved[j] -= y[j];
  return {moved, first_loss};
}

/// The losses and accuracies of a small run, by evaluation.
std::vector<double> run(const std::string& estimator, const std::string& more) {
  const TemporaryFolder folder;
  write_text(folder / "spec.toml", R"toml(name = "one"
[task]
dataset = "synthetic-digits(train=300, test=100)"
model = "mlp(hidden=[10])"
[workers]
byzantine = 0
[matrix]
attacks = ["none"]
defenses = ["mean"]
)toml");
  std::vector<std::string> arguments = {"run", "spec.toml", "--device", "cpu", "--quiet", "--out", "out", "--set"};
  arguments.push_back("training.estimator=\"" + estimator + "\"");
  for (std::size_t at = 0, end = 0; end != std::string::npos; at = end + 1) {
    end = more.find(' ', at);
    arguments.insert(arguments.end(), {"--set", more.substr(at, end - at)});
  }
  CommandOptions options;
  options.folder = folder.path();
  const CommandResult result = run_command(arguments, options);
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
  const CsvTable table = read_csv(folder / "out/convergence.csv");
  std::vector<double> values;
  for (std::size_t r = 1; r < table.rows.size(); ++r)
    for (const char* column : {"test_loss", "test_accuracy"}) values.push_back(table.number(r, table.column(column)));
  return values;
}

void check_equal(const std::vector<double>& a, const std::vector<double>& b) {
  REQUIRE(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i) CHECK(a[i] == Approx(b[i]).epsilon(1e-4));
}

}  // namespace

TEST_CASE("Local steps are FedAvg on a linear regression, by hand", "[estimators]") {
  const Descent descents[] = {{"local-steps(steps=1, learning_rate=1)", 1, 1, 0, INFINITY},
                              {"local-steps(steps=4, learning_rate=0.05)", 4, 0.05, 0, INFINITY},
                              {"local-steps(steps=6, learning_rate=0.05, momentum=0.7)", 6, 0.05, 0.7, INFINITY},
                              {"local-steps(steps=5, momentum=0.5, clip=0.8)", 5, 0.1, 0.5, 0.8}};
  const auto model = Registry<ModelFamily>::find("linear", "model")
                         .create(parse_component("linear"), 2, 0)
                         ->build(TaskShape{numbers, 0, 0, 0, 0});
  for (const auto& exec : test_backends())
    for (const Descent& descent : descents) {
      RowStore query(*exec, cells, numbers), messages(*exec, cells * each, numbers);
      Array<float> inputs(*exec, cells * each * lines * numbers), targets(*exec, cells * each * lines);
      Array<float> losses(*exec, cells * each);
      const Array<int> round(*exec, 1);
      const Array<std::uint64_t> seeds(*exec, cells);
      const auto draw = [&](int k) {
        std::vector<float> in, out;
        for (int unit = 0; unit < cells * each; ++unit)
          for (int s = 0; s < lines; ++s) {
            for (int j = 0; j < numbers; ++j) in.push_back(static_cast<float>(entry(unit, k, s, j)));
            out.push_back(static_cast<float>(entry(unit, k, s, numbers)));
          }
        inputs.upload(in), targets.upload(out);
      };
      EstimatorJob job;
      job.model = model.get();
      job.features = numbers, job.draw_batch = draw, job.seeds = seeds.data(), job.round = round.data();
      job.gradient.workers = each, job.gradient.batch = lines;
      job.query = job.iterate = query.pointers();
      std::vector<Vector> starts;
      for (int c = 0; c < cells; ++c) {
        const std::vector<float> start = random_numbers(numbers, static_cast<std::uint32_t>(c), 1);
        copy_to(*exec, query.row(c), start.data(), numbers * sizeof(float));
        starts.emplace_back(start.begin(), start.end());
        job.gradient.parameters.push_back(query.row(c));
        job.gradient.inputs.push_back(inputs.data() + c * each * lines * numbers);
        job.gradient.targets.push_back(targets.data() + c * each * lines);
      }
      job.gradient.gradients = messages.pointers();
      job.gradient.losses = losses.data();
      const ComponentText text = parse_component(descent.text);
      const auto bound = Registry<Estimator>::find(text.name, "estimator").create(text, 2, 0)->bind(*exec, job);

      for (int repeat = 0; repeat < 2; ++repeat) {  // nothing is left of a round in the next
        draw(0);
        bound->run();
        const std::vector<float> got = messages.values().download(), got_losses = losses.download();
        INFO(backend_name(*exec) << ", " << descent.text);
        for (int unit = 0; unit < cells * each; ++unit) {
          const auto [moved, loss] = federated_average(descent, unit, starts[unit / each]);
          CHECK(got_losses[unit] == Approx(loss).epsilon(1e-5));
          for (int j = 0; j < padded(numbers); ++j)
            REQUIRE(got[unit * padded(numbers) + j] == Approx(j < numbers ? moved[j] : 0).margin(1e-5));
        }
      }
    }
}

TEST_CASE("One local step with learning rate 1 is the gradient", "[estimators]") {
  for (const auto& exec : test_backends()) {
    Cohort plain(*exec), local(*exec);
    const auto gradient = plain.bind("gradient"), step = local.bind("local-steps(steps=1, learning_rate=1)");
    for (int t = 0; t < rounds; ++t) {
      plain.begin(t), local.begin(t);
      gradient->run(), step->run();
      REQUIRE(distance(plain.messages(), local.messages()) < 1e-6);  // the GEMMs' shapes differ
    }
  }
  const std::string set = "workers.honest=4 rounds=20 evaluate_every=5 task.batch=5";
  check_equal(run("local-steps(steps=1, learning_rate=1)", set), run("gradient", set));
}

TEST_CASE("One worker's local steps on all its samples are as many rounds", "[estimators]") {
  const std::string set = "workers.honest=1 task.batch=0 ";
  check_equal(
      run("local-steps(steps=5, learning_rate=0.2)", set + "training.learning_rate=1 rounds=4 evaluate_every=1"),
      run("gradient", set + "training.learning_rate=0.2 rounds=20 evaluate_every=5"));
}

TEST_CASE("Local steps are taken on mini-batches of their own", "[estimators]") {
  // Five samples, learned by heart, would not tell much about the others.
  const std::string set =
      "workers.honest=1 task.model=\"softmax\" task.batch=5 training.learning_rate=1 rounds=1 evaluate_every=1";
  CHECK(run("local-steps(steps=200, learning_rate=0.1)", set)[1] > 0.6);
}

TEST_CASE("Momentum at the server and in the optimizer are one under the mean", "[estimators]") {
  const std::string set = "workers.honest=3 rounds=20 evaluate_every=5 task.batch=5 training.learning_rate=0.02 ";
  check_equal(run("server-momentum(beta=0.8, damping=0.1)", set + "training.optimizer=\"sgd\""),
              run("gradient", set + "training.optimizer=\"momentum(beta=0.8,damping=0.1)\""));
}

TEST_CASE("Every estimator runs with every defense", "[estimators]") {
  const TemporaryFolder folder;
  std::string estimators = "\"momentum(clip=1, privacy_epsilon=0.5)\"";
  for (const std::string& name : Registry<Estimator>::names()) estimators += ", \"" + name + "\"";
  write_text(folder / "spec.toml", R"toml(name = "every"
rounds = 2
evaluate_every = 2
[task]
dataset = "gaussian-mixture(train=120, test=20)"
model = "softmax"
batch = 3
[workers]
honest = 8
byzantine = 1
[training]
protocol = ["server", "agreement", "gossip(graph=complete)"]
estimator = [)toml" + estimators + R"toml(]
[matrix]
attacks = ["label-flip", "ipm"]
defenses = "all"
)toml");
  CommandOptions options;
  options.folder = folder.path();
  const CommandResult result = run_command({"run", "spec.toml", "--device", "cpu", "--quiet", "--out", "out"}, options);
  INFO(result.err);
  CHECK(result.exit_code == 0);
  const CsvTable table = read_csv(folder / "out/summary.csv");
  CHECK(table.rows.size() > 600);
  std::map<std::string, int> runs;
  for (const auto& row : table.rows) {
    const std::string &defense = row[table.column("defense")], &status = row[table.column("status")];
    INFO(row[table.column("estimator")] << ", " << defense << ", " << row[table.column("protocol")]);
    CHECK((status == "ok" || row[table.column("reason")].find(": protocol ") != std::string::npos));
    runs[defense] += status == "ok";
  }
  for (const auto& [defense, count] : runs) {
    INFO(defense);
    CHECK(count >= static_cast<int>(2 * (Registry<Estimator>::names().size() + 1)));
  }
}
