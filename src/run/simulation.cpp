// SPDX-License-Identifier: Apache-2.0
#include "src/run/simulation.hpp"

#include <cmath>

#include "kernels/protocols/round.cuh"
#include "src/plan/components.hpp"
#include "src/run/cohort.hpp"
#include "src/run/sample_source.hpp"

namespace gauntlet {

namespace {

/// Rounds that run one by one on a GPU before the rest are replayed as a graph: one to warm up, the others timed.
constexpr int uncaptured_rounds = 6;

TaskShape shape_of(const Dataset& dataset) {
  return {dataset.features, dataset.classes, dataset.height, dataset.width, dataset.channels};
}

std::unique_ptr<Model> make_model(const Cell& cell, const Dataset& dataset) {
  std::shared_ptr<const ModelFamily> family = cell.parts->family;
  if (family == nullptr) {
    const ComponentText automatic{dataset.classes > 0 ? "softmax" : "linear", {}};
    family = Registry<ModelFamily>::find(automatic.name, "model").create(automatic, cell.workers, cell.byzantine);
  }
  auto model = family->build(shape_of(dataset));
  if (!dataset.start.empty() && static_cast<std::int64_t>(dataset.start.size()) != model->parameters())
    throw UserError("model '" + cell.model + "' has " + std::to_string(model->parameters()) + " parameters, but " +
                    cell.dataset + " starts from " + std::to_string(dataset.start.size()) + "; use model 'linear'");
  return model;
}

}  // namespace

CohortKey cohort_key(const Cell& cell) {
  return {key_of(cell, AxisGroup::cohort), cell.parts->computes_own(), cell.parts->defense->trusted_batch()};
}

std::size_t bytes_per_cell(const Cell& cell, const Dataset& dataset) {
  const auto model = make_model(cell, dataset);
  const Components& parts = *cell.parts;
  const int batch = cell.batch > 0 ? cell.batch : dataset.train.count;
  // Messages and the estimator's rows per worker; parameters, aggregate and what attack and defense keep per cell.
  const int workers = cell.workers + (parts.defense->trusted_batch() > 0);
  std::size_t rows = static_cast<std::size_t>(workers) * (1 + parts.estimator->rows_per_worker()) + 5;
  rows += parts.optimizer->rows_per_replica() + parts.defense->memory_rows(model->parameters());
  if (parts.attack) rows += parts.attack->extra_rows() + parts.attack->memory_rows();
  const auto inputs = static_cast<std::size_t>(workers) * batch * dataset.features;
  return (rows * static_cast<std::size_t>(padded(model->parameters())) + inputs) * sizeof(float) +
         model->bytes_per_replica(workers, batch);
}

struct Simulation::State {
  Exec& exec;
  std::vector<Cell> cells;
  std::shared_ptr<const DeviceData> data;
  int count, honest, senders;  ///< cells; of each, the honest workers and all that compute what they send
  int trusted, workers;        ///< samples of the server; the senders and, if it has samples, the server as the last
  std::unique_ptr<Model> model;
  std::shared_ptr<const Estimator> estimator;

  Array<int> round;
  int rounds_done = 0;
  bool captured = false, recordable;
  std::unique_ptr<SampleSource> samples;
  Array<std::uint64_t> cell_seeds;
  RowStore query, iterate, messages, aggregates;
  Array<float> losses, learning_rates, weight_decays;
  std::vector<std::vector<double>> rates;

  std::unique_ptr<BoundEstimator> bound_estimator;
  std::unique_ptr<Matrix> matrix;
  std::unique_ptr<BoundOptimizer> bound_optimizer;
  std::unique_ptr<EvaluationPass> evaluation;
  std::unique_ptr<DeviationMeter> deviation;

  State(Exec& exec_, std::vector<Cell> cells_, std::shared_ptr<const DeviceData> data_)
      : exec(exec_),
        cells(std::move(cells_)),
        data(std::move(data_)),
        count(static_cast<int>(cells.size())),
        round(exec, 1),
        recordable(exec.records_graphs()) {
    const Cell& cell = cells.front();
    honest = cell.workers - cell.byzantine;
    const bool own = cell.parts->computes_own();
    senders = own ? cell.workers : honest;
    trusted = cell.parts->defense->trusted_batch();
    workers = senders + (trusted > 0);
    model = make_model(cell, data->dataset());
    estimator = cell.parts->estimator;
    const std::int64_t d = model->parameters();
    query = RowStore(exec, count, d);
    if (estimator->averages()) iterate = RowStore(exec, count, d);
    messages = RowStore(exec, std::int64_t{count} * workers, d);
    aggregates = RowStore(exec, count, d);
    losses = Array<float>(exec, static_cast<std::size_t>(count) * workers);

    samples = std::make_unique<SampleSource>(exec, cells, data, senders, trusted, round.data());
    start_models();
    bind_estimator(own);
    bind_matrix(own);
    bind_optimizer();
    bind_observers();
  }

  RowStore& moved() { return estimator->averages() ? iterate : query; }

  void start_models() {
    const auto d = static_cast<std::size_t>(model->parameters());
    std::vector<float> start = data->dataset().start;
    for (int c = 0; c < count; ++c) {
      if (data->dataset().start.empty()) {
        start.resize(d);
        model->initialize(cells[static_cast<std::size_t>(c)].seed, start.data());
      }
      copy_to(exec, query.row(c), start.data(), d * sizeof(float));
      if (estimator->averages()) copy_to(exec, iterate.row(c), start.data(), d * sizeof(float));
    }
  }

  void bind_estimator(bool own) {
    EstimatorJob job;
    job.model = model.get();
    job.features = data->dataset().features;
    job.draw_batch = [this](int k) { samples->draw(k); };
    job.query = query.pointers();
    job.iterate = moved().pointers();
    const std::vector<float*> outputs = aggregates.pointers();
    job.aggregates.assign(outputs.begin(), outputs.end());
    std::vector<std::uint64_t> seeds;
    for (const Cell& cell : cells) seeds.push_back(cell.seed);
    cell_seeds = Array<std::uint64_t>(exec, seeds);
    job.seeds = cell_seeds.data();
    job.round = round.data();
    job.gradient.workers = workers;
    job.gradient.round = round.data();
    job.gradient.batch = samples->batch();
    job.gradient.parameters.assign(job.query.begin(), job.query.end());
    job.gradient.inputs = samples->inputs();
    job.gradient.labels = samples->labels();
    job.gradient.targets = samples->targets();
    job.gradient.gradients = messages.pointers();
    job.gradient.losses = losses.data();
    if (own) {
      for (const Cell& cell : cells) {
        const Attack& attack = *cell.parts->attack;
        const RoundWindow flips = attack.flips_labels() ? attack.window : RoundWindow::none();
        for (int w = 0; w < workers; ++w)
          job.gradient.flips.push_back(w >= honest && w < senders ? flips : RoundWindow::none());
      }
    }
    bound_estimator = estimator->bind(exec, job);
  }

  void bind_matrix(bool own) {
    Messages m;
    m.n = cells.front().workers, m.f = cells.front().byzantine, m.own = own;
    m.d = model->parameters();
    const std::vector<float*> rows = messages.pointers();
    for (int c = 0; c < count; ++c) {
      const auto first = rows.begin() + std::int64_t{c} * workers;
      m.computed.emplace_back(first, first + senders);
      if (trusted > 0) m.trusted.push_back(first[senders]);
    }
    m.aggregates = aggregates.pointers();
    m.models = moved().pointers();
    m.round = round.data();
    matrix = std::make_unique<Matrix>(exec, cells, m);
  }

  void bind_optimizer() {
    const int rounds = cells.front().rounds;
    std::vector<float> table, decays;
    for (const Cell& cell : cells) {
      rates.emplace_back();
      for (int t = 0; t < rounds; ++t) {
        rates.back().push_back(cell.learning_rate * cell.parts->schedule->factor(t, rounds));
        table.push_back(static_cast<float>(rates.back().back() * estimator->step_factor(t)));
      }
      decays.push_back(static_cast<float>(cell.weight_decay));
    }
    learning_rates = Array<float>(exec, table);
    weight_decays = Array<float>(exec, decays);
    OptimizerJob job;
    job.d = model->parameters();
    job.parameters = moved().pointers();
    const std::vector<float*> points = query.pointers(), rows = aggregates.pointers();
    job.points.assign(points.begin(), points.end());
    job.aggregates.assign(rows.begin(), rows.end());
    job.learning_rates = learning_rates.data();
    job.weight_decay = weight_decays.data();
    job.rounds = rounds;
    job.round = round.data();
    bound_optimizer = cells.front().parts->optimizer->bind(exec, job);
  }

  void bind_observers() {
    const std::vector<float*> models = query.pointers(), rows = messages.pointers(), outputs = aggregates.pointers();
    evaluation = model->evaluation_pass(exec, {models.begin(), models.end()}, data->test());
    std::vector<std::vector<const float*>> honest_rows;
    for (int c = 0; c < count; ++c)
      honest_rows.emplace_back(rows.begin() + std::int64_t{c} * workers,
                               rows.begin() + std::int64_t{c} * workers + honest);
    deviation = std::make_unique<DeviationMeter>(
        exec, honest_rows, std::vector<const float*>(outputs.begin(), outputs.end()), model->parameters());
  }

  // --- one round, in named steps -----------------------------------------------------------------------------------

  void sample() {
    const Phase phase(exec.timer(), "sample");
    samples->draw(0);
  }

  void estimate() {
    const Phase phase(exec.timer(), "gradient and estimate");
    bound_estimator->run();
  }

  void attack() { matrix->attack(); }

  void defend() { matrix->defend(); }

  void update() {
    const Phase phase(exec.timer(), "update", {}, std::int64_t{count} * model->parameters() * 12);
    bound_optimizer->step();
    bound_estimator->moved();
    advance_round(exec, round.data());
  }

  void run_round() {
    sample();
    estimate();
    attack();
    defend();
    update();
  }

  /// A round that cannot be recorded is launched step by step, as the first ones are.
  void record_round(const SimulationHooks& hooks) {
    try {
      exec.capture([this] { run_round(); });
      captured = true;
    } catch (const std::exception& error) {
      exec.check_alive(error);
      recordable = false;
      hooks.message(std::string("rounds cannot be recorded as a CUDA graph and are slower: ") + error.what());
    }
  }

  void next_round(const SimulationHooks& hooks) {
    if (recordable && !captured && rounds_done >= uncaptured_rounds) record_round(hooks);
    if (captured) {
      exec.replay();
    } else {
      exec.timer().enable(!exec.cuda() || (rounds_done > 0 && rounds_done < uncaptured_rounds));
      run_round();
      exec.timer().enable(false);
    }
    ++rounds_done;
  }

  std::vector<Evaluation> observe() {
    const std::vector<Score> scores = evaluation->run();
    std::vector<Evaluation> result(static_cast<std::size_t>(count));
    std::vector<Deviation> deviations(static_cast<std::size_t>(count), {NAN, NAN, NAN});
    std::vector<double> shares(static_cast<std::size_t>(count), NAN), distances = shares;
    std::vector<Observations> declared(static_cast<std::size_t>(count));  // by the components
    std::vector<float> batch_losses(static_cast<std::size_t>(count) * workers, NAN);
    if (rounds_done > 0) {
      deviations = deviation->measure();
      shares = matrix->byzantine_shares();
      declared = matrix->observe();
      const Observations estimated = bound_estimator->observe();
      for (int c = 0; c < count; ++c) declared[static_cast<std::size_t>(c)].merge(of_cell(estimated, count, c));
      batch_losses = losses.download();
    }
    if (!data->dataset().optimum.empty()) {
      RowStore optimum(exec, 1, model->parameters());
      copy_to(exec, optimum.row(0), data->dataset().optimum.data(), data->dataset().optimum.size() * sizeof(float));
      const std::vector<float*> models = query.pointers();
      distances = distances_to(exec, {models.begin(), models.end()}, optimum.row(0), model->parameters());
    }
    for (std::size_t c = 0; c < result.size(); ++c) {
      double loss = 0;
      for (int w = 0; w < honest; ++w) loss += batch_losses[c * static_cast<std::size_t>(workers) + w] / honest;
      const int last = rounds_done > 0 ? rounds_done - 1 : 0;
      result[c].round = rounds_done;
      result[c].values = {{"train_loss", {loss}},
                          {"test_loss", {scores[c].loss}},
                          {"test_accuracy", {scores[c].accuracy}},
                          {"aggregate_norm", {deviations[c].norm}},
                          {"aggregate_error", {deviations[c].error}},
                          {"aggregate_cosine", {deviations[c].cosine}},
                          {"byzantine_weight", {cells.front().byzantine > 0 ? shares[c] : NAN}},
                          {"learning_rate", {rates[c][static_cast<std::size_t>(last)]}},
                          {"optimum_distance", {distances[c]}}};
      result[c].values.merge(declared[c]);
    }
    return result;
  }

  std::vector<CellResult> run(const SimulationHooks& hooks) {
    std::vector<CellResult> results(static_cast<std::size_t>(count));
    for (std::size_t c = 0; c < results.size(); ++c) results[c].cell = cells[c].index;
    int running = count;
    const auto record = [&] {
      const std::vector<Evaluation> evaluations = observe();
      for (std::size_t c = 0; c < results.size(); ++c) {
        if (results[c].status != CellStatus::ok) continue;
        results[c].evaluations.push_back(evaluations[c]);
        const bool finite = std::isfinite(evaluations[c]["test_loss"]) &&
                            (rounds_done == 0 || std::isfinite(evaluations[c]["aggregate_norm"]));
        if (finite) continue;
        results[c].status = CellStatus::diverged;
        results[c].reason = "not finite at round " + std::to_string(rounds_done);
        --running;
      }
    };
    record();
    const int rounds = cells.front().rounds, every = cells.front().evaluate_every;
    while (rounds_done < rounds && running > 0) {
      if (hooks.stop != nullptr && hooks.stop->load()) return {};
      next_round(hooks);
      hooks.round_done(count);
      if (rounds_done % every == 0 || rounds_done == rounds) {
        exec.timer().enable(true);
        {
          const Phase phase(exec.timer(), "observe");
          record();
        }
        exec.timer().enable(false);
      }
    }
    if (running == 0)
      for (; rounds_done < rounds; ++rounds_done) hooks.round_done(count);
    return results;
  }
};

Simulation::Simulation(Exec& exec, std::vector<Cell> cells, std::shared_ptr<const DeviceData> data)
    : state_(std::make_unique<State>(exec, std::move(cells), std::move(data))) {}

Simulation::~Simulation() = default;

std::vector<CellResult> Simulation::run(const SimulationHooks& hooks) { return state_->run(hooks); }

void Simulation::advance(int rounds) {
  for (int t = 0; t < rounds; ++t) state_->next_round({});
  state_->exec.synchronize();
}

std::int64_t Simulation::parameters() const { return state_->model->parameters(); }

std::vector<float> Simulation::messages() const {
  const auto d = static_cast<std::size_t>(parameters());
  const RowStore& rows = state_->messages;
  std::vector<float> values(static_cast<std::size_t>(rows.rows()) * d);
  for (std::int64_t i = 0; i < rows.rows(); ++i)
    copy_from(state_->exec, values.data() + static_cast<std::size_t>(i) * d, rows.row(i), d * sizeof(float));
  return values;
}

}  // namespace gauntlet
