// SPDX-License-Identifier: Apache-2.0
// Fuzz target of the data readers: clang++ -std=c++17 -fsanitize=fuzzer,address -I. tests/fuzz_data.cpp
// src/data/files.cpp -lz. A UserError is the right answer to bad bytes; anything else is a finding.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "kernels/exec/error.hpp"
#include "src/data/files.hpp"

namespace {

template <class Parse>
void expect_result_or_user_error(Parse parse) {
  try {
    parse();
  } catch (const gauntlet::UserError&) {
  }
}

void expect(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::vector<std::uint8_t> bytes(data, data + size);
  expect_result_or_user_error([&] {
    const auto images = gauntlet::parse_idx_images(bytes, "input");
    const auto count = static_cast<std::size_t>(images.count);
    expect(images.pixels.size() ==
           count * static_cast<std::size_t>(images.height) * static_cast<std::size_t>(images.width));
    expect(images.pixels.size() + 16 == size);
  });
  expect_result_or_user_error([&] {
    const auto labels = gauntlet::parse_idx_labels(bytes, "input", 10);
    expect(labels.size() + 8 == size);
    for (const auto label : labels) expect(label >= 0 && label < 10);
  });
  expect_result_or_user_error([&] {
    const auto samples = gauntlet::parse_cifar10(bytes, "input");
    expect(samples.bytes.size() + samples.labels.size() == size);
    expect(samples.labels.size() == static_cast<std::size_t>(samples.count));
  });
  return 0;
}
