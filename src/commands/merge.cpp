// SPDX-License-Identifier: Apache-2.0
#include "src/commands/commands.hpp"

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "src/report/merge.hpp"

namespace gauntlet {
namespace {

struct Options {
  std::vector<std::string> folders;
  std::string out;
};

int merge(const Options& options) {
  Manifest session;
  session.argv = {"gauntlet", "merge"};
  session.argv.insert(session.argv.end(), options.folders.begin(), options.folders.end());
  session.argv.insert(session.argv.end(), {"--out", options.out});
  session.host = host_name();
  session.start = utc_now();
  const MergeReport report = merge_results({options.folders.begin(), options.folders.end()}, options.out, session);
  const std::size_t present = static_cast<std::size_t>(report.cells) - report.missing.size();
  std::cout << options.out << ": " << present << " of " << report.cells << " cells" << std::endl;
  for (const std::string& dropped : report.dropped) std::cerr << "gauntlet: " << dropped << '\n';
  if (!report.missing.empty()) std::cerr << "gauntlet: missing cells: " << ranges_text(report.missing) << std::endl;
  if (report.failed > 0)
    std::cerr << "gauntlet: " << report.failed << " cells failed; see reason in summary.csv" << std::endl;
  return report.missing.empty() && report.failed == 0 ? exit_code::done : exit_code::incomplete;
}

Action declare(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("folders", options->folders, "results folders of one spec, as --shard wrote them")->required();
  app.add_option("--out", options->out, "the results folder to write")->required();
  app.footer(
      "Names the cells that no folder has and exits with 3 if there are any.\n"
      "Example: gauntlet merge part0 part1 --out results/whole");
  return [options] { return merge(*options); };
}

const RegisteredCommand registered({"merge", "join the results of shards (run --shard I/N) into one folder", declare});

}  // namespace
}  // namespace gauntlet
