// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <memory>

#include "src/commands/commands.hpp"
#include "src/commands/messages_file.hpp"
#include "src/commands/protocol_files.hpp"
#include "src/data/atomic_file.hpp"

namespace gauntlet {
namespace {

struct Options {
  ProtocolRun run;
  std::string input, output, device = "auto";
};

constexpr const char* files_help =
    "agreement  reads honest.npy    h x d: the honest clients' vectors; clients h to h + f - 1 are Byzantine\n"
    "                 messages.npy  K x h x f x d: sub-round, receiver, Byzantine sender; not beside an --attack\n"
    "                 delivered.npy K x h x f of 0 and 1, if it is there: which of these arrive\n"
    "                 own.npy       f x d: what the Byzantine clients computed, for an --attack that looks at it\n"
    "           writes vectors.npy  K x h x d: the honest vectors after every sub-round\n"
    "  gauntlet protocol --protocol \"agreement(rounds=3)\" --defense box-geom --byzantine 2 --input in --output out\n"
    "  gauntlet protocol --protocol \"agreement(rounds=3)\" --defense box-mean --attack \"ipm(equivocation=mirror)\" "
    "\\\n"
    "                    --byzantine 2 --input in --output out\n"
    "\n"
    "gossip     reads values.npy    n x d: what the honest nodes hold, by id, then the f Byzantine ones\n"
    "                 messages.npy  K x h x f x d: exchange, receiver, Byzantine sender; an --attack takes its place\n"
    "           writes values.npy   K x h x d: the honest values after every exchange\n"
    "  gauntlet protocol --protocol \"gossip(graph=complete, rounds=3)\" --defense self-centered-clipping \\\n"
    "                    --attack dissensus --byzantine 2 --input in --output out\n"
    "           without --defense and values.npy: writes weights.npy, n x n, the weights of the graph\n"
    "  gauntlet protocol --protocol \"gossip(graph=torus(rows=3, columns=4))\" --byzantine 0 --output out\n"
    "\n"
    "btard      one step of g peers with the ids 0 to g - 1, the last f Byzantine\n"
    "           reads sent.npy      g x d: the gradients as they were sent\n"
    "                 true.npy      g x d: what the peers' seeds give; without it those that were sent\n"
    "                 direction.npy d: the random direction that statements project on\n"
    "                 shift.npy     d: added to what the parts' owners publish; without it nothing, as of the next\n"
    "                 s_lie.npy, r_lie.npy  g x g: added to the statement of row's peer on column's part\n"
    "                 pairs.npy     k x 2: validator, target\n"
    "                 accuse.npy    ids that accuse their target whatever they find\n"
    "           writes aggregate.npy 1 x d, s.npy and r.npy g x g, the true statements, and events.csv\n"
    "  gauntlet protocol --protocol \"btard(delta_max=10)\" --defense \"centered-clipping(tau=2)\" --byzantine 2 \\\n"
    "                    --input in --output out\n"
    "\n"
    "server     is an attack and a defense: gauntlet attack, gauntlet aggregate\n";

int protocol(Options& options) {
  options.run.input = options.input;
  const DeviceChoice device = choose_device(options.device);
  Exec exec(device.backend, device.device);
  const auto files = run_protocol(exec, options.run);
  make_folder(options.output);
  for (const ProtocolFile& file : files) {
    const std::filesystem::path path = std::filesystem::path(options.output) / file.name;
    if (file.shape.empty())
      update_file(path, file.text);
    else
      write_npy(path, file.values.data(), file.shape);
  }
  return exit_code::done;
}

Action declare(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("--protocol", options->run.protocol,
                 "who aggregates: \"agreement(rounds=3)\", \"gossip(graph=ring, rounds=5)\" or btard")
      ->required();
  app.add_option("--defense", options->run.defense, "what with: a rule or a pipeline, \"nnm | krum\"");
  app.add_option("--attack", options->run.attack, "what the Byzantine peers do, where no file says it");
  app.add_option("--byzantine", options->run.byzantine, "f: so many Byzantine peers besides the honest ones")
      ->required()
      ->check(CLI::Range(0, 1023));
  app.add_option("--input", options->input, "a folder with the files below");
  app.add_option("--output", options->output, "a folder, made if it is not there")->required();
  app.add_option("--seed", options->run.seed, "of attacks that draw at random")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 18446744073709551615.0));
  app.add_option("--device", options->device, "auto, cpu, cuda or cuda:N")->capture_default_str();
  app.footer(std::string(precision_help) + "\n" + files_help);
  return [options] { return protocol(*options); };
}

const RegisteredCommand registered({"protocol", "run a protocol on the vectors of a folder", declare});

}  // namespace
}  // namespace gauntlet
