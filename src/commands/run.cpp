// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <filesystem>
#include <iostream>
#include <memory>

#include "src/commands/commands.hpp"
#include "src/plan/plan.hpp"
#include "src/report/progress.hpp"
#include "src/report/results.hpp"
#include "src/report/table.hpp"
#include "src/run/runner.hpp"
#include "src/run/session.hpp"
#include "src/spec/spec.hpp"

namespace gauntlet {
namespace {

struct Options {
  std::string spec, out, device = "auto", shard;
  std::vector<std::string> settings;
  int threads = 0;
  bool dry_run = false, overwrite = false, quiet = false;
};

std::atomic<bool> interrupted{false};

extern "C" void interrupt(int) { interrupted = true; }

struct Shard {
  int index = 0, count = 1;
};

Shard parse_shard(const std::string& text) {
  Shard shard;
  if (text.empty()) return shard;
  char rest = 0;
  if (std::sscanf(text.c_str(), "%d/%d%c", &shard.index, &shard.count, &rest) != 2 || shard.count < 1 ||
      shard.index < 0 || shard.index >= shard.count)
    throw UserError("--shard '" + text + "': write I/N with 0 <= I < N, such as 0/2 and 1/2");
  return shard;
}

int run(const Options& options) {
  const Shard shard = parse_shard(options.shard);
  const Spec spec = read_spec(options.spec, options.settings);
  std::vector<Cell> plan = make_plan(spec);
  const DeviceChoice device = choose_device(options.device);
  if (options.dry_run) {
    std::cout << describe_plan(plan) << std::flush;
    return exit_code::done;
  }
  const int cells = static_cast<int>(plan.size());
  const ObservedColumns columns = columns_of(plan);  // before the shard is cut: its columns are those of the whole
  plan.erase(std::remove_if(plan.begin(), plan.end(),
                            [&](const Cell& cell) { return cell.index % shard.count != shard.index; }),
             plan.end());
  const auto data = check_cells(plan);

  const std::filesystem::path folder = options.out.empty() ? "results/" + spec.name : options.out;
  ResultsFolder results(folder, resolved(spec), options.overwrite, data, headers_of(columns));
  Manifest manifest = describe_session(&device);
  manifest.data = data;
  manifest.cells = cells;
  manifest.shard = options.shard;
  results.write(manifest);

  std::vector<Cell> todo;
  std::int64_t rounds = 0;
  for (const Cell& cell : plan) {
    if (results.finished(cell.index)) continue;
    if (!cell.skipped.empty()) {
      CellResult skipped;
      skipped.cell = cell.index, skipped.status = CellStatus::skipped, skipped.reason = cell.skipped;
      results.append(cell, skipped, columns);
      continue;
    }
    todo.push_back(cell);
    rounds += cell.rounds;
  }

  int failed = 0;
  std::string lost;
  StoredTiming timing = read_timing(results.path());
  {
    Progress progress(progress_style(options.quiet), static_cast<int>(todo.size()), rounds);
    if (!options.quiet && device.backend == Backend::cpu && options.device == "auto" && built_with_cuda())
      progress.message("no CUDA device found: running on the CPU");
    if (!timing.dropped.empty()) progress.message(timing.dropped);
    std::signal(SIGINT, interrupt);
    std::signal(SIGTERM, interrupt);
    RunnerHooks hooks;
    hooks.stop = &interrupted;
    hooks.message = [&](const std::string& text) { progress.message(text); };
    hooks.advanced = [&](std::int64_t done) { progress.advance(done); };
    hooks.finished = [&](const Cell& cell, const CellResult& result) {
      results.append(cell, result, columns);
      progress.cell_done();
      if (result.status != CellStatus::failed) return;
      ++failed;
      progress.message("cell " + std::to_string(cell.index) + " (" + cell.attack + " against " + cell.defense +
                       ") failed: " + result.reason);
    };
    try {
      const auto rows = run_cells(device, options.threads > 0 ? options.threads : default_threads(), todo, hooks);
      timing.rows.insert(timing.rows.end(), rows.begin(), rows.end());
    } catch (const DeviceLost& error) {
      lost = error.what();
    }
  }
  results.finish();
  write_timing(results.path(), timing.rows);
  manifest.end = utc_now();
  manifest.status = interrupted ? "interrupted" : failed > 0 || !lost.empty() ? "failed" : "complete";
  results.write(manifest);

  if (!lost.empty()) {
    std::cerr << "gauntlet: " << lost << "; finished cells are kept and the same command goes on\n";
    return exit_code::internal_error;
  }
  if (interrupted) {
    std::cerr << "gauntlet: interrupted; the same command goes on where it stopped\n";
    return exit_code::interrupted;
  }
  if (failed > 0) std::cerr << "gauntlet: " << failed << " cells failed; summary.csv says why\n";
  if (!options.quiet) std::cout << results_table(results.path(), {}) << std::flush;
  return failed > 0 ? exit_code::incomplete : exit_code::done;
}

Action declare(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("spec", options->spec, "a spec file (TOML); see experiments/")->required();
  app.add_option("--set", options->settings, "change a key of the spec: --set rounds=20 --set task.batch=50")
      ->allow_extra_args(false)
      ->type_name("KEY=VALUE");
  app.add_option("--out", options->out, "the results folder; by default results/<name of the spec>")->type_name("DIR");
  app.add_option("--device", options->device, "auto, cpu, cuda or cuda:N")->capture_default_str();
  app.add_option("--shard", options->shard, "run only the cells whose index is I modulo N; see gauntlet merge")
      ->type_name("I/N");
  app.add_option("--threads", options->threads, "CPU threads, a cell each; by default $GAUNTLET_THREADS or all cores")
      ->check(CLI::Range(1, 4096));
  app.add_flag("--dry-run", options->dry_run, "print the plan and run nothing");
  app.add_flag("--overwrite", options->overwrite, "discard what the results folder holds");
  app.add_flag("--quiet", options->quiet, "no progress and no table");
  app.footer(
      "A run that was interrupted or killed goes on when the same command is given again. The spec.toml of a results\n"
      "folder has every key of a spec with its value; the README says what each is.\n"
      "Examples:\n"
      "  gauntlet run experiments/quickstart.toml\n"
      "  gauntlet run experiments/mnist.toml --set task.data_dir=data/mnist --set seeds='\"0..4\"'\n"
      "  gauntlet run spec.toml --shard 0/2 --out half0   (and 1/2 elsewhere; then: gauntlet merge half0 half1 --out "
      "all)");
  return [options] { return run(*options); };
}

const RegisteredCommand registered({"run", "run the matrix of a spec and print its table", declare});

}  // namespace
}  // namespace gauntlet
