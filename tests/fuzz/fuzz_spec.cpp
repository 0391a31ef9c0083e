// SPDX-License-Identifier: Apache-2.0
// Feeds any bytes to the readers of specs, components and expressions. A UserError is right; all else is a finding.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "kernels/exec/error.hpp"
#include "kernels/registry/parameters.hpp"
#include "src/spec/spec.hpp"

namespace {

template <class Action>
void attempt(Action action) {
  try {
    action();
  } catch (const gauntlet::UserError& error) {
    if (std::string_view(error.what()).find('\n') != std::string_view::npos) std::abort();
  }
}

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gauntlet;
  const std::string text(reinterpret_cast<const char*>(data), size);
  attempt([&] {
    const std::string canonical = to_string(parse_pipeline(text));
    require(to_string(parse_pipeline(canonical)) == canonical);
  });
  attempt([&] {
    const std::string canonical = to_string(parse_joined(text), " + ");
    require(to_string(parse_joined(canonical), " + ") == canonical);
  });
  attempt([&] { evaluate_expression(text, 13, 3); });
  attempt([&] {
    const std::string complete = resolved(parse_spec(text, "spec.toml"));
    require(resolved(parse_spec(complete, "spec.toml")) == complete);
  });
  attempt([&] { parse_spec("name = 'x'", "spec.toml", {text}); });
  return 0;
}
