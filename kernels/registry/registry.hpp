// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "kernels/exec/error.hpp"
#include "kernels/registry/observer.hpp"
#include "kernels/registry/parameters.hpp"

namespace gauntlet {

/// A few numbers that a reader can check by hand: what the component makes of `input`.
struct KnownAnswer {
  std::string arguments;  ///< as written between the parentheses, or empty
  int f = 0;
  std::vector<std::vector<float>> input;
  std::vector<std::vector<float>> output;
  std::vector<float> trusted = {};  ///< the server's own message, for a rule that takes one
};

/// The robustness coefficient that theory gives a defense: whatever the messages, and for every set S of n − f of them,
/// ‖A − mean_S‖² ≤ kappa · (1/|S|) Σ_S ‖x_i − mean_S‖². Allouah, Farhadkhani, Guerraoui, Gupta, Pinot, Stephan, Fixing
/// by Mixing, AISTATS 2023.
struct RobustnessBound {
  std::string formula = {};  ///< one line, plain text; `derived`: not from a paper but proved in the source
  /// Of the component with its default parameters, for an (n, f) that it works with; +∞ where none is known. `inner` is
  /// the coefficient of what the component is applied to: of the stages after a pre-aggregator, of those before a
  /// meta-aggregator. A rule ignores it.
  std::function<double(int n, int f, double inner)> value = {};
};

/// What every component declares about itself: the one source of `list`, the help, the README tables and the tests.
struct Component {
  std::string name;
  std::vector<std::string> aliases = {};
  std::string role = {};   ///< of a defense: rule, pre-aggregator or meta-aggregator; follows from what `make` returns
  std::string space = {};  ///< of a defense: gram, column or custom; likewise
  std::string summary = {};  ///< one line
  std::string formula = {};  ///< one line, plain text
  std::string source = {};   ///< the paper
  bool robust = true;        ///< a rule that claims finite output near the honest messages despite f arbitrary ones
  std::vector<ParameterSpec> parameters = {};
  std::vector<ObservedColumn> columns = {};  ///< what it measures in a run and adds to the results
  std::vector<KnownAnswer> known_answers = {};
  /// Empty when the component works for n messages of which f are Byzantine, or else the condition it needs
  /// (`n > 2f + 2`). Null: always works.
  std::function<std::string(int n, int f)> needs = {};
  /// Of a defense: what it needs instead when the user writes the parameter of this name, whose default asks for more.
  std::map<std::string, std::function<std::string(int n, int f)>> needs_with = {};
  RobustnessBound kappa = {};  ///< of a defense; empty where no bound is known
};

/// What the class that a factory returns says about its component. A kind of product whose classes say something
/// specializes it (Stage: role and space).
template <class Product>
struct Describe {
  template <class Made>
  static void as(Component&) {}
};

/// The function that makes a component: takes Arguments, returns a unique_ptr to a class derived from Product.
template <class Product>
class Factory {
 public:
  Factory() = default;
  template <class Function>
  Factory(Function function)
      : Factory(Describe<Product>::template as<
                    typename std::decay_t<decltype(function(std::declval<const Arguments&>()))>::element_type>,
                std::move(function)) {}

  /// Of a function whose parameters decide between classes: `Usual` is the one that it is listed as.
  template <class Usual, class Function>
  static Factory usually(Function function) {
    return Factory(Describe<Product>::template as<Usual>, std::move(function));
  }

  std::unique_ptr<Product> operator()(const Arguments& arguments) const { return make_(arguments); }
  /// Fills in what follows from the class of the product.
  void describe(Component& component) const {
    if (describe_ != nullptr) describe_(component);
  }

 private:
  template <class Function>
  Factory(void (*describe)(Component&), Function function) : describe_(describe), make_(std::move(function)) {}

  void (*describe_)(Component&) = nullptr;
  std::function<std::unique_ptr<Product>(const Arguments&)> make_;
};

/// A registered component with the function that makes it. `Product` is what it makes.
template <class Product>
struct Entry : Component {
  Factory<Product> make;

  /// Checks the text against the declared parameters and makes the component. \throws UserError.
  std::unique_ptr<Product> create(const ComponentText& text, int n, int f) const {
    return make(Arguments(name, parameters, text, n, f));
  }
};

/// All components of one kind, in name order. Filled during static initialisation by `Registered` objects.
template <class Product>
class Registry {
 public:
  static const std::vector<Entry<Product>>& all() { return sorted(); }

  /// The entry of that name or alias, or null.
  static const Entry<Product>* lookup(const std::string& name) {
    for (const auto& entry : sorted()) {
      if (entry.name == name) return &entry;
      if (std::count(entry.aliases.begin(), entry.aliases.end(), name) != 0) return &entry;
    }
    return nullptr;
  }

  /// \throws UserError `unknown KIND 'x'; did you mean 'y'?`
  static const Entry<Product>& find(const std::string& name, const std::string& kind) {
    if (const auto* entry = lookup(name)) return *entry;
    throw UserError("unknown " + kind + " '" + name + "'" + suggestion(name, names()));
  }

  static std::vector<std::string> names() {
    std::vector<std::string> result;
    for (const auto& entry : sorted()) result.push_back(entry.name);
    return result;
  }

  /// Names registered more than once; main reports them as an internal error.
  static std::vector<std::string> duplicates() {
    std::vector<std::string> result;
    const auto& entries = sorted();
    for (std::size_t i = 1; i < entries.size(); ++i)
      if (entries[i].name == entries[i - 1].name) result.push_back(entries[i].name);
    return result;
  }

  static void add(Entry<Product> entry) { storage().push_back(std::move(entry)); }

 private:
  static std::vector<Entry<Product>>& storage() {
    static std::vector<Entry<Product>> entries;
    return entries;
  }
  static const std::vector<Entry<Product>>& sorted() {
    static const std::vector<Entry<Product>> entries = [] {
      auto copy = storage();
      std::sort(copy.begin(), copy.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
      return copy;
    }();
    return entries;
  }
};

/// A namespace-scope object of this type registers a component: see any file of kernels/defenses.
template <class Product>
struct Registered {
  template <class Describe>
  explicit Registered(Describe describe) {
    Entry<Product> entry;
    describe(entry);
    entry.make.describe(entry);
    Registry<Product>::add(std::move(entry));
  }
};

}  // namespace gauntlet
