// SPDX-License-Identifier: Apache-2.0

#include "src/report/listing.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace gauntlet {
namespace {

using Json = nlohmann::ordered_json;

const char* kind_name(ParameterKind kind) {
  switch (kind) {
    case ParameterKind::count:
      return "count";
    case ParameterKind::number:
      return "number";
    case ParameterKind::flag:
      return "flag";
    case ParameterKind::word:
      return "word";
    case ParameterKind::list:
      return "list";
    case ParameterKind::pipelines:
      return "pipelines";
    case ParameterKind::text:
      return "text";
  }
  return "";
}

/// The bound on the robustness coefficient, `-` for a defense without one; other components have none to show.
std::string kappa(const Component& component) {
  return component.role.empty() || !component.kappa.formula.empty() ? component.kappa.formula : "-";
}

/// What a parameter accepts: `0..1`, `>= 0 or auto`, `mid, lower or upper`.
std::string accepted(const ParameterSpec& parameter) {
  std::string result;
  if (std::isfinite(parameter.minimum) && std::isfinite(parameter.maximum))
    result = fmt::format("{}..{}", parameter.minimum, parameter.maximum);
  else if (std::isfinite(parameter.minimum))
    result = fmt::format(">= {}", parameter.minimum);
  else if (std::isfinite(parameter.maximum))
    result = fmt::format("<= {}", parameter.maximum);
  else if (parameter.kind != ParameterKind::word)
    result = parameter.kind == ParameterKind::flag ? "true or false" : kind_name(parameter.kind);
  for (std::size_t i = 0; i < parameter.words.size(); ++i)
    result += (result.empty() ? "" : i + 1 == parameter.words.size() ? " or " : ", ") + parameter.words[i];
  return result;
}

Json formula_or_null(const RobustnessBound& bound) {
  return bound.formula.empty() ? Json(nullptr) : Json(bound.formula);
}

Json bound(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

Json json_of(const ParameterSpec& parameter) {
  return {{"name", parameter.name},
          {"kind", kind_name(parameter.kind)},
          {"default", parameter.default_value},
          {"minimum", bound(parameter.minimum)},
          {"maximum", bound(parameter.maximum)},
          {"words", parameter.words},
          {"unit", parameter.unit},
          {"help", parameter.help}};
}

Json json_of(const Component& component) {
  Json parameters = Json::array();
  for (const ParameterSpec& parameter : component.parameters) parameters.push_back(json_of(parameter));
  Json columns = Json::array();
  for (const ObservedColumn& column : component.columns)
    columns.push_back(
        {{"name", column.name}, {"unit", column.unit}, {"per_worker", column.per_worker}, {"text", column.text}});
  return {
      {"name", component.name},       {"aliases", component.aliases},      {"role", component.role},
      {"space", component.space},     {"robust", component.traits.robust}, {"summary", component.summary},
      {"formula", component.formula}, {"needs", component.needs.text},     {"kappa", formula_or_null(component.kappa)},
      {"source", component.source},   {"parameters", parameters},          {"columns", columns}};
}

std::string parameter_text(const ParameterSpec& parameter) {
  return fmt::format("{}={} ({}{}): {}", parameter.name, parameter.default_value, accepted(parameter),
                     parameter.unit.empty() ? "" : ", " + parameter.unit, parameter.help);
}

std::string column_text(const ObservedColumn& column) {
  return fmt::format("{}{}: {}", column.name, column.unit.empty() ? "" : " (" + column.unit + ")", column.text);
}

std::string markdown_row(const Component& component, bool has_roles) {
  std::string name = "`" + component.name + "`";
  for (const std::string& alias : component.aliases) name += ", `" + alias + "`";
  std::string parameters;
  for (const ParameterSpec& parameter : component.parameters)
    parameters += (parameters.empty() ? "`" : ", `") + parameter.name + "=" + parameter.default_value + "`";
  std::string row = "| " + name + " | ";
  if (has_roles) row += markdown_cell(component.role) + " | ";
  std::vector<std::string> cells = {component.summary, component.formula, component.needs.text};
  if (has_roles) cells.push_back(kappa(component));
  cells.insert(cells.end(), {parameters, component.source});
  for (const std::string& text : cells) row += markdown_cell(text) + " | ";
  return row.substr(0, row.size() - 1) + "\n";
}

std::string markdown_table(const Catalogue& catalogue) {
  const bool has_roles = std::any_of(catalogue.components.begin(), catalogue.components.end(),
                                     [](const Component* component) { return !component->role.empty(); });
  std::string table = has_roles ? "| name | role | summary | formula | needs | kappa | parameters | source |\n"
                                  "|---|---|---|---|---|---|---|---|\n"
                                : "| name | summary | formula | needs | parameters | source |\n"
                                  "|---|---|---|---|---|---|\n";
  for (const Component* component : catalogue.components) table += markdown_row(*component, has_roles);
  return table;
}

}  // namespace

std::string listing_text(const std::vector<Catalogue>& catalogues, bool details) {
  std::string text;
  for (const Catalogue& catalogue : catalogues) {
    text += fmt::format("{}{}\n", text.empty() ? "" : "\n", catalogue.plural);
    std::size_t width = 0;
    for (const Component* component : catalogue.components) width = std::max(width, component->name.size());
    for (const Component* component : catalogue.components) {
      const auto line = [&](const char* title, const std::string& value) {
        if (details && !value.empty()) text += fmt::format("    {:<11}{}\n", title, value);
      };
      text += fmt::format("  {:<{}}  {}\n", component->name, width, component->summary);
      for (const std::string& alias : component->aliases) line("alias", alias);
      line("role", component->role);
      line("formula", component->formula);
      line("needs", component->needs.text);
      line("kappa", kappa(*component));
      for (const ParameterSpec& parameter : component->parameters) line("parameter", parameter_text(parameter));
      for (const ObservedColumn& column : component->columns) line("column", column_text(column));
      line("source", component->source);
    }
  }
  return text;
}

std::string listing_json(const std::vector<Catalogue>& catalogues) {
  Json result = Json::object();
  for (const Catalogue& catalogue : catalogues) {
    Json& components = result[catalogue.plural] = Json::array();
    for (const Component* component : catalogue.components) components.push_back(json_of(*component));
  }
  return result.dump(2) + "\n";
}

std::vector<GeneratedTable> tables_of(const std::vector<Catalogue>& catalogues) {
  std::vector<GeneratedTable> tables;
  for (const Catalogue& catalogue : catalogues) tables.push_back({catalogue.plural, markdown_table(catalogue)});
  return tables;
}

std::string listing_markdown(const std::vector<Catalogue>& catalogues) {
  std::string text;
  for (const GeneratedTable& table : tables_of(catalogues)) text += (text.empty() ? "" : "\n") + marked(table);
  return text;
}

}  // namespace gauntlet
