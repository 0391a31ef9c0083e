// SPDX-License-Identifier: Apache-2.0
#include "kernels/protocols/btard/given.cuh"

#include <cstring>

#include "kernels/protocols/btard/checks.cuh"
#include "kernels/protocols/btard/misconduct.cuh"
#include "kernels/protocols/btard/options.cuh"
#include "kernels/protocols/btard/rows.cuh"

namespace gauntlet {
namespace {

/// The rows of a table in the back end's memory.
RowStore rows_of(Exec& exec, const float* values, int count, std::int64_t d) {
  RowStore store(exec, count, d);
  for (int i = 0; i < count; ++i)
    copy_to(exec, store.row(i), values + i * d, static_cast<std::size_t>(d) * sizeof(float));
  return store;
}

std::vector<float> floats(const std::vector<double>& values, std::size_t first, std::size_t count) {
  return {values.begin() + static_cast<std::ptrdiff_t>(first),
          values.begin() + static_cast<std::ptrdiff_t>(first + count)};
}

}  // namespace

StepOutcome btard_on_given(Exec& exec, const ComponentText& protocol, const std::string& defense,
                           const GivenStep& step) {
  const auto& entry = Registry<Protocol>::find("btard", "protocol");
  const BtardOptions options(Arguments(entry.name, entry.parameters, protocol, step.g, step.f));
  if (step.g > most_btard_peers)
    throw UserError("btard takes at most " + std::to_string(most_btard_peers) + " peers, not " +
                    std::to_string(step.g));
  const Pipeline pipeline(parse_pipeline(defense), step.g, step.f);
  std::string reason;
  const double tau = tau_of(pipeline, step.g, step.f, &reason);
  if (!reason.empty()) throw UserError("defense '" + defense + "': " + reason);

  CouncilRules rules = options.rules(step.g, step.f);
  rules.validators = static_cast<int>(step.validators.size());
  const Array<int> round(exec, 1);
  Council council(exec, rules, {{0, tau, {}}}, round.data(), 1);
  const CouncilView& view = council.view();
  begin_step(exec, view);

  RowStore sent = rows_of(exec, step.sent, step.g, step.d), z = rows_of(exec, step.direction, 1, step.d), shift;
  RowStore aggregate(exec, 1, step.d);
  SentRows rows;
  rows.d = step.d, rows.m = step.g;
  for (const float* row : sent.pointers()) rows.base.push_back(row);
  rows.widths = {step.g}, rows.mixing = {nullptr}, rows.direction = {z.row(0)}, rows.aggregates = {aggregate.row(0)};
  if (step.shift != nullptr) {
    shift = rows_of(exec, step.shift, 1, step.d);
    rows.shift = {shift.row(0)}, rows.shift_is_exact = true;
  }
  PartAggregation parts(exec, view, rows);
  parts.run();

  const auto g = static_cast<std::size_t>(step.g), square = g * g;
  std::vector<double> statements(4 * square);
  copy_from(exec, statements.data(), view.statements, statements.size() * sizeof(double));
  StepOutcome outcome;
  outcome.s = floats(statements, 2 * square, square), outcome.r = floats(statements, 3 * square, square);
  for (std::size_t e = 0; e < square; ++e) {
    if (step.s_lie != nullptr) statements[e] += static_cast<double>(step.s_lie[e]);
    if (step.r_lie != nullptr) statements[square + e] += static_cast<double>(step.r_lie[e]);
  }
  copy_to(exec, view.statements, statements.data(), 2 * square * sizeof(double));
  std::vector<std::uint8_t> forged(g), accuses(g);
  for (std::size_t i = 0; i < g; ++i)
    forged[i] = step.truth != nullptr && std::memcmp(step.sent + i * static_cast<std::size_t>(step.d),
                                                     step.truth + i * static_cast<std::size_t>(step.d),
                                                     static_cast<std::size_t>(step.d) * sizeof(float)) != 0;
  for (const int peer : step.accuse) accuses[static_cast<std::size_t>(peer)] = 1;
  copy_to(exec, view.forged, forged.data(), g);
  const int pairs = static_cast<int>(step.validators.size());
  copy_to(exec, view.pairs, &pairs, sizeof pairs);
  if (pairs > 0) copy_to(exec, view.validator, step.validators.data(), step.validators.size() * sizeof(int));
  if (pairs > 0) copy_to(exec, view.target, step.targets.data(), step.targets.size() * sizeof(int));

  const Array<std::uint8_t> accusers(exec, accuses);
  verify_statements(exec, view);
  parts.correct();
  hear_validators(exec, view, 0, accusers.data());
  outcome.events = council.events().front();
  outcome.aggregate.resize(static_cast<std::size_t>(step.d));
  copy_from(exec, outcome.aggregate.data(), aggregate.row(0), outcome.aggregate.size() * sizeof(float));
  return outcome;
}

}  // namespace gauntlet
