// SPDX-License-Identifier: Apache-2.0
#include "kernels/protocols/given.cuh"

#include <stdexcept>

#include "kernels/protocols/adversary.cuh"
#include "kernels/protocols/aggregators.cuh"
#include "kernels/protocols/gossip_step.cuh"
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

Arguments arguments_of(const ComponentText& protocol, int n, int f) {
  const auto& entry = Registry<Protocol>::find(protocol.name, "protocol");
  return {entry.name, entry.parameters, protocol, n, f};
}

/// The protocol, and who meets under it. \throws UserError where they do not go together.
std::unique_ptr<Protocol> meet(const GivenProtocol& who, const GivenVectors& given, Match& match) {
  const int n = given.honest + given.f, f = given.f;
  const auto& entry = Registry<Protocol>::find(who.protocol.name, "protocol");
  auto protocol = entry.create(who.protocol, n, f);
  const auto require = [&](const std::string& reason) {
    if (!reason.empty()) throw UserError("protocol " + entry.name + ": " + reason);
  };
  require(protocol->unmet_workers(n, f));
  match = make_match(who.attack, "", n, f);
  match.seed = who.seed, match.attack_label = who.attack, match.defense_label = who.defense;
  const InboxSize inbox = protocol->inboxes(n, f, f).front();
  match.defense = std::make_shared<const Pipeline>(parse_pipeline(who.defense), inbox.n, inbox.f);
  require(protocol->unmet(match, n, f));
  if (!match.defense->has_rule())
    throw UserError("defense '" + who.defense +
                    "' has no rule, and so leaves a peer no vector; end it in one, such as 'mean'");
  return protocol;
}

/// Whether the Byzantine peers hold a vector. \throws UserError where they must and none is given.
bool needs_own(const Match& match, const GivenVectors& given) {
  const bool own = computes_own(match.attack.get());
  if (own && given.own == nullptr)
    throw UserError("attack '" + match.attack_label +
                    "' looks at what the Byzantine peers computed themselves: give it as own.npy, f x d");
  return own;
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

/// Where the messages are given.
std::vector<float> agree_on_messages(Exec& exec, const Match& who, const GivenVectors& given) {
  const int h = given.honest, f = given.f;
  Match match = who;
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
  for (int s = 0; s < given.exchanges; ++s) {
    const std::int64_t pairs = std::int64_t{s} * h * f;
    inboxes.run(given.messages + pairs * given.d, wiring.absences ? given.delivered + pairs : nullptr);
    take.run(exec, given.d);
    download(exec, vectors.pointers(), given.d, result);
  }
  return result;
}

std::vector<float> agree_under_attack(Exec& exec, const Protocol& protocol, const Match& match, bool own,
                                      const GivenVectors& given) {
  const int h = given.honest, f = given.f, n = h + f;
  Wiring wiring;
  wiring.cells = {match};
  wiring.n = n, wiring.f = f, wiring.own = own, wiring.d = given.d;
  wiring.views = protocol.shape(n, f, own).models;
  RowStore computed(exec, own ? n : h, given.d);
  upload(exec, computed, 0, given.vectors, h);
  if (own) upload(exec, computed, h, given.own, f);
  wiring.computed = computed.pointers();
  const Array<int> round(exec, 1);
  wiring.round = round.data();
  std::vector<float> result;
  for (int s = 0; s < given.exchanges; ++s) {
    const auto bound = protocol.bind(exec, wiring);  // a fresh one: what remembers starts anew
    bound->exchange(s);
    std::vector<float*> held = bound->aggregates();
    held.resize(static_cast<std::size_t>(h));
    download(exec, held, given.d, result);
  }
  return result;
}

}  // namespace

int exchanges_of(const ComponentText& protocol, int n, int f) {
  const Arguments arguments = arguments_of(protocol, n, f);
  if (arguments.is("rounds", "auto")) return 0;
  return arguments.count("rounds") * (protocol.name == "gossip" ? arguments.count("mixing") : 1);
}

std::vector<float> agree_on_given(Exec& exec, const GivenProtocol& who, const GivenVectors& given) {
  Match match;
  const auto protocol = meet(who, given, match);
  if (who.attack.empty()) return agree_on_messages(exec, match, given);
  return agree_under_attack(exec, *protocol, match, needs_own(match, given), given);
}

std::vector<float> gossip_on_given(Exec& exec, const GivenProtocol& who, const GivenVectors& given) {
  const int h = given.honest, f = given.f;
  Match match;
  (void)meet(who, given, match);
  const GossipOptions options(arguments_of(who.protocol, h + f, f));
  const bool written = who.attack.empty() && f > 0;
  Peers peers;
  peers.graph = options.graph_for(h + f, f);
  if (peers.graph.drawn_peers > 0 && written)
    throw UserError("messages are for receivers whose neighbors stay; under epidemic they are drawn anew");
  peers.told = options.told;
  peers.cells = {match};
  peers.own = needs_own(match, given), peers.d = given.d;
  RowStore vectors(exec, peers.own ? h + f : h, given.d), sent(exec, written ? h * f : 0, given.d);
  upload(exec, vectors, 0, given.vectors, h);
  if (peers.own) upload(exec, vectors, h, given.own, f);
  peers.vectors = vectors.pointers(), peers.sent = sent.pointers();
  Array<int> round(exec, 1);
  peers.round = round.data();
  const auto step = peers.graph.drawn_peers > 0 ? gossip_with_anybody(exec, peers) : gossip_with_neighbors(exec, peers);
  std::vector<float*> held = vectors.pointers();
  held.resize(static_cast<std::size_t>(h));
  std::vector<float> result;
  for (int k = 0; k < given.exchanges; ++k) {
    round.upload({k / options.mixing});
    upload(exec, sent, 0, given.messages + sent.rows() * given.d * k, sent.rows());
    step->run(k % options.mixing);
    download(exec, held, given.d, result);
  }
  return result;
}

Graph graph_of_gossip(const ComponentText& protocol) {
  const GossipOptions options(arguments_of(protocol, 1, 0));
  return graph_alone(options.graph, options.weights);
}

}  // namespace gauntlet
