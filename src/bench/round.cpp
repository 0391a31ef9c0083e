// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <chrono>
#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include "src/bench/bench.hpp"
#include "src/cell/components.hpp"
#include "src/data/load.hpp"
#include "src/run/runner.hpp"
#include "src/run/simulation.hpp"

namespace gauntlet {

namespace {

/// Rounds that warm every path up, the recording of the CUDA graph included.
constexpr int warm_rounds = 10;

std::vector<Cell> cells_for(const BenchOptions& options, const std::string& protocol, const std::string& attack,
                            const std::string& defense, int count) {
  std::vector<Cell> cells(static_cast<std::size_t>(count));
  ComponentMaker maker;
  for (int i = 0; i < count; ++i) {
    Cell& cell = cells[static_cast<std::size_t>(i)];
    cell.index = i;
    cell.dataset = "synthetic-digits", cell.model = options.model, cell.partition = "iid";
    cell.batch = options.batch;
    cell.workers = options.workers, cell.byzantine = cell.declared = options.byzantine;
    cell.estimator = "momentum(beta=0.9)", cell.optimizer = "sgd", cell.schedule = "constant";
    cell.protocol = protocol;
    cell.learning_rate = 0.1;
    cell.attack = attack, cell.defense = defense;
    cell.seed = static_cast<std::uint64_t>(i);
    cell.rounds = cell.evaluate_every = options.rounds + warm_rounds;
    cell.parts = maker.parts(cell);
    const std::string unmet = cell.parts->protocol->unmet(
        {cell.parts->attack, cell.parts->defense, cell.seed, attack, defense}, cell.workers, cell.byzantine);
    if (!unmet.empty()) throw UserError(unmet);
  }
  return cells;
}

/// Lets all threads start their timed rounds together.
class StartLine {
 public:
  explicit StartLine(int runners) : missing_(runners) {}
  void wait() {
    std::unique_lock<std::mutex> lock(mutex_);
    if (--missing_ == 0) {
      start_ = std::chrono::steady_clock::now();
      all_here_.notify_all();
    } else {
      all_here_.wait(lock, [this] { return missing_ == 0; });
    }
  }
  double seconds_since() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::mutex mutex_;
  std::condition_variable all_here_;
  int missing_;
  std::chrono::steady_clock::time_point start_;
};

/// Seconds for options.rounds rounds of all cells: on the CPU each thread advances its share of them one by one.
double time_rounds(const DeviceChoice& device, int threads, const std::vector<Cell>& cells, const BenchOptions& options,
                   const std::shared_ptr<const Dataset>& dataset, std::vector<TimingRow>& breakdown) {
  StartLine line(threads);
  std::mutex mutex;
  std::exception_ptr error;
  const auto attempt = [&](const std::function<void()>& work) {
    try {
      work();
    } catch (...) {
      const std::lock_guard<std::mutex> lock(mutex);
      error = std::current_exception();
    }
  };
  std::vector<std::thread> pool;
  for (int t = 0; t < threads; ++t)
    pool.emplace_back([&, t] {
      std::optional<Exec> exec;
      std::vector<std::unique_ptr<Simulation>> mine;
      attempt([&] {
        exec.emplace(device.backend, device.device);
        const auto data = std::make_shared<DeviceData>(*exec, dataset);
        if (device.backend == Backend::cuda) {
          mine.push_back(std::make_unique<Simulation>(*exec, cells, data));
        } else {
          for (std::size_t c = static_cast<std::size_t>(t); c < cells.size(); c += static_cast<std::size_t>(threads))
            mine.push_back(std::make_unique<Simulation>(*exec, std::vector<Cell>{cells[c]}, data));
        }
        for (auto& simulation : mine) simulation->advance(warm_rounds);
        if (device.backend == Backend::cpu) exec->timer().clear();
      });
      line.wait();  // in any case: the others wait for this thread, too
      attempt([&] {
        for (auto& simulation : mine) simulation->advance(options.rounds);
        const double elapsed = line.seconds_since();
        if (!exec) return;
        const std::lock_guard<std::mutex> lock(mutex);
        for (const auto& [key, total] : exec->timer().totals())
          breakdown.push_back({"", key.first, key.second, total.calls, total.total_s, total.min_s, 0});
        breakdown.push_back({"", "elapsed", "", 1, elapsed, elapsed, 0});
      });
    });
  for (std::thread& thread : pool) thread.join();
  if (error) std::rethrow_exception(error);
  double slowest = 0;
  for (const TimingRow& row : breakdown)
    if (row.step == "elapsed") slowest = std::max(slowest, row.total_s);
  return slowest;
}

/// Seconds a round of what protocols do alike (`alike`), or of attack and defense.
double seconds_of(const std::vector<TimingRow>& breakdown, bool alike, int rounds) {
  double total = 0;
  for (const TimingRow& row : breakdown)
    if (row.step != "elapsed" && alike == (row.step != "attack" && row.step.rfind("defend", 0) != 0))
      total += row.total_s;
  return total / rounds;
}

/// Messages of a cell that are computed: the attackers' own only where the attack starts from them.
int computed_messages(const BenchOptions& options, const std::string& protocol, const std::string& attack,
                      const std::string& defense) {
  const Cell cell = cells_for(options, protocol, attack, defense, 1).front();
  return cell.parts->computes_own() ? options.workers : options.workers - options.byzantine;
}

}  // namespace

void bench_round(const DeviceChoice& device, const BenchOptions& options) {
  const bool cuda = device.backend == Backend::cuda;
  const int wanted = cuda ? 1 : options.threads > 0 ? options.threads : default_threads();
  const int count = options.cells > 0 ? options.cells : cuda ? 64 : wanted;
  const int threads = std::min(wanted, count);
  const auto dataset = load_dataset("synthetic-digits", "", 0, options.workers);
  std::vector<std::string> defenses = options.defenses;
  if (defenses.empty()) defenses = {"trimmed-mean", "nnm | rfa"};
  for (const std::string& defense : defenses) (void)rule_pipeline(defense, options.workers, options.byzantine);
  std::vector<std::string> attacks = options.attacks;
  if (attacks.empty()) attacks = {"ipm(epsilon=1)"};

  // The floor: of each message that is computed, the momentum read and written, a Gram pass and a combine or column
  // pass (4 d floats); and the operations of the forward and backward products.
  double bandwidth = 0, rate = 0, operations = 0;  // of one message
  std::int64_t d = 0;
  {
    Exec exec(device.backend, device.device);
    const auto text = parse_component(options.model);
    const auto model =
        Registry<ModelFamily>::find(text.name, "model")
            .create(text, options.workers, options.byzantine)
            ->build({dataset->features, dataset->classes, dataset->height, dataset->width, dataset->channels});
    d = model->parameters();
    operations = model->operations_per_sample() * options.batch;
    bandwidth = copy_bandwidth(exec, static_cast<std::size_t>(4 * d * options.workers * (cuda ? count : 1)));
    rate = gemm_rate(exec);
  }
  const double bytes = 16.0 * static_cast<double>(d);
  fmt::print("{}, d = {}, n = {}, f = {}, batch {}, {} cell(s), {} thread(s), {} rounds\n", options.model, d,
             options.workers, options.byzantine, options.batch, count, threads, options.rounds);
  fmt::print("per message: {:.2f} MB at {:.1f} GB/s = {:.5f} ms; {:.4f} GFLOP at {:.0f} GFLOP/s = {:.5f} ms{}\n",
             bytes * 1e-6, bandwidth * 1e-9, bytes / bandwidth * 1e3, operations * 1e-9, rate * 1e-9,
             operations / rate * 1e3, cuda ? "" : " (one thread)");
  std::vector<std::string> protocols = options.protocols;
  if (protocols.empty()) protocols = {"server"};
  for (const std::string& defense : defenses) {
    double first = 0;
    for (const std::string& attack : attacks) {
      double first_exchange = 0, first_protocol = 0;
      for (const std::string& protocol : protocols) {
        std::vector<TimingRow> breakdown;
        const double seconds = time_rounds(device, threads, cells_for(options, protocol, attack, defense, count),
                                           options, dataset, breakdown);
        const double each = seconds / options.rounds / count;
        const double floor_s = computed_messages(options, protocol, attack, defense) *
                               std::max(bytes / bandwidth, operations / rate) / threads;
        if (first == 0) first = each;
        fmt::print("{:<24} {:<20} {}{:.4f} ms per cell and round, {:.1f} x the floor of {:.4f} ms{}\n", defense, attack,
                   protocols.size() > 1 ? fmt::format("{:<24} ", protocol) : "", each * 1e3, each / floor_s,
                   floor_s * 1e3,
                   attacks.size() > 1 ? fmt::format(", {:.2f} x {}", each / first, attacks.front()) : "");
        if (&protocol == &protocols.front()) {
          first_protocol = each;
          first_exchange = seconds_of(breakdown, false, options.rounds);
        } else {
          fmt::print("    {:.2f} x {}", each / first_protocol, protocols.front());
          if (!cuda && threads == 1)
            fmt::print(", {:.2f} x its own gradients and one exchange of {}",
                       seconds / options.rounds / (seconds_of(breakdown, true, options.rounds) + first_exchange),
                       protocols.front());
          fmt::print("\n");
        }
        for (const TimingRow& row : breakdown)
          if (row.step != "elapsed" && threads == 1)
            fmt::print("    {:<26} {:<24} {:.4f} ms a call\n", row.step, row.rule,
                       row.total_s / static_cast<double>(row.calls) / (cuda ? count : 1) * 1e3);
      }
    }
  }
}

}  // namespace gauntlet
