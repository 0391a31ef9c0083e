// SPDX-License-Identifier: Apache-2.0

#include "src/cell/catalogue.hpp"

#include "kernels/attacks/attack.cuh"
#include "kernels/attacks/joined.hpp"
#include "kernels/defenses/engine/pipeline.cuh"
#include "kernels/estimators/estimator.cuh"
#include "kernels/exec/error.hpp"
#include "kernels/models/model.cuh"
#include "kernels/optimizers/optimizer.cuh"
#include "kernels/protocols/graph.hpp"
#include "kernels/protocols/protocol.cuh"
#include "kernels/registry/text.hpp"
#include "src/data/dataset.hpp"

namespace gauntlet {

namespace {

template <class Product>
Catalogue make_catalogue(Kind kind, std::string singular, std::string plural) {
  const auto make = [singular](const ComponentText& text, int n, int f) -> std::shared_ptr<const void> {
    return std::shared_ptr<const Product>(Registry<Product>::find(text.name, singular).create(text, n, f));
  };
  Catalogue result{kind, std::move(singular), std::move(plural), {}, Registry<Product>::duplicates(), make};
  for (const auto& entry : Registry<Product>::all()) result.components.push_back(&entry);
  return result;
}

}  // namespace

const std::vector<Catalogue>& catalogues() {
  static const std::vector<Catalogue> all = {
      make_catalogue<Attack>(Kind::attack, "attack", "attacks"),
      make_catalogue<Stage>(Kind::defense, "defense", "defenses"),
      make_catalogue<Estimator>(Kind::estimator, "estimator", "estimators"),
      make_catalogue<Optimizer>(Kind::optimizer, "optimizer", "optimizers"),
      make_catalogue<Schedule>(Kind::schedule, "schedule", "schedules"),
      make_catalogue<Protocol>(Kind::protocol, "protocol", "protocols"),
      make_catalogue<ModelFamily>(Kind::model, "model", "models"),
      make_catalogue<DatasetSource>(Kind::dataset, "dataset", "datasets"),
      make_catalogue<Partition>(Kind::partition, "partition", "partitions"),
      make_catalogue<Topology>(Kind::graph, "graph", "graphs"),
      make_catalogue<Misconduct>(Kind::misconduct, "protocol attack", "protocol-attacks"),
  };
  return all;
}

const Catalogue& catalogue(Kind kind) { return catalogues()[static_cast<std::size_t>(kind)]; }

std::vector<std::string> duplicate_components() {
  std::vector<std::string> result;
  for (const Catalogue& each : catalogues())
    for (const std::string& name : each.duplicates) result.push_back(each.singular + " '" + name + "'");
  return result;
}

std::vector<std::string> Catalogue::names() const {
  std::vector<std::string> result;
  for (const Component* component : components) result.push_back(component->name);
  return result;
}

const Component& Catalogue::find(const std::string& name) const {
  for (const Component* component : components) {
    if (component->name == name) return *component;
    for (const std::string& alias : component->aliases)
      if (alias == name) return *component;
  }
  throw UserError("unknown " + singular + " '" + shown(name) + "'" + suggestion(name, names()));
}

const Component& find_component(Kind kind, const std::string& name) {
  return kind == Kind::attack ? find_attack(name) : catalogue(kind).find(name);
}

std::vector<ComponentText> parse_components(Kind kind, const std::string& text) {
  if (kind == Kind::defense) return parse_pipeline(text);
  if (kind == Kind::attack) return parse_joined(text);
  return {parse_component(text)};
}

std::string to_string(Kind kind, const std::vector<ComponentText>& components) {
  return to_string(components, kind == Kind::attack ? " + " : " | ");
}

ComponentText canonical(Kind kind, ComponentText text) {
  const Component& component = find_component(kind, text.name);
  text.name = component.name;
  // Taken as free text, every value is right, and what is left to complain about are the names.
  std::vector<ParameterSpec> names_only = component.parameters;
  for (ParameterSpec& parameter : names_only) parameter.kind = ParameterKind::text;
  Arguments(component.name, names_only, text, 0, 0);
  return text;
}

std::string unmet_need(Kind kind, const std::vector<ComponentText>& components, int n, int f) {
  if (kind == Kind::defense) return unmet_need(components, n, f);
  for (const ComponentText& text : components) {
    const Component& component = find_component(kind, text.name);
    const std::string need = component.needs(n, f);
    if (!need.empty())
      return component.name + " needs " + need + " (n = " + std::to_string(n) + ", f = " + std::to_string(f) + ")";
  }
  return "";
}

std::shared_ptr<const void> make_component(Kind kind, const std::vector<ComponentText>& components, int n, int f) {
  if (kind == Kind::defense) return std::make_shared<const Pipeline>(components, n, f);
  if (kind == Kind::attack) return std::shared_ptr<const Attack>(create_attack(components, n, f));
  return catalogue(kind).make(components.front(), n, f);
}

void check_order(const std::vector<ComponentText>& pipeline) {
  const std::string subject = "defense '" + to_string(pipeline) + "': ";
  std::string rule;
  for (const ComponentText& stage : pipeline) {
    const std::string& role = catalogue(Kind::defense).find(stage.name).role;
    if (role == "pre-aggregator" && !rule.empty())
      throw UserError(subject + "the pre-aggregator '" + stage.name + "' must come before the rule '" + rule + "'");
    if (role == "rule" && !rule.empty())
      throw UserError(subject + "takes one rule, but both '" + rule + "' and '" + stage.name + "' are rules");
    if (role == "meta-aggregator" && rule.empty())
      throw UserError(subject + "the meta-aggregator '" + stage.name + "' must come after a rule, as in 'median | " +
                      stage.name + "'");
    if (role == "rule") rule = stage.name;
  }
  if (rule.empty()) throw UserError(subject + "ends without a rule; add one, as in 'nnm | trimmed-mean'");
}

}  // namespace gauntlet
