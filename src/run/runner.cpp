// SPDX-License-Identifier: Apache-2.0
#include "src/run/runner.hpp"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <exception>
#include <map>
#include <mutex>
#include <new>
#include <set>
#include <thread>
#include <tuple>

#include "src/cell/components.hpp"
#include "src/data/deal.hpp"
#include "src/data/load.hpp"
#include "src/run/sample_source.hpp"
#include "src/run/simulation.hpp"

namespace gauntlet {

namespace {

using DatasetPointer = std::shared_ptr<const Dataset>;

/// Cells that may advance together, with their data.
struct Cohort {
  DatasetPointer dataset;
  std::vector<Cell> cells;
};

int receivers_of(const Cell& cell) { return cell.byzantine_data ? cell.workers : cell.workers - cell.byzantine; }

DatasetPointer dataset_of(const Cell& cell) {
  return load_dataset(cell.dataset, cell.data_dir, cell.seed, receivers_of(cell));
}

/// Passes put models in the second or third dimension of a CUDA grid, which ends at 65,535.
constexpr std::size_t most_models_together = 65535;

/// On the CPU every cell is a cohort of its own; on CUDA cells of one key are put together while memory lasts.
std::deque<Cohort> form_cohorts(std::vector<Cell> cells, bool together, std::size_t memory_bytes) {
  std::deque<Cohort> cohorts;
  struct Open {
    std::size_t cohort, bytes;
  };
  std::map<std::pair<CohortKey, const Dataset*>, Open> open;  // by key: the cohort that still has room
  std::map<std::pair<CohortKey, const Components*>, std::size_t> known;
  for (Cell& cell : cells) {
    const DatasetPointer dataset = dataset_of(cell);
    if (!together) {
      cohorts.push_back({dataset, {std::move(cell)}});
      continue;
    }
    const auto key = std::make_pair(cohort_key(cell), dataset.get());
    const auto [size, is_new] = known.try_emplace({key.first, cell.parts.get()}, 0);
    if (is_new) size->second = bytes_per_cell(cell, *dataset);
    const auto found = open.find(key);
    const auto most_cells = most_models_together / static_cast<std::size_t>(roster_of(cell).models);
    if (found != open.end() && cohorts[found->second.cohort].cells.size() < most_cells &&
        found->second.bytes + size->second <= memory_bytes) {
      cohorts[found->second.cohort].cells.push_back(std::move(cell));
      found->second.bytes += size->second;
    } else {
      open[key] = {cohorts.size(), size->second};
      cohorts.push_back({dataset, {std::move(cell)}});
    }
  }
  return cohorts;
}

class Runner {
 public:
  Runner(const DeviceChoice& device, std::deque<Cohort> cohorts, const RunnerHooks& hooks)
      : device_(device), cohorts_(std::move(cohorts)), hooks_(hooks) {}

  std::vector<TimingRow> run(int threads) {
    std::vector<std::thread> pool;
    for (int t = 0; t < threads; ++t) pool.emplace_back([this] { work(); });
    for (std::thread& thread : pool) thread.join();
    if (error_) std::rethrow_exception(error_);
    return std::move(timing_);
  }

 private:
  bool stopped() const { return hooks_.stop != nullptr && hooks_.stop->load(); }

  void work() {
    try {
      Exec exec(device_.backend, device_.device);
      std::shared_ptr<const DeviceData> data;
      for (Cohort cohort; next(cohort);) {
        if (data == nullptr || &data->dataset() != cohort.dataset.get())
          data = std::make_shared<DeviceData>(exec, cohort.dataset);
        run_cohort(exec, std::move(cohort.cells), data);
      }
      collect_timing(exec);
    } catch (...) {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (!error_) error_ = std::current_exception();
    }
  }

  bool next(Cohort& cohort) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (error_ || stopped() || cohorts_.empty()) return false;
    cohort = std::move(cohorts_.front());
    cohorts_.pop_front();
    return true;
  }

  void run_cohort(Exec& exec, std::vector<Cell> cells, const std::shared_ptr<const DeviceData>& data) {
    std::vector<CellResult> results;
    try {
      SimulationHooks hooks;
      hooks.stop = hooks_.stop;
      hooks.round_done = [this](int advanced) {
        const std::lock_guard<std::mutex> lock(mutex_);
        if (hooks_.advanced) hooks_.advanced(advanced);
      };
      hooks.message = [this](const std::string& text) {
        const std::lock_guard<std::mutex> lock(mutex_);
        if (hooks_.message && told_.insert(text).second) hooks_.message(text);
      };
      Simulation simulation(exec, cells, data);
      results = simulation.run(hooks);
      if (results.empty()) return;  // stopped
    } catch (const std::exception& error) {
      exec.check_alive(error);
      const bool memory = dynamic_cast<const std::bad_alloc*>(&error) != nullptr;
      // Neither one bad cell nor a cohort that does not fit may take other cells with it: each half by itself.
      if (cells.size() > 1) {
        const auto middle = cells.begin() + static_cast<std::ptrdiff_t>(cells.size() / 2);
        if (!stopped()) run_cohort(exec, {cells.begin(), middle}, data);
        if (!stopped()) run_cohort(exec, {middle, cells.end()}, data);
        return;
      }
      CellResult failed;
      failed.cell = cells.front().index;
      failed.status = CellStatus::failed;
      failed.reason =
          memory ? "out of memory; try fewer workers, a smaller model or batch, or fewer --threads" : error.what();
      results = {failed};
    }
    const std::lock_guard<std::mutex> lock(mutex_);
    for (std::size_t c = 0; c < cells.size(); ++c) hooks_.finished(cells[c], results[c]);
  }

  void collect_timing(Exec& exec) {
    const std::string name = device_name(device_);
    const auto& totals = exec.timer().totals();
    const std::lock_guard<std::mutex> lock(mutex_);
    for (const auto& [key, total] : totals) {
      TimingRow row;
      row.device = name, row.step = key.first, row.rule = key.second;
      row.calls = total.calls, row.total_s = total.total_s, row.min_s = total.min_s;
      row.bytes = static_cast<double>(total.bytes);
      timing_.push_back(row);
    }
  }

  DeviceChoice device_;
  std::deque<Cohort> cohorts_;
  const RunnerHooks& hooks_;
  std::mutex mutex_;
  std::exception_ptr error_;
  std::set<std::string> told_;
  std::vector<TimingRow> timing_;
};

/// \throws UserError where workers whose batch is all they have would have batches of different sizes.
void check_whole_parts(const Cell& cell, const DatasetPointer& dataset) {
  const Roster roster = roster_of(cell);
  (void)common_size(shards_of(cell, dataset, roster.senders, roster.trusted), roster.honest, roster.senders,
                    roster.trusted > 0);
}

}  // namespace

std::map<std::string, std::string> check_cells(std::vector<Cell>& cells) {
  std::map<std::string, std::string> checksums;
  std::map<std::pair<std::string, std::string>, std::int64_t> parameters;  // of models, with their datasets
  std::set<std::pair<CellKey, bool>> dealt;                                // whether the workers own their data
  std::set<std::tuple<CellKey, std::string, int, std::string>> servers;
  for (Cell& cell : cells) {
    if (!cell.skipped.empty()) continue;
    const DatasetPointer dataset = dataset_of(cell);
    const auto [d, is_new] = parameters.try_emplace({cell.dataset, cell.model}, 0);
    if (is_new) d->second = make_model(cell, *dataset)->parameters();
    cell.skipped = cell.parts->protocol->unmet_parameters(cell.workers, d->second);
    if (!cell.skipped.empty()) {
      cell.parts = nullptr;
      continue;
    }
    if (checksums.count(cell.dataset) == 0 && is_fixed(cell.dataset)) checksums[cell.dataset] = checksum(*dataset);
    Cell any_seed = cell;
    any_seed.seed = 0;
    const CellKey key = key_of(any_seed, AxisGroup::samples);
    if (dealt.emplace(key, !dataset->owner.empty()).second) (void)shards_of(cell, dataset, 1, 0);
    if (!servers.emplace(key, cell.defense, cell.declared, cell.batch == 0 ? cell.attack : "").second) continue;
    const int trusted = cell.parts->defense->trusted_batch();
    if (trusted > 0) (void)deal_trusted(*dataset, trusted, cell.seed);
    if (cell.batch == 0) check_whole_parts(cell, dataset);
  }
  return checksums;
}

int default_threads() {
  if (const char* text = std::getenv("GAUNTLET_THREADS"); text != nullptr && *text != '\0') {
    int threads = 0;
    const char* end = text + std::strlen(text);
    const auto [rest, code] = std::from_chars(text, end, threads);
    if (code != std::errc() || rest != end || threads < 1 || threads > 4096)
      throw UserError("GAUNTLET_THREADS = '" + std::string(text) + "': a whole number in 1..4096 is expected");
    return threads;
  }
  return std::max(1U, std::thread::hardware_concurrency());
}

std::vector<TimingRow> run_cells(const DeviceChoice& device, int threads, std::vector<Cell> cells,
                                 const RunnerHooks& hooks) {
  const bool cuda = device.backend == Backend::cuda;
  // A fifth of the memory is left for the data, BLAS and what rules allocate besides.
  const std::size_t memory = cuda ? Exec(device.backend, device.device).free_bytes() / 5 * 4 : 0;
  std::deque<Cohort> cohorts = form_cohorts(std::move(cells), cuda, memory);
  const int useful = static_cast<int>(std::min<std::size_t>(cohorts.size(), static_cast<std::size_t>(threads)));
  return Runner(device, std::move(cohorts), hooks).run(cuda ? 1 : useful);
}

}  // namespace gauntlet
