// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <memory>

#include "src/bench/bench.hpp"
#include "src/commands/commands.hpp"

namespace gauntlet {
namespace {

Action declare(CLI::App& app) {
  auto options = std::make_shared<BenchOptions>();
  app.add_option("what", options->what, "passes, rules or round")->capture_default_str();
  app.add_option("--workers", options->workers, "n")->capture_default_str()->check(CLI::Range(1, 1024));
  app.add_option("--byzantine", options->byzantine, "f")->capture_default_str()->check(CLI::NonNegativeNumber);
  app.add_option("--dimension", options->dimension, "d, for passes and rules")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--cells", options->cells,
                 "inboxes or cells worked on at once; by default 1 on the CPU (a thread each "
                 "for round) and 64 on CUDA")
      ->check(CLI::PositiveNumber);
  app.add_option("--model", options->model, "for round, on 28 x 28 images")->capture_default_str();
  app.add_option("--attack", options->attacks, "for round; repeated, each is compared with the first")
      ->allow_extra_args(false);
  app.add_option("--defense", options->defenses, "for rules and round; may be repeated")->allow_extra_args(false);
  app.add_option("--batch", options->batch, "samples per worker, for round")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--rounds", options->rounds, "rounds to time")->capture_default_str()->check(CLI::Range(1, 100000));
  app.add_option("--threads", options->threads, "CPU threads for round; by default all cores")
      ->check(CLI::PositiveNumber);
  app.add_option("--device", options->device, "auto, cpu, cuda or cuda:N")->capture_default_str();
  app.footer(
      "passes  the passes over n x d numbers, beside a copy of the same memory\n"
      "rules   every rule of the registry, or the given defenses, on random messages\n"
      "round   whole rounds of training with momentum, beside the floor that memory and arithmetic set\n"
      "Every figure is the median of repeated runs; compare figures of one run only.\n"
      "Example: gauntlet bench round --model \"mlp(hidden=[100])\" --defense trimmed-mean --defense \"nnm | rfa\" "
      "--attack alie --attack optimal-alie");
  return [options] {
    run_bench(*options);
    return exit_code::done;
  };
}

const RegisteredCommand registered({"bench", "measure passes, rules and rounds beside their floors", declare});

}  // namespace
}  // namespace gauntlet
