// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/registry/registry.hpp"

namespace gauntlet {

/// The kinds of components a cell is made of.
enum class Kind {
  attack,
  defense,
  estimator,
  optimizer,
  schedule,
  protocol,
  model,
  dataset,
  partition,
  graph,
  misconduct
};

/// One registry seen without its product type: what plan, spec and list need to know of it.
struct Catalogue {
  Kind kind;
  std::string singular, plural;              ///< `attack`, `attacks`
  std::vector<const Component*> components;  ///< in name order
  std::vector<std::string> duplicates;       ///< names registered more than once
  /// Makes the component, a const Product. \throws UserError for a value that it does not take.
  std::function<std::shared_ptr<const void>(const ComponentText& text, int n, int f)> make;

  std::vector<std::string> names() const;
  /// By name or alias. \throws UserError `unknown attack 'ipn'; did you mean 'ipm'?`
  const Component& find(const std::string& name) const;
};

/// All catalogues, in the order of Kind.
const std::vector<Catalogue>& catalogues();
const Catalogue& catalogue(Kind kind);

/// The component of that name or alias where a text of that kind may hold it: among attacks also a protocol attack.
/// \throws UserError as Catalogue::find.
const Component& find_component(Kind kind, const std::string& name);

/// What every registry holds twice, as `attack 'ipm'`: an error in the program that main reports.
std::vector<std::string> duplicate_components();

/// The components of a text of that kind: a defense is a pipeline, an attack may join protocol attacks, all else is one
/// component. \throws UserError on bad syntax.
std::vector<ComponentText> parse_components(Kind kind, const std::string& text);

/// How they are written together.
std::string to_string(Kind kind, const std::vector<ComponentText>& components);

/// The text with its canonical name (an alias is replaced). \throws UserError for an unknown component or an
/// unknown or repeated parameter; values are not looked at, since many depend on n and f.
ComponentText canonical(Kind kind, ComponentText text);

/// What is missing for n workers of which f are Byzantine (`krum needs n > 2f + 2 (n = 4, f = 2)`), or empty. A defense
/// is asked as a pipeline, since a pre-aggregator changes n for what follows.
std::string unmet_need(Kind kind, const std::vector<ComponentText>& components, int n, int f);

/// Makes what the components are together for this n and f: of a defense a const Pipeline, of an attack a const Attack,
/// or else a const product of its kind. \throws UserError for whatever it checks.
std::shared_ptr<const void> make_component(Kind kind, const std::vector<ComponentText>& components, int n, int f);

/// Checks that a defense reads pre-aggregators, one rule, meta-aggregators. \throws UserError saying what is wrong.
void check_order(const std::vector<ComponentText>& pipeline);

}  // namespace gauntlet
