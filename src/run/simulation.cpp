// SPDX-License-Identifier: Apache-2.0
#include "src/run/simulation.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "kernels/exec/round_counter.cuh"
#include "kernels/passes/deviation.cuh"
#include "kernels/passes/passes.cuh"
#include "kernels/protocols/adversary.cuh"
#include "src/cell/components.hpp"
#include "src/run/cohort.hpp"
#include "src/run/cohort_results.hpp"
#include "src/run/repeat.hpp"
#include "src/run/roster.hpp"
#include "src/run/sample_source.hpp"

namespace gauntlet {

struct Simulation::State {
  /// Rounds that run one by one on a GPU before the rest are replayed as a graph: one to warm up, the others timed.
  static constexpr int uncaptured_rounds = 6;

  Exec& exec;
  std::vector<Cell> cells;
  std::shared_ptr<const DeviceData> data;
  int count;                 ///< cells
  Roster roster;             ///< of every cell
  std::vector<int> numbers;  ///< of a cell's workers, model by model
  int replicas;              ///< the models of all cells, cell by cell
  std::unique_ptr<Model> model;
  std::shared_ptr<const Estimator> estimator;

  RoundCounter round;
  int rounds_done = 0;
  std::unique_ptr<SampleSource> samples;
  Array<std::uint64_t> seeds;
  RowStore query, iterate, messages, aggregates;
  Array<float> losses, learning_rates, weight_decays;
  std::vector<std::vector<double>> rates;

  std::unique_ptr<BoundEstimator> bound_estimator;
  std::unique_ptr<BoundProtocol> protocol;
  std::unique_ptr<Repeat> repeat;  ///< where the protocol compares
  std::vector<float*> moves;       ///< by replica: the aggregate that moves it
  std::unique_ptr<BoundOptimizer> bound_optimizer;
  std::unique_ptr<EvaluationPass> evaluation;
  std::unique_ptr<DeviationMeter> deviation;
  RowStore mean_models;  ///< of the cells' honest models, where there are several
  Array<const float*> averaged;
  Array<float*> mean_rows;

  bool recordable;
  std::set<int> launched;             ///< variants of a round that have run step by step
  std::map<int, Recording> recorded;  ///< by variant

  State(Exec& exec_, std::vector<Cell> cells_, std::shared_ptr<const DeviceData> data_)
      : exec(exec_),
        cells(std::move(cells_)),
        data(std::move(data_)),
        count(static_cast<int>(cells.size())),
        roster(roster_of(cells.front())),
        numbers(roster.numbers()),
        replicas(count * roster.models),
        model(make_model(cells.front(), data->dataset())),
        estimator(cells.front().parts->estimator),
        round(exec),
        recordable(exec.records_graphs()) {
    const std::int64_t d = model->parameters();
    query = RowStore(exec, replicas, d);
    if (estimator->averages()) iterate = RowStore(exec, replicas, d);
    messages = RowStore(exec, std::int64_t{replicas} * roster.workers(), d);
    aggregates = RowStore(exec, replicas, d);
    losses = Array<float>(exec, static_cast<std::size_t>(messages.rows()));

    samples = std::make_unique<SampleSource>(exec, cells, roster, data, round.data());
    start_models();
    bind_protocol();
    bind_estimator();
    bind_optimizer();
    bind_observers();
  }

  RowStore& moved() { return estimator->averages() ? iterate : query; }
  const Cell& cell_of(int replica) const { return cells[static_cast<std::size_t>(replica / roster.models)]; }

  void start_models() {
    const auto d = static_cast<std::size_t>(model->parameters());
    std::vector<float> start = data->dataset().start;
    for (int r = 0; r < replicas; ++r) {
      if (data->dataset().start.empty()) {
        start.resize(d);
        model->initialize(cell_of(r).seed, start.data());
      }
      copy_to(exec, query.row(r), start.data(), d * sizeof(float));
      if (estimator->averages()) copy_to(exec, iterate.row(r), start.data(), d * sizeof(float));
    }
  }

  void bind_estimator() {
    EstimatorJob job;
    job.model = model.get();
    job.features = data->dataset().features;
    job.draw_batch = [this](int k) { samples->draw(k); };
    job.query = query.pointers();
    job.iterate = moved().pointers();
    job.aggregates.assign(moves.begin(), moves.end());
    std::vector<std::uint64_t> each_seed;
    for (int r = 0; r < replicas; ++r) each_seed.push_back(cell_of(r).seed);
    seeds = Array<std::uint64_t>(exec, each_seed);
    job.seeds = seeds.data();
    job.round = round.data();
    for (int c = 0; c < count; ++c) job.numbers.insert(job.numbers.end(), numbers.begin(), numbers.end());
    job.gradient.workers = roster.workers();
    job.gradient.round = round.data();
    job.gradient.batch = samples->batch();
    job.gradient.parameters.assign(job.query.begin(), job.query.end());
    job.gradient.inputs = samples->inputs();
    job.gradient.labels = samples->labels();
    job.gradient.targets = samples->targets();
    job.gradient.gradients = messages.pointers();
    job.gradient.losses = losses.data();
    if (roster.senders > roster.honest)
      for (const Cell& cell : cells)
        for (const int number : numbers)
          job.gradient.flips.push_back(roster.is_byzantine(number) ? label_flips(*cell.parts->attack)
                                                                   : RoundWindow::none());
    bound_estimator = estimator->bind(exec, job);
    if (protocol->repeats() > 0)
      repeat = std::make_unique<Repeat>(exec, cells, *estimator, job, *samples, data, *protocol);
  }

  void bind_protocol() {
    Wiring wiring;
    wiring.n = cells.front().workers, wiring.f = cells.front().byzantine;
    wiring.own = roster.senders > roster.honest;
    wiring.views = roster.models;
    wiring.d = model->parameters();
    for (int c = 0; c < count; ++c) {
      const Cell& cell = cells[static_cast<std::size_t>(c)];
      wiring.cells.push_back({cell.parts->attack, cell.parts->defense, cell.seed, cell.attack, cell.defense});
      for (std::size_t i = 0; i < numbers.size(); ++i) {
        float* row =
            messages.row(std::int64_t{c} * static_cast<std::int64_t>(numbers.size()) + static_cast<std::int64_t>(i));
        (numbers[i] == roster.server() ? wiring.trusted : wiring.computed).push_back(row);
      }
    }
    wiring.aggregates = aggregates.pointers();
    wiring.models = moved().pointers();
    wiring.round = round.data();
    protocol = cells.front().parts->protocol->bind(exec, wiring);
    moves = protocol->aggregates();
    if (moves.empty()) moves = wiring.aggregates;
  }

  void bind_optimizer() {
    const int rounds = cells.front().rounds;
    std::vector<float> table, decays;
    for (const Cell& cell : cells) {
      rates.emplace_back();
      for (int t = 0; t < rounds; ++t)
        rates.back().push_back(cell.learning_rate * cell.parts->schedule->factor(t, rounds));
      for (int k = 0; k < roster.models; ++k) {
        for (int t = 0; t < rounds; ++t)
          table.push_back(static_cast<float>(rates.back()[static_cast<std::size_t>(t)] * estimator->step_factor(t)));
        decays.push_back(static_cast<float>(cell.weight_decay));
      }
    }
    learning_rates = Array<float>(exec, table);
    weight_decays = Array<float>(exec, decays);
    OptimizerJob job;
    job.d = model->parameters();
    job.parameters = moved().pointers();
    const std::vector<float*> points = query.pointers();
    job.points.assign(points.begin(), points.end());
    job.aggregates.assign(moves.begin(), moves.end());
    job.learning_rates = learning_rates.data();
    job.weight_decay = weight_decays.data();
    job.rounds = rounds;
    job.round = round.data();
    bound_optimizer = cells.front().parts->optimizer->bind(exec, job);
  }

  void bind_observers() {
    const std::vector<float*> models = query.pointers(), rows = messages.pointers();
    std::vector<const float*> evaluated(models.begin(), models.end());
    if (roster.models > 1) average_models(evaluated);
    evaluation = model->evaluation_pass(exec, evaluated, data->test());
    std::vector<std::vector<const float*>> honest_rows;
    for (int r = 0; r < replicas; ++r) {
      const auto first = static_cast<std::size_t>(r / roster.models) * numbers.size();
      honest_rows.emplace_back();
      for (std::size_t i = 0; i < numbers.size(); ++i)
        if (roster.is_honest(numbers[i])) honest_rows.back().push_back(rows[first + i]);
    }
    deviation = std::make_unique<DeviationMeter>(
        exec, honest_rows, std::vector<const float*>(moves.begin(), moves.end()), model->parameters());
  }

  /// Behind the models, the mean of every cell's honest ones is evaluated, too.
  void average_models(std::vector<const float*>& evaluated) {
    mean_models = RowStore(exec, count, model->parameters());
    std::vector<const float*> honest;
    for (int r = 0; r < replicas; ++r)
      if (r % roster.models < roster.honest_models()) honest.push_back(evaluated[static_cast<std::size_t>(r)]);
    averaged = Array<const float*>(exec, honest);
    mean_rows = Array<float*>(exec, mean_models.pointers());
    for (const float* row : mean_models.pointers()) evaluated.push_back(row);
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

  /// Attack and defense.
  void exchange() {
    protocol->exchange(protocol->variant(rounds_done));
    if (!repeat) return;
    const Phase phase(exec.timer(), "recompute");
    repeat->run();
    protocol->compare();
  }

  void update() {
    {
      const Phase phase(exec.timer(), "update", {}, std::int64_t{replicas} * model->parameters() * 12);
      bound_optimizer->step();
    }
    protocol->moved(protocol->variant(rounds_done));
    bound_estimator->moved();
    round.advance();
  }

  void run_round() {
    sample();
    estimate();
    exchange();
    update();
  }

  /// A round that cannot be recorded is launched step by step, as the first ones are.
  void record_round(int variant, const SimulationHooks& hooks) {
    try {
      recorded[variant] = exec.capture([this] { run_round(); });
    } catch (const std::exception& error) {
      exec.check_alive(error);
      recordable = false;
      hooks.message(std::string("rounds cannot be recorded as a CUDA graph and are slower: ") + error.what());
    }
  }

  void next_round(const SimulationHooks& hooks) {
    const int variant = protocol->variant(rounds_done);
    const bool warm = rounds_done >= uncaptured_rounds && launched.count(variant) != 0;
    if (recordable && warm && recorded.count(variant) == 0) record_round(variant, hooks);
    if (const auto found = recorded.find(variant); found != recorded.end()) {
      exec.replay(found->second);
    } else {
      exec.timer().enable(!exec.cuda() || (rounds_done > 0 && rounds_done < uncaptured_rounds));
      run_round();
      exec.timer().enable(false);
      launched.insert(variant);
    }
    ++rounds_done;
  }

  /// The mean over each cell's honest models of what every replica has.
  template <class Value, class Get>
  std::vector<double> per_cell(const std::vector<Value>& replica_values, Get get) const {
    std::vector<double> means;
    for (int c = 0; c < count; ++c) {
      const auto first = static_cast<std::size_t>(c * roster.models);
      double sum = get(replica_values[first]);
      for (int k = 1; k < roster.honest_models(); ++k) sum += get(replica_values[first + static_cast<std::size_t>(k)]);
      means.push_back(sum / roster.honest_models());
    }
    return means;
  }

  std::vector<Evaluation> observe() {
    if (mean_models.rows() > 0)
      moments(exec, {count, roster.honest_models(), model->parameters(), averaged.data()}, roster.honest_models(),
              mean_rows.data(), nullptr);
    const std::vector<Score> scores = evaluation->run();
    std::vector<Evaluation> result(static_cast<std::size_t>(count));
    std::vector<Deviation> deviations(static_cast<std::size_t>(replicas), {NAN, NAN, NAN});
    std::vector<double> distances(static_cast<std::size_t>(replicas), NAN);
    std::vector<Observations> declared(static_cast<std::size_t>(count));  // by the components
    std::vector<float> batch_losses(losses.size(), NAN);
    if (rounds_done > 0) {
      deviations = deviation->measure();
      declared = protocol->observe();
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
    const auto test_loss = per_cell(scores, [](const Score& s) { return s.loss; });
    const auto accuracy = per_cell(scores, [](const Score& s) { return s.accuracy; });
    const auto norm = per_cell(deviations, [](const Deviation& v) { return v.norm; });
    const auto error = per_cell(deviations, [](const Deviation& v) { return v.error; });
    const auto cosine = per_cell(deviations, [](const Deviation& v) { return v.cosine; });
    const auto distance = per_cell(distances, [](double v) { return v; });
    for (std::size_t c = 0; c < result.size(); ++c) {
      double loss = 0;
      for (std::size_t i = 0; i < numbers.size(); ++i)
        if (roster.is_honest(numbers[i])) loss += batch_losses[c * numbers.size() + i] / roster.honest;
      const int last = rounds_done > 0 ? rounds_done - 1 : 0;
      result[c].round = rounds_done;
      result[c].values = std::move(declared[c]);
      result[c].values.merge(Observations{{"train_loss", {loss}},
                                          {"test_loss", {test_loss[c]}},
                                          {"test_accuracy", {accuracy[c]}},
                                          {"aggregate_norm", {norm[c]}},
                                          {"aggregate_error", {error[c]}},
                                          {"aggregate_cosine", {cosine[c]}},
                                          {"learning_rate", {rates[c][static_cast<std::size_t>(last)]}},
                                          {"optimum_distance", {distance[c]}}});
      if (mean_models.rows() == 0) continue;
      const auto first = scores.begin() + static_cast<std::ptrdiff_t>(c) * roster.models;
      const auto worst = std::min_element(first, first + roster.honest_models(), [](const Score& a, const Score& b) {
        return std::isnan(a.accuracy) ? !std::isnan(b.accuracy) : a.accuracy < b.accuracy;
      });
      result[c].values["worst_accuracy"] = {worst->accuracy};
      result[c].values["mean_model_accuracy"] = {scores[static_cast<std::size_t>(replicas) + c].accuracy};
    }
    return result;
  }

  bool has_events() const { return protocol->rounds_between_events() > 0; }
  /// Whether the protocol could lose events in the next round.
  bool events_due() const { return has_events() && rounds_done % protocol->rounds_between_events() == 0; }

  std::vector<CellResult> run(const SimulationHooks& hooks) {
    CohortResults results(cells, has_events());
    results.add(observe());
    const int rounds = cells.front().rounds, every = cells.front().evaluate_every;
    while (rounds_done < rounds && results.running()) {
      if (hooks.stop != nullptr && hooks.stop->load()) return {};
      next_round(hooks);
      hooks.round_done(count);
      const bool evaluated = rounds_done % every == 0 || rounds_done == rounds;
      if (!evaluated && !events_due()) continue;
      exec.timer().enable(true);
      {
        const Phase phase(exec.timer(), "observe");
        if (has_events()) results.add(protocol->events());
        if (evaluated) results.add(observe());
      }
      exec.timer().enable(false);
    }
    if (!results.running())
      for (; rounds_done < rounds; ++rounds_done) hooks.round_done(count);
    return results.take();
  }
};

Simulation::Simulation(Exec& exec, std::vector<Cell> cells, std::shared_ptr<const DeviceData> data)
    : state_(std::make_unique<State>(exec, std::move(cells), std::move(data))) {}

Simulation::~Simulation() = default;

std::vector<CellResult> Simulation::run(const SimulationHooks& hooks) { return state_->run(hooks); }

void Simulation::advance(int rounds) {
  for (int t = 0; t < rounds; ++t) {
    state_->next_round({});
    if (state_->events_due()) (void)state_->protocol->events();
  }
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
