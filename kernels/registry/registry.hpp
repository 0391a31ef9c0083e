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

/// What a component asks of n messages of which f are Byzantine: the words, and whether it is so. The text depends on
/// nothing, so that listings can show it; what has another text is another condition, looked at `then`.
struct Condition {
  std::string text = {};                         ///< `n > 2f + 2`; empty: asks nothing
  std::function<bool(int n, int f)> holds = {};  ///< null: always
  std::vector<Condition> then = {};              ///< what it asks besides, where this holds

  /// The first text that does not hold, or empty.
  std::string operator()(int n, int f) const {
    if (holds && !holds(n, f)) return text;
    for (const Condition& next : then)
      if (std::string unmet = next(n, f); !unmet.empty()) return unmet;
    return {};
  }
};

/// What holds of a component whatever the messages: what `verify` and the tests of all components ask for. The defaults
/// are those of a rule without oddities; whoever differs says so in its own file. Of a pre-aggregator they are those of
/// `it | mean`, of a meta-aggregator those of `median | it`; a component of another kind has no use for them.
struct Traits {
  bool robust = true;  ///< a rule that claims finite output near the honest messages despite f arbitrary ones
  bool translation_equivariant = true;  ///< A(x_1 + c, …) = A(x_1, …) + c; its trusted message moves, too
  bool scale_equivariant = true;        ///< A(a x_1, …) = a A(x_1, …) for a > 0; its trusted message grows, too
  bool permutation_invariant = true;    ///< it does not care for the order of the workers
  bool unanimous = true;                ///< n equal messages of any size come back
  bool within_box = true;               ///< no coordinate of the output lies beyond those of all messages
  bool mean_without_byzantine = false;  ///< with f = 0 the output is the mean
  /// With its default parameters, n − f equal messages, n > 2f, come back whatever the others are. A pre-aggregator
  /// leaves them as they are for a rule of which it holds, and so many that it still does.
  bool keeps_majority = false;
  bool draws_workers = false;  ///< mixes workers drawn at random, so that no naive definition can agree
  bool sends_finite = true;    ///< an attack whose messages are finite where the honest ones are
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
  Traits traits = {};
  std::vector<ParameterSpec> parameters = {};
  std::vector<ObservedColumn> columns = {};  ///< what it measures in a run and adds to the results
  /// Of a protocol: a run also has events (ProtocolEvent) and, by itself, the column that counts them (events_column).
  bool reports_events = false;
  std::vector<KnownAnswer> known_answers = {};
  Condition needs = {};
  /// Of a defense: what it needs instead when the user writes the parameter of this name, whose default asks for more.
  std::map<std::string, Condition> needs_with = {};
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
