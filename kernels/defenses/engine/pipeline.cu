// SPDX-License-Identifier: Apache-2.0
#include "kernels/defenses/engine/pipeline.cuh"

#include <algorithm>
#include <cmath>

namespace gauntlet {

namespace {

std::string needs_text(const std::string& name, const std::string& condition, int n, int f) {
  return name + " needs " + condition + " (n = " + std::to_string(n) + ", f = " + std::to_string(f) + ")";
}

/// The condition on (n, f) that the component, as written, does not find met, or empty.
std::string unmet_condition(const Entry<Stage>& entry, const ComponentText& text, int n, int f) {
  for (const auto& argument : text.arguments) {
    const auto found = entry.needs_with.find(argument.first);
    if (found != entry.needs_with.end()) return found->second(n, f);
  }
  return entry.needs(n, f);
}

/// What is wrong with (n, f) for this stage, whose condition is met, or empty.
std::string unmet(const Entry<Stage>& entry, const Stage& stage, int n, int f) {
  if (stage.as_column_rule() != nullptr && n > column_limit)
    return needs_text(entry.name, "n <= " + std::to_string(column_limit), n, f);
  const std::string within = stage.unmet_within();
  return within.empty() ? "" : entry.name + ": " + within;
}

/// Calls visit(entry, stage, n at that stage) for each stage made. Stops when visit returns false.
template <class Visit>
void make_stages(const std::vector<ComponentText>& texts, int n, int f, Visit visit) {
  for (const auto& text : texts) {
    const auto& entry = Registry<Stage>::find(text.name, "defense");
    const std::string condition = unmet_condition(entry, text, n, f);
    // A parameter's default may make no sense for an (n, f) that the rule refuses anyway: refuse first.
    if (!condition.empty() && !visit(entry, std::unique_ptr<Stage>(), needs_text(entry.name, condition, n, f))) return;
    auto stage = entry.create(text, n, f);
    const int rows = stage->as_pre_aggregator() != nullptr ? stage->as_pre_aggregator()->rows_out(n) : n;
    const std::string problem = unmet(entry, *stage, n, f);
    if (!visit(entry, std::move(stage), problem)) return;
    n = rows;
  }
}

/// Whether every parameter has the value that it has when not written.
bool is_default(const Entry<Stage>& entry, const ComponentText& text) {
  return std::all_of(text.arguments.begin(), text.arguments.end(), [&](const auto& argument) {
    return std::any_of(entry.parameters.begin(), entry.parameters.end(), [&](const ParameterSpec& parameter) {
      return parameter.name == argument.first && parameter.default_value == argument.second;
    });
  });
}

}  // namespace

Pipeline::Pipeline(const std::vector<ComponentText>& texts, int n, int f)
    : texts_(texts), text_(to_string(texts)), n_(n), f_(f), rows_out_(n) {
  if (texts.empty()) throw UserError("an empty defense; name a rule, such as 'mean'");
  const std::string whole = "defense '" + text_ + "'";
  make_stages(texts, n, f, [&](const Entry<Stage>& entry, std::unique_ptr<Stage> stage, const std::string& problem) {
    if (!problem.empty()) throw UserError(whole + ": " + problem);
    switch (stage->role()) {
      case StageRole::pre_aggregator:
        if (has_rule_) throw UserError(whole + ": pre-aggregator '" + entry.name + "' must come before the rule");
        rows_out_ = stage->as_pre_aggregator()->rows_out(rows_out_);
        break;
      case StageRole::rule:
        if (has_rule_) throw UserError(whole + ": '" + entry.name + "' is a second rule; a pipeline has one");
        has_rule_ = true;
        if (const auto* rule = stage->as_gram_rule()) trusted_batch_ = rule->trusted_batch();
        break;
      case StageRole::meta_aggregator:
        if (!has_rule_) throw UserError(whole + ": meta-aggregator '" + entry.name + "' must come after a rule");
        break;
    }
    keeps_majority_ &= entry.traits.keeps_majority && is_default(entry, texts[stages_.size()]);
    stages_.push_back(std::move(stage));
    return true;
  });
  keeps_majority_ &= n > 2 * f;
}

bool Pipeline::needs_neighborhood() const {
  return std::any_of(stages_.begin(), stages_.end(), [](const auto& stage) { return stage->needs_neighborhood(); });
}

bool Pipeline::remembers() const {
  return std::any_of(stages_.begin(), stages_.end(), [](const auto& stage) { return stage->remembers(); });
}

bool Pipeline::remembers_workers() const {
  return std::any_of(stages_.begin(), stages_.end(), [](const auto& stage) { return stage->remembers_workers(); });
}

bool Pipeline::follows_model() const {
  return std::any_of(stages_.begin(), stages_.end(), [](const auto& stage) { return stage->follows_model(); });
}

int Pipeline::memory_rows(std::int64_t d) const {
  int rows = 0;
  for (const auto& stage : stages_) rows += stage->memory_rows(n_, d);
  return rows;
}

void Pipeline::check_trusted(bool given) const {
  if (trusted_batch_ > 0 && !given)
    throw UserError("defense '" + text_ +
                    "' needs a message that the server trusts: 'run' computes one, 'aggregate' and 'attack' take it "
                    "with --trusted FILE");
}

std::string unmet_need(const std::vector<ComponentText>& texts, int n, int f) {
  std::string found;
  make_stages(texts, n, f, [&](const Entry<Stage>&, std::unique_ptr<Stage>, const std::string& problem) {
    found = problem;
    return problem.empty();
  });
  return found;
}

std::optional<double> kappa_of(const std::vector<ComponentText>& texts, int n, int f) {
  struct Factor {
    const RobustnessBound* bound;
    int n;
  };
  std::vector<Factor> before, after;  // what is applied to the rest of the pipeline, the last first; the refinements
  bool known = true;
  int rows = n;
  std::size_t next = 0;
  make_stages(texts, n, f, [&](const Entry<Stage>& entry, std::unique_ptr<Stage> stage, const std::string& problem) {
    known = known && problem.empty() && entry.kappa.value && is_default(entry, texts[next++]) &&
            entry.needs(rows, f).empty();
    if (!known) return false;
    if (stage->role() == StageRole::meta_aggregator)
      after.push_back({&entry.kappa, n});
    else
      before.insert(before.begin(), {&entry.kappa, rows});
    if (stage->as_pre_aggregator() != nullptr) rows = stage->as_pre_aggregator()->rows_out(rows);
    return true;
  });
  if (!known || before.empty()) return std::nullopt;
  double kappa = NAN;  // nothing is inside the rule
  for (const auto& factors : {before, after})
    for (const Factor& factor : factors) kappa = factor.bound->value(factor.n, f, kappa);
  return std::isfinite(kappa) ? std::optional<double>(kappa) : std::nullopt;
}

}  // namespace gauntlet
