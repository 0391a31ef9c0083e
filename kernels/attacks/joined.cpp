// SPDX-License-Identifier: Apache-2.0
#include "kernels/attacks/joined.hpp"

#include <algorithm>
#include <stdexcept>

#include "kernels/attacks/attack.cuh"
#include "kernels/registry/text.hpp"

namespace gauntlet {
namespace {

bool is_on_messages(const ComponentText& component) { return Registry<Attack>::lookup(component.name) != nullptr; }

std::string protocol_attacks() {
  std::string all;
  for (const std::string& name : Registry<Misconduct>::names()) all += (all.empty() ? "" : ", ") + name;
  return all;
}

}  // namespace

const Component& find_attack(const std::string& name) {
  if (const auto* attack = Registry<Attack>::lookup(name)) return *attack;
  if (const auto* misconduct = Registry<Misconduct>::lookup(name)) return *misconduct;
  std::vector<std::string> names = Registry<Attack>::names();
  for (const std::string& other : Registry<Misconduct>::names()) names.push_back(other);
  throw UserError("unknown attack '" + shown(name) + "'" + suggestion(name, names));
}

const std::string& name_of(Misconduct::Kind kind) {
  for (const auto& entry : Registry<Misconduct>::all())
    if (entry.create({entry.name, {}}, 1, 0)->kind == kind) return entry.name;
  throw std::logic_error("no protocol attack is this misconduct");
}

std::vector<ComponentText> in_order(std::vector<ComponentText> joined) {
  const std::string subject = "attack '" + to_string(joined, " + ") + "': ";
  for (std::size_t i = 0; i < joined.size(); ++i) {
    const Component& component = find_attack(joined[i].name);
    for (std::size_t j = 0; j < i; ++j) {
      if (is_on_messages(joined[i]) && is_on_messages(joined[j]))
        throw UserError(subject + "takes one attack on the messages, but both '" + joined[j].name + "' and '" +
                        joined[i].name + "' are; join protocol attacks (" + protocol_attacks() + ") to it");
      if (&find_attack(joined[j].name) == &component) throw UserError(subject + "joins '" + component.name + "' twice");
    }
  }
  std::stable_partition(joined.begin(), joined.end(), is_on_messages);
  return joined;
}

std::unique_ptr<Attack> create_attack(const std::vector<ComponentText>& joined, int n, int f) {
  std::unique_ptr<Attack> attack;
  std::vector<Misconduct> misconduct;
  for (const ComponentText& component : in_order(joined))
    if (const auto* entry = Registry<Attack>::lookup(component.name))
      attack = entry->create(component, n, f);
    else
      misconduct.push_back(*Registry<Misconduct>::find(component.name, "protocol attack").create(component, n, f));
  if (attack == nullptr) attack = Registry<Attack>::find("none", "attack").create({"none", {}}, n, f);
  attack->misconduct = std::move(misconduct);
  return attack;
}

}  // namespace gauntlet
