// SPDX-License-Identifier: Apache-2.0
#include "src/commands/protocol_files.hpp"

#include <algorithm>

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

void require_defense(const ProtocolRun& run) {
  if (run.defense.empty()) throw UserError("--defense: what the clients of " + run.protocol + " aggregate with");
}

std::vector<ProtocolFile> run_agreement(Exec& exec, const ProtocolRun& run, const ComponentText& protocol) {
  require_defense(run);
  const Input input(run);
  const NpyArray honest = input.read("honest.npy", {0, 0}, "h x d, the honest clients' vectors");
  const std::size_t h = honest.shape[0], d = honest.shape[1], f = static_cast<std::size_t>(run.byzantine);
  GivenVectors given;
  given.honest = static_cast<int>(h), given.f = run.byzantine, given.d = static_cast<std::int64_t>(d);
  given.vectors = honest.values.data();
  given.exchanges = exchanges_of(protocol, given.honest + given.f, given.f);
  const auto need_rounds = [&] {
    if (given.exchanges == 0)
      throw UserError("protocol '" + run.protocol + "': rounds=auto follows the rounds of a training; give a number");
  };
  NpyArray messages, delivered, own;
  if (!run.attack.empty()) {
    if (input.has("messages.npy"))
      throw UserError("--attack: " + (run.input / "messages.npy").string() + " says already what is sent");
    need_rounds();
    if (input.has("own.npy")) own = input.read("own.npy", {f, d}, "f x d, what the Byzantine clients computed");
    if (!own.values.empty()) given.own = own.values.data();
  } else {
    if (f > 0) {
      messages = input.read("messages.npy", {static_cast<std::size_t>(given.exchanges), h, f, d},
                            "K x h x f x d: sub-round, receiver, Byzantine sender");
      given.exchanges = static_cast<int>(messages.shape[0]);
      given.messages = messages.values.data();
      if (input.has("delivered.npy")) {
        delivered = input.read("delivered.npy", {messages.shape[0], h, f}, "K x h x f of 0 and 1");
        for (const float value : delivered.values)
          if (value != 0 && value != 1)
            throw UserError((run.input / "delivered.npy").string() + ": found " + std::to_string(value) +
                            "; accepted are 0 and 1");
        given.delivered = delivered.values.data();
      }
    }
    need_rounds();
  }
  std::vector<float> vectors = agree_on_given(exec, {protocol, run.defense, run.attack, run.seed}, given);
  return {{"vectors.npy", {static_cast<std::size_t>(given.exchanges), h, d}, std::move(vectors)}};
}

}  // namespace

std::vector<ProtocolFile> run_protocol(Exec& exec, const ProtocolRun& run) {
  const ComponentText protocol = parse_component(run.protocol);
  const std::string& name = Registry<Protocol>::find(protocol.name, "protocol").name;
  if (name == "agreement") return run_agreement(exec, run, protocol);
  if (name == "server")
    throw UserError("protocol server is no more than an attack on a defense: use gauntlet aggregate or attack");
  throw UserError("protocol " + name + " does not run on given vectors");
}

}  // namespace gauntlet
