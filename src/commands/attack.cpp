// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <memory>

#include "kernels/protocols/trial.cuh"
#include "src/commands/commands.hpp"
#include "src/commands/messages_file.hpp"

namespace gauntlet {
namespace {

struct Options {
  std::string attack, defense, input, trusted, output, device = "auto";
  int byzantine = 0;
  std::uint64_t seed = 0;
};

int attack(const Options& options) {
  const NpyMatrix input = read_messages(options.input, options.byzantine);
  const int n = static_cast<int>(input.rows);
  const std::vector<float> trusted =
      read_trusted(options.trusted, input.columns, options.defense, n, options.byzantine);
  const DeviceChoice device = choose_device(options.device);
  Exec exec(device.backend, device.device);
  const std::vector<float> output =
      attack_rows(exec, options.attack, options.defense, options.byzantine, n, static_cast<std::int64_t>(input.columns),
                  input.values.data(), options.seed, trusted.empty() ? nullptr : trusted.data());
  write_npy(options.output, output.data(), static_cast<std::size_t>(options.byzantine), input.columns);
  return exit_code::done;
}

Action declare(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("--attack", options->attack, "an attack: \"alie(z=1.5)\"")->required();
  app.add_option("--defense", options->defense, "the defense that the attack may know");
  app.add_option("--byzantine", options->byzantine, "f: the last f rows of the input")
      ->required()
      ->check(CLI::Range(1, 1024));
  app.add_option("--input", options->input, "n x d .npy; the last f rows are the attackers' own honest messages")
      ->required();
  app.add_option("--trusted", options->trusted, trusted_help);
  app.add_option("--output", options->output, "f x d: what the attackers send")->required();
  app.add_option("--seed", options->seed, "of attacks that draw at random")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 18446744073709551615.0));
  app.add_option("--device", options->device, "auto, cpu, cuda or cuda:N")->capture_default_str();
  app.footer(std::string(precision_help) +
             "Example: gauntlet attack --attack seesaw --defense krum --byzantine 3 --input X.npy --output B.npy");
  return [options] { return attack(*options); };
}

const RegisteredCommand registered({"attack", "compute the Byzantine messages for the rows of a .npy file", declare});

}  // namespace
}  // namespace gauntlet
