// SPDX-License-Identifier: Apache-2.0
#include "src/verify/inboxes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "src/data/random.hpp"

namespace gauntlet {

Sizes accepted_sizes(const std::function<bool(int n, int f)>& condition) {
  for (const Sizes sizes : {Sizes{13, 3}, Sizes{11, 2}, Sizes{15, 3}, Sizes{7, 1}, Sizes{5, 1}, Sizes{4, 0}})
    if (condition(sizes.n, sizes.f)) return sizes;
  return {};
}

Messages random_messages(Sizes sizes, int d, std::uint64_t seed, float common) {
  Stream stream(seed, "verify");
  Messages messages(static_cast<std::size_t>(sizes.n), std::vector<float>(static_cast<std::size_t>(d)));
  std::vector<float> center(static_cast<std::size_t>(d));
  for (float& value : center) value = common * static_cast<float>(stream.normal());
  for (int i = 0; i < sizes.n; ++i)
    for (std::size_t k = 0; k < center.size(); ++k)
      messages[static_cast<std::size_t>(i)][k] =
          center[k] + static_cast<float>(stream.normal()) + (i >= sizes.n - sizes.f ? 5.0F : 0.0F);
  return messages;
}

std::vector<float> mean_of(const Messages& messages, int count) {
  std::vector<float> mean(messages[0].size());
  for (std::size_t k = 0; k < mean.size(); ++k) {
    double total = 0;
    for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) total += static_cast<double>(messages[i][k]);
    mean[k] = static_cast<float>(total / count);
  }
  return mean;
}

std::vector<float> flatten(const Messages& messages) {
  std::vector<float> all;
  for (const auto& message : messages) all.insert(all.end(), message.begin(), message.end());
  return all;
}

Messages rows_of(const std::vector<float>& numbers, std::size_t d) {
  Messages rows;
  for (auto first = numbers.begin(); first != numbers.end(); first += static_cast<std::ptrdiff_t>(d))
    rows.emplace_back(first, first + static_cast<std::ptrdiff_t>(d));
  return rows;
}

std::string difference(const std::vector<float>& got, const std::vector<float>& want, double tolerance) {
  if (got.size() != want.size()) return fmt::format("{} numbers instead of {}", got.size(), want.size());
  double largest = 1;
  for (const float value : want)
    if (std::isfinite(value)) largest = std::max(largest, std::abs(static_cast<double>(value)));
  for (std::size_t i = 0; i < got.size(); ++i) {
    const bool same = std::memcmp(&got[i], &want[i], sizeof(float)) == 0;
    if (same || (tolerance > 0 && (got[i] == want[i] || (std::isnan(got[i]) && std::isnan(want[i]))))) continue;
    // NaN fails the comparison.
    if (std::abs(static_cast<double>(got[i]) - static_cast<double>(want[i])) <= tolerance * largest && tolerance > 0)
      continue;
    return fmt::format("number {} is {} instead of {}", i, got[i], want[i]);
  }
  return {};
}

}  // namespace gauntlet
