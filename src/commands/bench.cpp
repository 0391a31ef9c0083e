// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <memory>

#include "src/bench/bench.hpp"
#include "src/commands/commands.hpp"

namespace gauntlet {
namespace {

Action declare(CLI::App& app) {
  auto options = std::make_shared<BenchOptions>();
  app.add_option("what", options->what, "kappa, passes, rules or round")->capture_default_str();
  app.add_option("--workers", options->workers, "n")->capture_default_str()->check(CLI::Range(1, 1024));
  app.add_option("--byzantine", options->byzantine, "f")->capture_default_str()->check(CLI::Range(0, 1023));
  app.add_option("--dimension", options->dimension,
                 "d: by default 79510 for passes and rules; for kappa the largest of random messages, 30")
      ->check(CLI::PositiveNumber);
  app.add_option("--cells", options->cells,
                 "inboxes or cells worked on at once; by default 1 on the CPU (a thread each "
                 "for round) and 64 on CUDA")
      ->check(CLI::PositiveNumber);
  app.add_option("--model", options->model, "for round, on 28 x 28 images")->capture_default_str();
  app.add_option("--attack", options->attacks, "for round; repeated, each is compared with the first")
      ->allow_extra_args(false);
  app.add_option("--protocol", options->protocols, "for round; repeated, each is compared with the first")
      ->allow_extra_args(false);
  app.add_option("--defense", options->defenses, "for kappa, rules and round; may be repeated")
      ->allow_extra_args(false);
  app.add_option("--batch", options->batch, "samples per worker, for round")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--rounds", options->rounds, "rounds to time")->capture_default_str()->check(CLI::Range(1, 100000));
  app.add_option("--threads", options->threads, "CPU threads for kappa and round; by default all cores")
      ->check(CLI::PositiveNumber);
  app.add_option("--seeds", options->seeds, "for kappa: inboxes of each sort")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  app.add_option("--dataset", options->dataset, "for kappa: of the real messages; auto: mnist, or synthetic-digits")
      ->capture_default_str();
  app.add_option("--data-dir", options->data_dir, "for kappa: default $GAUNTLET_DATA, then ./data");
  app.add_option("--out", options->out, "for kappa: write the table to this Markdown file, too");
  app.add_option("--device", options->device, "auto, cpu, cuda or cuda:N")->capture_default_str();
  app.footer(
      "passes  the passes over n x d numbers, beside a copy of the same memory\n"
      "rules   every rule of the registry, or the given defenses, on random messages\n"
      "round   whole rounds of training with momentum, beside the floor that memory and arithmetic set\n"
      "kappa   how far every attack takes every defense from the honest mean: the largest squared distance found,\n"
      "        in honest variances, beside the bound that theory gives\n"
      "Every time is the median of repeated runs; compare times of one run only.\n"
      "Example: gauntlet bench round --defense trimmed-mean --defense \"nnm | rfa\" --attack alie --attack "
      "optimal-alie\n"
      "         gauntlet bench kappa --workers 15 --byzantine 3 --defense krum --defense \"nnm | krum\"");
  return [options] {
    run_bench(*options);
    return exit_code::done;
  };
}

const RegisteredCommand registered(
    {"bench", "measure passes, rules and rounds beside their floors, robustness beside its bounds", declare});

}  // namespace
}  // namespace gauntlet
