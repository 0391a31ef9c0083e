// SPDX-License-Identifier: Apache-2.0

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "kernels/exec/error.hpp"
#include "src/commands/commands.hpp"
#include "src/data/atomic_file.hpp"
#include "src/report/listing.hpp"

namespace gauntlet {
namespace {

struct Options {
  std::string kind, check, update;
  bool json = false, markdown = false;
};

/// A kind (`defenses`, `defense`), a component of any kind (`krum`), or everything. A component that bears the name
/// of another kind's component (`momentum`) is listed once for each.
std::vector<Catalogue> selected(const std::string& wanted) {
  if (wanted.empty()) return catalogues();
  std::vector<Catalogue> with_component;
  std::vector<std::string> names;
  for (Catalogue catalogue : catalogues()) {
    if (wanted == catalogue.plural || wanted == catalogue.singular) return {catalogue};
    names.push_back(catalogue.plural);
    auto& all = catalogue.components;
    for (const Component* component : all) names.push_back(component->name);
    all.erase(std::remove_if(all.begin(), all.end(),
                             [&](const Component* component) {
                               const auto& aliases = component->aliases;
                               return component->name != wanted &&
                                      std::find(aliases.begin(), aliases.end(), wanted) == aliases.end();
                             }),
              all.end());
    if (!all.empty()) with_component.push_back(catalogue);
  }
  if (with_component.empty())
    throw UserError("there is no kind or component '" + wanted + "'" + suggestion(wanted, names));
  return with_component;
}

/// What --check and --update look for; the tables that are of no kind of component where none is named.
std::vector<GeneratedTable> generated(const Options& options, const std::vector<Catalogue>& shown) {
  std::vector<GeneratedTable> tables = tables_of(shown);
  if (options.kind.empty())
    for (GeneratedTable& table : documentation_tables()) tables.push_back(std::move(table));
  return tables;
}

int list(const Options& options) {
  const std::vector<Catalogue> shown = selected(options.kind);
  if (!options.check.empty()) {
    const std::string text = read_file(options.check);
    const std::string fresh = update_tables(text, options.check, generated(options, shown));
    const auto line =
        1 + std::count(text.begin(), std::mismatch(text.begin(), text.end(), fresh.begin(), fresh.end()).first, '\n');
    if (fresh != text)
      throw UserError(fmt::format("{}:{}: the table is out of date; run: gauntlet list --update {}", options.check,
                                  line, options.check));
  } else if (!options.update.empty()) {
    write_file(options.update, update_tables(read_file(options.update), options.update, generated(options, shown)));
  } else if (options.json) {
    fmt::print("{}", listing_json(shown));
  } else if (options.markdown) {
    fmt::print("{}", listing_markdown(shown));
  } else {
    fmt::print("{}", listing_text(shown, !options.kind.empty()));
  }
  return exit_code::done;
}

Action declare(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option(
      "kind", options->kind,
      "attacks, defenses, estimators, optimizers, schedules, protocols, models, datasets, partitions, graphs "
      "or protocol-attacks, or one component's name; both show formulas and parameters too");
  const std::vector<CLI::Option*> forms = {
      app.add_flag("--json", options->json, "everything as JSON"),
      app.add_flag("--markdown", options->markdown, "tables as in the README"),
      app.add_option("--check", options->check, "compare the tables in this Markdown file with the program"),
      app.add_option("--update", options->update, "rewrite the tables in this Markdown file")};
  for (std::size_t i = 1; i < forms.size(); ++i)
    for (std::size_t j = 0; j < i; ++j) forms[i]->excludes(forms[j]);
  app.footer("Examples:\n  gauntlet list\n  gauntlet list krum\n  gauntlet list defenses --json");
  return [options] { return list(*options); };
}

const RegisteredCommand registered({"list", "show the attacks, defenses and other components with their parameters",
                                    declare});

}  // namespace
}  // namespace gauntlet
