// SPDX-License-Identifier: Apache-2.0
#include "kernels/protocols/adversary.cuh"
#include "kernels/protocols/aggregators.cuh"

namespace gauntlet {
namespace {

class Server final : public Protocol {
  struct Bound final : BoundProtocol {
    Bound(Exec& exec, const Wiring& wiring) : aggregators(exec, wiring), adversary(exec, wiring, aggregators) {}
    void exchange(int) override {
      adversary.act();
      aggregators.run();
    }
    std::vector<Observations> observe() const override { return aggregators.observe(); }

    Aggregators aggregators;
    Adversary adversary;
  };

  std::unique_ptr<BoundProtocol> bind(Exec& exec, const Wiring& wiring) const override {
    return std::make_unique<Bound>(exec, wiring);
  }
};

const Registered<Protocol> server([](Entry<Protocol>& e) {
  e.name = "server";
  e.summary = "one server sees all messages, aggregates them and moves the one model that all workers use";
  e.source = "the parameter-server setting of Blanchard et al., NeurIPS 2017";
  e.make = [](const Arguments&) { return std::make_unique<Server>(); };
});

}  // namespace
}  // namespace gauntlet
