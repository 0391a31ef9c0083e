// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <memory>

#include "kernels/protocols/trial.cuh"
#include "src/commands/commands.hpp"
#include "src/commands/messages_file.hpp"

namespace gauntlet {
namespace {

struct Options {
  std::string defense, input, trusted, output, device = "auto";
  int byzantine = 0;
};

int aggregate(const Options& options) {
  const NpyMatrix input = read_messages(options.input, options.byzantine);
  const int n = static_cast<int>(input.rows);
  const std::vector<float> trusted =
      read_trusted(options.trusted, input.columns, options.defense, n, options.byzantine);
  const DeviceChoice device = choose_device(options.device);
  Exec exec(device.backend, device.device);
  const auto d = static_cast<std::int64_t>(input.columns);
  const std::vector<float> output = aggregate_rows(exec, options.defense, options.byzantine, n, d, input.values.data(),
                                                   trusted.empty() ? nullptr : trusted.data());
  write_npy(options.output, output.data(), output.size() / input.columns, input.columns);
  return exit_code::done;
}

Action declare(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("--defense", options->defense, "a rule or a pipeline: \"nnm | krum\"")->required();
  app.add_option("--byzantine", options->byzantine, "f, as the defense is told")
      ->required()
      ->check(CLI::Range(0, 1023));
  app.add_option("--input", options->input, "n x d matrix, float32 or float64 .npy")->required();
  app.add_option("--trusted", options->trusted, trusted_help);
  app.add_option("--output", options->output, "1 x d, or the n' x d rows of a pipeline of pre-aggregators")->required();
  app.add_option("--device", options->device, "auto, cpu, cuda or cuda:N")->capture_default_str();
  app.footer(
      std::string(precision_help) +
      "Example: gauntlet aggregate --defense \"arc | nnm | trimmed-mean\" --byzantine 3 --input X.npy --output Y.npy");
  return [options] { return aggregate(*options); };
}

const RegisteredCommand registered({"aggregate", "apply a defense to the rows of a .npy file", declare});

}  // namespace
}  // namespace gauntlet
