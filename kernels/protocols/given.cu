// SPDX-License-Identifier: Apache-2.0
#include "kernels/protocols/given.cuh"

#include <stdexcept>

#include "kernels/protocols/adversary.cuh"
#include "kernels/protocols/aggregators.cuh"
#include "kernels/protocols/rows.cuh"
#include "kernels/protocols/trial.cuh"

namespace gauntlet {
namespace {

/// Asks for the rows that the given messages are put in. Nobody acts.
class Written final : public Attack {
 public:
  explicit Written(int rows) : rows_(rows) {}
  int extra_rows() const override { return rows_; }
  std::unique_ptr<BoundAttack> bind(Exec&, const AttackView&, Rehearsal*) const override {
    throw std::logic_error("what is sent is given, and nobody acts");
  }

 private:
  int rows_;
};

/// The protocol and who meets in it. \throws UserError where they do not go together.
std::unique_ptr<Protocol> protocol_for(const ComponentText& text, const Match& match, int n, int f) {
  const auto& entry = Registry<Protocol>::find(text.name, "protocol");
  auto protocol = entry.create(text, n, f);
  const std::string reason = protocol->unmet(match.attack.get(), *match.defense);
  if (!reason.empty()) throw UserError("protocol " + entry.name + ": " + reason);
  if (!match.defense->has_rule())
    throw UserError("defense '" + to_string(match.defense->texts()) +
                    "' has no rule, and so leaves a client no vector; end it in one, such as 'mean'");
  return protocol;
}

std::size_t width(std::int64_t d) { return sizeof(float) * static_cast<std::size_t>(d); }

void upload(Exec& exec, RowStore& rows, std::int64_t first, const float* values, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) copy_to(exec, rows.row(first + i), values + i * rows.d(), width(rows.d()));
}

/// Appends the rows to `values`.
void download(Exec& exec, const std::vector<float*>& rows, std::int64_t d, std::vector<float>& values) {
  std::size_t at = values.size();
  values.resize(at + rows.size() * static_cast<std::size_t>(d));
  for (const float* row : rows) {
    copy_from(exec, values.data() + at, row, width(d));
    at += static_cast<std::size_t>(d);
  }
}

/// The inboxes of all honest clients, in which receiver v has extra row v · f + b from sender b.
class Inboxing {
 public:
  Inboxing(Exec& exec, const Wiring& wiring)
      : exec_(exec), h_(wiring.honest()), f_(wiring.f), d_(wiring.d), aggregators_(exec, wiring) {
    const Aggregators::Inbox& inbox = aggregators_.inbox(0);
    const std::size_t m = inbox.base.size();
    for (int v = 0; v < h_; ++v)
      for (int b = 0; b < f_; ++b) {
        std::vector<double> row(m, 0.0);
        row[static_cast<std::size_t>(h_ + v * f_ + b)] = 1;
        copy_to(exec, inbox.mixing + (std::int64_t{v} * wiring.n + h_ + b) * static_cast<std::int64_t>(m), row.data(),
                sizeof(double) * m);
      }
  }

  /// One sub-round. `messages`: [honest][f][d]; `delivered`: [honest][f], or null.
  void run(const float* messages, const float* delivered) {
    const Aggregators::Inbox& inbox = aggregators_.inbox(0);
    for (std::size_t i = 0; i < inbox.extra.size(); ++i)
      copy_to(exec_, inbox.extra[i], messages + static_cast<std::int64_t>(i) * d_, width(d_));
    for (int v = 0; v < h_ && delivered != nullptr; ++v) {
      std::vector<std::uint8_t> present;
      for (int b = 0; b < f_; ++b) present.push_back(delivered[v * f_ + b] != 0);
      copy_to(exec_, inbox.present + v * (h_ + f_) + h_, present.data(), present.size());
    }
    aggregators_.run();
  }

 private:
  Exec& exec_;
  int h_, f_;
  std::int64_t d_;
  Aggregators aggregators_;
};

}  // namespace

std::vector<float> agree_on_given(Exec& exec, const std::string& defense, const GivenVectors& given) {
  const int h = given.honest, f = given.f;
  Match match = make_match("", defense, h + f, f);
  (void)protocol_for({"agreement", {}}, match, h + f, f);
  if (f > 0) match.attack = std::make_shared<Written>(h * f);
  RowStore vectors(exec, h, given.d), next(exec, h, given.d);
  const Array<int> round(exec, 1);
  Wiring wiring;
  wiring.cells = {match};
  wiring.n = h + f, wiring.f = f, wiring.views = h, wiring.d = given.d;
  wiring.absences = f > 0 && given.delivered != nullptr;
  wiring.computed = vectors.pointers();
  wiring.aggregates = next.pointers();
  wiring.round = round.data();
  Inboxing inboxes(exec, wiring);
  const RowCopies take(exec, next.pointers(), vectors.pointers());
  upload(exec, vectors, 0, given.vectors, h);
  std::vector<float> result;
  for (int s = 0; s < given.rounds; ++s) {
    const std::int64_t pairs = std::int64_t{s} * h * f;
    inboxes.run(given.messages + pairs * given.d, wiring.absences ? given.delivered + pairs : nullptr);
    take.run(exec, given.d);
    download(exec, vectors.pointers(), given.d, result);
  }
  return result;
}

std::vector<float> agree_under_attack(Exec& exec, const ComponentText& text, const std::string& attack,
                                      const std::string& defense, const GivenVectors& given, const float* own,
                                      std::uint64_t seed) {
  const int h = given.honest, f = given.f, n = h + f;
  Match match = make_match(attack, defense, n, f);
  match.seed = seed;
  const auto protocol = protocol_for(text, match, n, f);
  Wiring wiring;
  wiring.own = computes_own(match.attack.get());
  if (wiring.own && own == nullptr)
    throw UserError("attack '" + attack +
                    "' looks at what the Byzantine clients computed themselves: give it as own.npy, f x d");
  wiring.cells = {match};
  wiring.n = n, wiring.f = f, wiring.d = given.d;
  wiring.views = protocol->shape(n, f, wiring.own).models;
  RowStore computed(exec, wiring.own ? n : h, given.d);
  upload(exec, computed, 0, given.vectors, h);
  if (wiring.own) upload(exec, computed, h, own, f);
  wiring.computed = computed.pointers();
  const Array<int> round(exec, 1);
  wiring.round = round.data();
  std::vector<float> result;
  for (int s = 0; s < given.rounds; ++s) {
    const auto bound = protocol->bind(exec, wiring);  // a fresh one: what remembers starts anew
    bound->exchange(s);
    std::vector<float*> held = bound->aggregates();
    held.resize(static_cast<std::size_t>(h));
    download(exec, held, given.d, result);
  }
  return result;
}

int sub_rounds_of(const ComponentText& text) {
  const auto& entry = Registry<Protocol>::find("agreement", "protocol");
  const Arguments arguments(entry.name, entry.parameters, text, 1, 0);
  return arguments.is("rounds", "auto") ? 0 : arguments.count("rounds");
}

}  // namespace gauntlet
