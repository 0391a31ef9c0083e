// SPDX-License-Identifier: Apache-2.0
#include "src/commands/protocol_files.hpp"

#include <algorithm>

#include "kernels/protocols/btard/given.cuh"
#include "kernels/protocols/given.cuh"
#include "kernels/protocols/protocol.cuh"
#include "src/commands/messages_file.hpp"

namespace gauntlet {
namespace {

namespace fs = std::filesystem;

/// Reads the folder of a run.
class Input {
 public:
  explicit Input(const ProtocolRun& run) : run_(run) {}

  bool has(const std::string& name) const { return !run_.input.empty() && fs::exists(run_.input / name); }

  /// The numbers of a file, which has the lengths `shape`, where 0 stands for any. `meaning` names them in words.
  NpyArray read(const std::string& name, const std::vector<std::size_t>& shape, const std::string& meaning) const {
    if (run_.input.empty()) throw UserError("--input: protocol " + run_.protocol + " reads " + name + " from a folder");
    NpyArray array = read_array(run_.input / name);
    bool fits = array.shape.size() == shape.size();
    for (std::size_t k = 0; fits && k < shape.size(); ++k) fits = shape[k] == 0 || shape[k] == array.shape[k];
    if (!fits)
      throw UserError((run_.input / name).string() + ": found " + product(array.shape) + "; accepted is " + meaning +
                      (std::count(shape.begin(), shape.end(), 0u) == static_cast<std::ptrdiff_t>(shape.size())
                           ? ""
                           : ", here " + product(shape)));
    return array;
  }

 private:
  static std::string product(const std::vector<std::size_t>& shape) {
    std::string text;
    for (const std::size_t length : shape)
      text += (text.empty() ? "" : " x ") + (length == 0 ? "any" : std::to_string(length));
    return text;
  }

  const ProtocolRun& run_;
};

/// A run whose files are being read, with what they hold.
struct Reading {
  Reading(const ProtocolRun& run_, const ComponentText& protocol_) : run(run_), protocol(protocol_), input(run) {
    if (run.defense.empty()) throw UserError("--defense: what the peers of " + run.protocol + " aggregate with");
  }

  std::size_t h() const { return static_cast<std::size_t>(given.honest); }
  std::size_t d() const { return static_cast<std::size_t>(given.d); }
  std::size_t f() const { return static_cast<std::size_t>(run.byzantine); }

  /// How often they exchange, and what Byzantine peers send, where no attack says it.
  void read_messages() {
    given.exchanges = exchanges_of(protocol, given.honest + given.f, given.f);
    if (run.attack.empty() && f() > 0) {
      messages = input.read("messages.npy", {static_cast<std::size_t>(given.exchanges), h(), f(), d()},
                            "K x h x f x d: exchange, receiver, Byzantine sender");
      given.exchanges = static_cast<int>(messages.shape[0]);
      given.messages = messages.values.data();
    }
    if (given.exchanges == 0)
      throw UserError("protocol '" + run.protocol + "': rounds=auto follows the rounds of a training; give a number");
  }

  GivenProtocol who() const { return {protocol, run.defense, run.attack, run.seed}; }
  std::vector<std::size_t> shape() const { return {static_cast<std::size_t>(given.exchanges), h(), d()}; }

  const ProtocolRun& run;
  const ComponentText& protocol;
  Input input;
  NpyArray vectors, own, messages, delivered;
  GivenVectors given;
};

std::vector<ProtocolFile> run_agreement(Exec& exec, const ProtocolRun& run, const ComponentText& protocol) {
  Reading reading(run, protocol);
  GivenVectors& given = reading.given;
  reading.vectors = reading.input.read("honest.npy", {0, 0}, "h x d, the honest clients' vectors");
  given.vectors = reading.vectors.values.data();
  given.honest = static_cast<int>(reading.vectors.shape[0]), given.f = run.byzantine;
  given.d = static_cast<std::int64_t>(reading.vectors.shape[1]);
  for (const char* name : {"messages.npy", "delivered.npy"})
    if (!run.attack.empty() && reading.input.has(name))
      throw UserError("--attack: " + (run.input / name).string() + " says already what is sent");
  reading.read_messages();
  const std::size_t h = reading.h(), f = reading.f();
  if (!run.attack.empty() && reading.input.has("own.npy")) {
    reading.own = reading.input.read("own.npy", {f, reading.d()}, "f x d, what the Byzantine clients computed");
    given.own = reading.own.values.data();
  }
  if (given.messages != nullptr && reading.input.has("delivered.npy")) {
    reading.delivered = reading.input.read("delivered.npy", {reading.messages.shape[0], h, f}, "K x h x f of 0 and 1");
    for (const float value : reading.delivered.values)
      if (value != 0 && value != 1)
        throw UserError((run.input / "delivered.npy").string() + ": found " + std::to_string(value) +
                        "; accepted are 0 and 1");
    given.delivered = reading.delivered.values.data();
  }
  return {{"vectors.npy", reading.shape(), agree_on_given(exec, reading.who(), given)}};
}

std::vector<ProtocolFile> run_gossip(Exec& exec, const ProtocolRun& run, const ComponentText& protocol) {
  if (run.defense.empty() && !Input(run).has("values.npy")) {
    const Graph graph = graph_of_gossip(protocol);
    const auto n = static_cast<std::size_t>(graph.nodes);
    return {{"weights.npy", {n, n}, {graph.weights.begin(), graph.weights.end()}}};
  }
  Reading reading(run, protocol);
  GivenVectors& given = reading.given;
  reading.vectors = reading.input.read("values.npy", {0, 0}, "n x d, the honest nodes' values, then the others'");
  if (reading.f() >= reading.vectors.shape[0])
    throw UserError("--byzantine " + std::to_string(run.byzantine) + ": '" + (run.input / "values.npy").string() +
                    "' has only " + std::to_string(reading.vectors.shape[0]) +
                    " rows, of which at least one must be honest");
  given.honest = static_cast<int>(reading.vectors.shape[0] - reading.f()), given.f = run.byzantine;
  given.d = static_cast<std::int64_t>(reading.vectors.shape[1]);
  given.vectors = reading.vectors.values.data();
  given.own = given.vectors + reading.h() * reading.d();
  reading.read_messages();
  return {{"values.npy", reading.shape(), gossip_on_given(exec, reading.who(), given)}};
}

/// The ids in a file, each a peer's.
std::vector<int> ids(const NpyArray& array, const fs::path& file, int peers) {
  std::vector<int> result;
  for (const float value : array.values) {
    const int id = value >= 0 && value < static_cast<float>(peers) ? static_cast<int>(value) : -1;
    if (static_cast<float>(id) != value)
      throw UserError(file.string() + ": found " + std::to_string(value) + "; accepted are ids from 0 to " +
                      std::to_string(peers - 1));
    result.push_back(id);
  }
  return result;
}

/// The lines of events.csv; -1 stands for nobody.
std::string events_text(const std::vector<ProtocolEvent>& events) {
  std::string text = "check,accuser,accused,part,verdict,banned\n";
  for (const ProtocolEvent& event : events) {
    std::string banned;
    for (const int peer : event.banned) banned += (banned.empty() ? "" : " ") + std::to_string(peer);
    text += event.check + "," + std::to_string(event.accuser) + "," + std::to_string(event.accused) + "," +
            std::to_string(event.part) + "," + event.verdict + "," + banned + "\n";
  }
  return text;
}

std::vector<ProtocolFile> run_btard(Exec& exec, const ProtocolRun& run, const ComponentText& protocol) {
  if (run.defense.empty())
    throw UserError("--defense: what the owners of parts aggregate with: centered-clipping(tau=1)");
  if (!run.attack.empty())
    throw UserError("--attack: protocol btard runs a step that is given; what is sent says what Byzantine peers do");
  const Input input(run);
  const NpyArray sent = input.read("sent.npy", {0, 0}, "g x d, the gradients as they were sent");
  const std::size_t g = sent.shape[0], d = sent.shape[1];
  if (static_cast<std::size_t>(run.byzantine) >= g)
    throw UserError("--byzantine " + std::to_string(run.byzantine) + ": '" + (run.input / "sent.npy").string() +
                    "' has only " + std::to_string(g) + " rows, of which at least one must be honest");
  GivenStep step;
  step.g = static_cast<int>(g), step.f = run.byzantine, step.d = static_cast<std::int64_t>(d);
  step.sent = sent.values.data();
  const NpyArray direction = input.read("direction.npy", {d}, "d numbers, the random direction");
  step.direction = direction.values.data();
  NpyArray truth, shift, s_lie, r_lie;
  const auto optional = [&](const char* name, const std::vector<std::size_t>& shape, const char* meaning,
                            NpyArray& array, const float*& values) {
    if (!input.has(name)) return;
    array = input.read(name, shape, meaning);
    values = array.values.data();
  };
  optional("true.npy", {g, d}, "g x d, what the seeds give", truth, step.truth);
  optional("shift.npy", {d}, "d numbers, added to what is published", shift, step.shift);
  optional("s_lie.npy", {g, g}, "g x g, added to the statement of row's peer on column's part", s_lie, step.s_lie);
  optional("r_lie.npy", {g, g}, "g x g, added to the distance of row's peer on column's part", r_lie, step.r_lie);
  if (input.has("pairs.npy")) {
    const std::vector<int> pairs =
        ids(input.read("pairs.npy", {0, 2}, "k x 2: validator, target"), run.input / "pairs.npy", step.g);
    for (std::size_t k = 0; k < pairs.size(); k += 2) {
      if (std::count(step.validators.begin(), step.validators.end(), pairs[k]) != 0 || pairs[k] == pairs[k + 1])
        throw UserError((run.input / "pairs.npy").string() + ": a validator checks one other peer; found " +
                        std::to_string(pairs[k]) + " again");
      step.validators.push_back(pairs[k]), step.targets.push_back(pairs[k + 1]);
    }
  }
  if (input.has("accuse.npy"))
    step.accuse =
        ids(input.read("accuse.npy", {0}, "ids of those who accuse their target"), run.input / "accuse.npy", step.g);
  StepOutcome outcome = btard_on_given(exec, protocol, run.defense, step);
  ProtocolFile events{"events.csv", {}, {}};
  events.text = events_text(outcome.events);
  return {{"aggregate.npy", {1, d}, std::move(outcome.aggregate)},
          {"s.npy", {g, g}, std::move(outcome.s)},
          {"r.npy", {g, g}, std::move(outcome.r)},
          std::move(events)};
}

}  // namespace

std::vector<ProtocolFile> run_protocol(Exec& exec, const ProtocolRun& run) {
  const ComponentText protocol = parse_component(run.protocol);
  const std::string& name = Registry<Protocol>::find(protocol.name, "protocol").name;
  if (name == "agreement") return run_agreement(exec, run, protocol);
  if (name == "gossip") return run_gossip(exec, run, protocol);
  if (name == "btard") return run_btard(exec, run, protocol);
  if (name == "server")
    throw UserError("protocol server is no more than an attack on a defense: use gauntlet aggregate or attack");
  throw UserError("protocol " + name + " does not run on given vectors");
}

}  // namespace gauntlet
