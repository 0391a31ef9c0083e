// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <filesystem>
#include <iterator>
#include <mutex>
#include <optional>
#include <thread>

#include "kernels/defenses/engine/pipeline.cuh"
#include "src/bench/kappa.hpp"
#include "src/data/atomic_file.hpp"
#include "src/run/runner.hpp"
#include "src/run/session.hpp"

namespace gauntlet {

namespace {

/// One defense: its bound and what each attack found, or why it has neither.
struct Row {
  std::string defense, skipped;
  std::optional<double> bound;
  std::vector<MeasuredKappa> found;  ///< per attack
  std::size_t missing = 0;           ///< attacks not tried yet

  /// The first of the largest.
  const MeasuredKappa& worst() const {
    return *std::max_element(found.begin(), found.end(),
                             [](const auto& a, const auto& b) { return a.value < b.value; });
  }
  bool broken() const { return bound && breaks_bound(worst().value, *bound); }
  /// Measured, bound, the two as a ratio, attack, inbox.
  std::vector<std::string> cells() const {
    if (!skipped.empty()) return {"", "", "", "skipped: " + skipped, ""};
    const MeasuredKappa& most = worst();
    return {fmt::format("{:.3g}", most.value), bound ? fmt::format("{:.3g}", *bound) : "-",
            bound ? fmt::format("{:.2g}{}", most.value / *bound, broken() ? " BROKEN" : "") : "-", most.attack,
            most.inbox};
  }
};

/// Every rule, and around some that are cheap enough whatever keeps a bound.
std::vector<std::string> all_pipelines() {
  std::vector<std::string> all;
  for (const auto& rule : Registry<Stage>::all())
    if (rule.role == "rule") all.push_back(rule.name);
  for (const char* rule : {"geometric-median", "krum", "mda", "median", "multi-krum", "trimmed-mean"})
    for (const auto& stage : Registry<Stage>::all()) {
      if (!stage.kappa.value || stage.role == "rule") continue;
      all.push_back(stage.role == "pre-aggregator" ? stage.name + " | " + rule : rule + (" | " + stage.name));
    }
  return all;
}

std::vector<Row> make_rows(const BenchOptions& options, std::size_t attacks) {
  std::vector<Row> rows;
  for (const std::string& defense : options.defenses.empty() ? all_pipelines() : options.defenses) {
    const auto stages = parse_pipeline(defense);
    Row row;
    row.defense = defense;
    row.skipped = unmet_need(stages, options.workers, options.byzantine);
    if (row.skipped.empty()) {
      (void)rule_pipeline(defense, options.workers, options.byzantine);
      row.bound = kappa_of(stages, options.workers, options.byzantine);
      row.found.resize(attacks);
      row.missing = attacks;
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

std::vector<InboxSample> make_samples(const DeviceChoice& device, BenchOptions options) {
  std::vector<InboxSample> samples;
  const std::int64_t most = options.dimension > 0 ? options.dimension : 30;
  samples.push_back(random_inboxes(options.workers, options.byzantine, 1, options.seeds));
  if (most > 1) samples.push_back(random_inboxes(options.workers, options.byzantine, most, options.seeds));
  Exec exec(device.backend, device.device);
  std::vector<InboxSample> real;
  if (options.dataset == "auto") {
    options.dataset = "mnist";
    try {
      real = gradient_inboxes(exec, options);
    } catch (const UserError&) {
      if (!options.data_dir.empty()) throw;
      options.dataset = "synthetic-digits";
    }
  }
  if (real.empty()) real = gradient_inboxes(exec, options);
  std::move(real.begin(), real.end(), std::back_inserter(samples));
  return samples;
}

/// Calls work(exec, i) for i below `count` from several threads. What one throws is thrown when all have ended.
template <class Work>
void in_parallel(const DeviceChoice& device, int threads, std::size_t count, Work work) {
  std::atomic<std::size_t> next{0};
  std::exception_ptr error;
  std::mutex mutex;
  std::vector<std::thread> pool;
  for (int t = 0; t < threads; ++t)
    pool.emplace_back([&] {
      try {
        Exec exec(device.backend, device.device);
        for (std::size_t i = next++; i < count; i = next++) work(exec, i);
      } catch (...) {
        const std::lock_guard<std::mutex> lock(mutex);
        error = std::current_exception();
        next = count;
      }
    });
  for (std::thread& thread : pool) thread.join();
  if (error) std::rethrow_exception(error);
}

std::string summary(const std::vector<Row>& rows) {
  const auto bounds = std::count_if(rows.begin(), rows.end(), [](const Row& row) { return row.bound.has_value(); });
  const auto broken = std::count_if(rows.begin(), rows.end(), [](const Row& row) { return row.broken(); });
  return fmt::format("{} of {} bounds broken", broken, bounds);
}

std::string markdown(const DeviceChoice& device, const BenchOptions& options, const std::vector<Row>& rows,
                     const std::string& setting) {
  const Manifest session = describe_session(&device);
  std::string text =
      fmt::format("# Robustness coefficients, n = {}, f = {}\n\n`{}`, revision {}: {}; {}.\n\n", options.workers,
                  options.byzantine, fmt::join(session.argv, " "), session.revision, setting, summary(rows));
  text += "| defense | measured | bound | measured / bound | attack | inbox |\n|---|---|---|---|---|---|\n";
  for (const Row& row : rows) {
    std::string defense = row.defense;
    for (std::size_t at = 0; (at = defense.find('|', at)) != std::string::npos; at += 2) defense.insert(at, "\\");
    text += fmt::format("| {} | {} |\n", defense, fmt::join(row.cells(), " | "));
  }
  return text;
}

}  // namespace

void bench_kappa(const DeviceChoice& device, const BenchOptions& options) {
  const int n = options.workers, f = options.byzantine;
  if (f < 1 || 2 * f >= n)
    throw UserError(fmt::format("--byzantine {}: out of range 1..{} for kappa with {} workers", f, (n - 1) / 2, n));
  if (const auto folder = std::filesystem::path(options.out).parent_path();
      !folder.empty() && !std::filesystem::is_directory(folder))
    throw UserError("--out '" + options.out + "': there is no folder '" + folder.string() + "'");
  const std::vector<std::string> attacks = kappa_attacks(n, f);
  std::vector<Row> rows = make_rows(options, attacks.size());
  const std::vector<InboxSample> samples = make_samples(device, options);
  std::size_t inboxes = 0, width = 0, attack_width = 0;
  for (const InboxSample& sample : samples) inboxes += sample.names.size();
  for (const Row& row : rows) width = std::max(width, row.defense.size());
  for (const std::string& attack : attacks) attack_width = std::max(attack_width, attack.size());
  const std::string setting = fmt::format("{} attacks on {} inboxes", attacks.size(), inboxes);
  fmt::print("n = {}, f = {}, {}\n", n, f, setting);
  fmt::print("{:<{}} {:>9} {:>9} {:>9}  {:<{}}  {}\n", "", width, "measured", "bound", "ratio", "attack", attack_width,
             "inbox");

  std::mutex mutex;
  std::size_t shown = 0;
  const auto show_finished = [&] {
    for (; shown < rows.size() && rows[shown].missing == 0; ++shown) {
      const auto cells = rows[shown].cells();
      fmt::print("{:<{}} {:>9} {:>9} {:>9}  {:<{}}  {}\n", rows[shown].defense, width, cells[0], cells[1], cells[2],
                 cells[3], attack_width, cells[4]);
    }
    std::fflush(stdout);
  };
  const int threads = device.backend == Backend::cuda ? 1 : options.threads > 0 ? options.threads : default_threads();
  in_parallel(device, threads, rows.size() * attacks.size(), [&](Exec& exec, std::size_t task) {
    Row& row = rows[task / attacks.size()];
    const std::size_t attack = task % attacks.size();
    if (!row.skipped.empty()) return;
    row.found[attack] = measure_kappa(exec, row.defense, attacks[attack], f, samples);
    const std::lock_guard<std::mutex> lock(mutex);
    --row.missing;
    show_finished();
  });
  show_finished();
  fmt::print("{}\n", summary(rows));
  if (!options.out.empty()) write_file(options.out, markdown(device, options, rows, setting));
}

}  // namespace gauntlet
