// SPDX-License-Identifier: Apache-2.0
#include "src/cell/components.hpp"

#include "src/cell/axes.hpp"

namespace gauntlet {

const ComponentMaker::Made& ComponentMaker::made(Kind kind, const std::string& text, int n, int f) {
  const auto [found, is_new] = made_.try_emplace(std::tuple(kind, text, n, f));
  // Which model `auto` is, the task's data decides.
  if (!is_new || (kind == Kind::model && text == "auto")) return found->second;
  try {
    const std::vector<ComponentText> components = parse_components(kind, text);
    found->second.unmet = unmet_need(kind, components, n, f);
    if (!found->second.unmet.empty()) return found->second;
    found->second.product = make_component(kind, components, n, f);
    if (kind == Kind::protocol)
      found->second.unmet = static_cast<const Protocol*>(found->second.product.get())->unmet_workers(n, f);
  } catch (...) {
    made_.erase(found);
    throw;
  }
  return found->second;
}

const ComponentMaker::Made& ComponentMaker::made(Kind kind, const Cell& cell) {
  const std::string& text = component_of(cell, kind);
  if (kind != Kind::defense) return made(kind, text, cell.workers, cell.byzantine);
  const Made& protocol = made(Kind::protocol, cell);
  if (!protocol.unmet.empty()) return made(kind, text, cell.workers, cell.declared);
  const Made* first = nullptr;
  for (const InboxSize& inbox :
       static_cast<const Protocol*>(protocol.product.get())->inboxes(cell.workers, cell.byzantine, cell.declared)) {
    const Made& one = made(kind, text, inbox.n, inbox.f);
    if (!one.unmet.empty()) return one;
    if (first == nullptr) first = &one;
  }
  return *first;
}

std::shared_ptr<const Components> ComponentMaker::parts(const Cell& cell) {
  constexpr std::array kinds = {Kind::model,    Kind::estimator, Kind::optimizer, Kind::schedule,
                                Kind::protocol, Kind::attack,    Kind::defense};
  std::array<std::shared_ptr<const void>, kinds.size()> products;
  std::array<const void*, kinds.size()> key{};
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    if (kinds[i] == Kind::attack && cell.byzantine == 0) continue;
    const Made& one = made(kinds[i], cell);
    if (!one.unmet.empty()) throw UserError(one.unmet);
    products[i] = one.product;
    key[i] = one.product.get();
  }
  std::shared_ptr<const Components>& known = parts_[key];
  if (known == nullptr)
    known = std::make_shared<const Components>(Components{
        std::static_pointer_cast<const ModelFamily>(products[0]),
        std::static_pointer_cast<const Estimator>(products[1]), std::static_pointer_cast<const Optimizer>(products[2]),
        std::static_pointer_cast<const Schedule>(products[3]), std::static_pointer_cast<const Protocol>(products[4]),
        std::static_pointer_cast<const Attack>(products[5]), std::static_pointer_cast<const Pipeline>(products[6])});
  return known;
}

Cell with_parts(Cell cell) {
  cell.parts = ComponentMaker().parts(cell);
  return cell;
}

}  // namespace gauntlet
