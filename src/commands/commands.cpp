// SPDX-License-Identifier: Apache-2.0

#include "src/commands/commands.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <exception>
#include <iostream>
#include <map>
#include <new>

#include "kernels/exec/error.hpp"
#include "kernels/registry/text.hpp"
#include "src/cell/catalogue.hpp"

namespace gauntlet {
namespace {

constexpr const char* description =
    "gauntlet: every Byzantine attack against every defense of distributed learning, on simulated workers";

constexpr const char* examples =
    "Examples:\n"
    "  gauntlet run experiments/quickstart.toml                 the attack x defense matrix of a spec, as a table\n"
    "  gauntlet run spec.toml --set rounds=50 --dry-run         the plan: cells, axes, what is skipped and why\n"
    "  gauntlet list defenses                                   what there is, with formulas and parameters\n"
    "  gauntlet table results/quickstart --format latex         the table for a paper\n"
    "  gauntlet aggregate --defense \"nnm | krum\" --byzantine 2 --input X.npy --output Y.npy\n"
    "\n"
    "A component is written name or name(parameter=value, ...): krum, alie(z=1.5), nnm | trimmed-mean(trim=2).\n"
    "Exit codes: 0 done, 1 internal error, 2 the user's error, 3 some cells failed, 130 interrupted (resumable).\n"
    "gauntlet COMMAND --help explains a command.";

std::vector<Command>& storage() {
  static std::vector<Command> all;
  return all;
}

/// What was written that nothing takes, with the nearest subcommand or option.
std::string unexpected(const CLI::App& app) {
  const auto parsed = app.get_subcommands();
  const CLI::App& context = parsed.empty() ? app : *parsed.front();
  const std::vector<std::string> left = context.remaining();
  const std::string word = left.empty() ? "" : left.front();
  std::vector<std::string> names;
  if (word.rfind('-', 0) == 0) {
    for (const CLI::Option* option : context.get_options())
      for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    const std::string option = word.substr(0, word.find('='));
    return "unknown option '" + shown(option) + "'" + suggestion(option, names);
  }
  if (!parsed.empty()) return "unexpected argument '" + shown(word) + "'";
  for (const Command& command : commands()) names.push_back(command.name);
  return "unknown command '" + shown(word) + "'" + suggestion(word, names);
}

int run_command(int argc, const char* const* argv) {
  if (const auto twice = duplicate_components(); !twice.empty())
    throw std::logic_error("registered more than once: " + twice.front());
  CLI::App app(description, "gauntlet");
  app.footer(examples);
  std::map<const CLI::App*, Action> actions;
  for (const Command& command : commands()) {
    CLI::App* sub = app.add_subcommand(command.name, command.summary);
    actions[sub] = command.declare(*sub);
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ExtrasError&) {
    throw UserError(unexpected(app));
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help
    // What is missing may well be a misspelt word that is left over: that is then the better message.
    const auto parsed = app.get_subcommands();
    const bool left_over = !(parsed.empty() ? &app : parsed.front())->remaining().empty();
    throw UserError(left_over ? unexpected(app) : shown(error.what(), 300));
  }
  const auto parsed = app.get_subcommands();
  if (!parsed.empty()) return actions.at(parsed.front())();
  std::cerr << app.help();
  return exit_code::user_error;
}

}  // namespace

std::vector<Command> commands() {
  std::vector<Command> all = storage();
  std::sort(all.begin(), all.end(), [](const Command& a, const Command& b) { return a.name < b.name; });
  return all;
}

RegisteredCommand::RegisteredCommand(Command command) { storage().push_back(std::move(command)); }

int run_command_line(int argc, const char* const* argv) {
  try {
    const int code = run_command(argc, argv);
    if (!std::cout.flush() || std::fflush(stdout) != 0) throw UserError("standard output cannot be written");
    return code;
  } catch (const UserError& error) {
    std::cerr << "gauntlet: " << error.what() << '\n';
    return exit_code::user_error;
  } catch (const std::bad_alloc&) {
    std::cerr << "gauntlet: out of memory; ask for fewer workers, smaller models or batches, or fewer --threads\n";
    return exit_code::user_error;
  } catch (const std::exception& error) {
    std::cerr << "gauntlet: internal error: " << error.what() << '\n';
    return exit_code::internal_error;
  }
}

}  // namespace gauntlet
