// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "kernels/protocols/trial.cuh"
#include "src/verify/checks.hpp"
#include "src/verify/inboxes.hpp"

namespace gauntlet {

namespace {

constexpr int d = 150, rounds = 3;
constexpr double to_rounding = 1e-4;             // of two back ends
constexpr const char* defense = "trimmed-mean";  // for attacks that search: it is theirs to know

struct Subject {
  std::string text;
  Sizes sizes;
};

/// The Byzantine messages of all rounds, one after the other, of cells numbered `first` … `first` + count − 1.
std::vector<float> sent(Exec& exec, const Subject& s, int first, int count) {
  std::vector<std::uint64_t> seeds;
  for (int c = 0; c < count; ++c) seeds.push_back(static_cast<std::uint64_t>(first + c));
  Trial trial(exec, s.text, defense, s.sizes.n, s.sizes.f, d, seeds);
  std::vector<float> all;
  for (int t = 0; t < rounds; ++t) {
    std::vector<float> work;
    for (int c = 0; c < count; ++c) {
      const auto cell =
          flatten(random_messages({s.sizes.n, 0}, d, static_cast<std::uint64_t>(1 + first + c + 100 * t)));
      work.insert(work.end(), cell.begin(), cell.end());
    }
    const std::vector<float> messages = trial.act(t, work.data());
    all.insert(all.end(), messages.begin(), messages.end());
    if (!trial.padding_is_zero()) throw std::runtime_error("an extra row is not zero beyond d");
  }
  return all;
}

std::string batch_differs(Exec& exec, const Subject& s) {
  const std::vector<float> together = sent(exec, s, 0, 3);
  const std::size_t size = static_cast<std::size_t>(s.sizes.f) * d;
  for (int c = 0; c < 3; ++c) {
    std::vector<float> own;
    for (std::size_t t = 0; t < rounds; ++t) {
      const auto from = together.begin() + static_cast<std::ptrdiff_t>((t * 3 + static_cast<std::size_t>(c)) * size);
      own.insert(own.end(), from, from + static_cast<std::ptrdiff_t>(size));
    }
    if (std::string gap = difference(own, sent(exec, s, c, 1), 0); !gap.empty())
      return fmt::format("cell {} of 3: {}", c, gap);
  }
  return {};
}

/// Before its first round the Byzantine workers send their own honest messages.
std::string starts_early(Exec& exec, const Subject& s, ComponentText text) {
  text.arguments.emplace_back("start", "1");
  Trial trial(exec, to_string({text}), defense, s.sizes.n, s.sizes.f, d, {0});
  const Messages work = random_messages({s.sizes.n, 0}, d, 1);
  const Messages own(work.end() - s.sizes.f, work.end());
  return difference(trial.act(0, flatten(work).data()), flatten(own), 0);
}

}  // namespace

Findings check_attack(Exec& exec, Exec* other, const Entry<Attack>& entry, const ComponentText& text) {
  Subject s{to_string({text}), accepted_sizes([&](int n, int f) { return f > 0 && entry.needs(n, f).empty(); })};
  if (s.sizes.n == 0) throw UserError(entry.name + ": no size tried is enough; it needs " + entry.needs.text);
  entry.create(text, s.sizes.n, s.sizes.f);
  Findings findings;
  findings.check("twice the same bytes", [&] { return difference(sent(exec, s, 0, 1), sent(exec, s, 0, 1), 0); });
  findings.check("a cell in a batch as alone", [&] { return batch_differs(exec, s); });
  if (other != nullptr)
    findings.check("both back ends agree",
                   [&] { return difference(sent(*other, s, 0, 1), sent(exec, s, 0, 1), to_rounding); });
  else
    findings.skip("both back ends agree", "there is no GPU here");
  if (std::any_of(text.arguments.begin(), text.arguments.end(), [](const auto& a) { return a.first == "start"; }))
    findings.skip("its own messages before it starts", "start is given");
  else
    findings.check("its own messages before it starts", [&] { return starts_early(exec, s, text); });
  if (entry.traits.sends_finite)
    findings.check("finite messages", [&] {
      const std::vector<float> all = sent(exec, s, 0, 1);
      const bool finite = std::all_of(all.begin(), all.end(), [](float value) { return std::isfinite(value); });
      return std::string(finite ? "" : "a number is not finite");
    });
  else
    findings.skip("finite messages", "not among its traits");
  return findings;
}

}  // namespace gauntlet
