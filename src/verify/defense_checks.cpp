// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/protocols/trial.cuh"
#include "src/verify/checks.hpp"
#include "src/verify/inboxes.hpp"

namespace gauntlet {

namespace {

constexpr int d = 150, rounds = 3;    // neither a multiple of a span; enough rounds for a memory to tell
constexpr double tolerance = 1e-5;    // of what is computed in single precision in another order
constexpr double to_rounding = 1e-4;  // of two back ends, and of squares

/// Changes every message of a round.
using Change = std::function<void(std::vector<float>& message)>;

struct Subject {
  const Entry<Stage>& entry;
  StageRole role;
  std::string text;  ///< a pipeline as it is written
  Sizes sizes;

  /// As its traits speak of it: a pipeline with one output.
  std::string whole() const { return role == StageRole::pre_aggregator ? text + " | mean" : text; }
};

Subject subject_of(const Entry<Stage>& entry, const ComponentText& component) {
  const auto pipeline_of = [&](StageRole role) {
    return (role == StageRole::meta_aggregator ? "median | " : "") + to_string({component});
  };
  std::string unmet;
  StageRole role = StageRole::rule;
  const Sizes sizes = accepted_sizes([&](int n, int f) {
    unmet = unmet_need({component}, n, f);
    if (unmet.empty()) role = entry.create(component, n, f)->role();
    return unmet.empty();
  });
  if (sizes.n == 0) throw UserError("no size tried is enough: " + unmet);
  return {entry, role, pipeline_of(role), sizes};
}

/// The messages of round t of an inbox.
Messages messages_of(const Subject& s, int inbox, int round) {
  return random_messages(s.sizes, d, static_cast<std::uint64_t>(1 + inbox + 100 * round));
}

/// A defense with its state on some inboxes, and the messages that it sees in a round.
class Rounds {
 public:
  Rounds(Exec& exec, const Subject& s, const std::string& pipeline, int inboxes)
      : exec_(exec),
        sizes_(s.sizes),
        inboxes_(inboxes),
        trial_(exec, "", pipeline, sizes_.n, sizes_.f, d,
               std::vector<std::uint64_t>(static_cast<std::size_t>(inboxes))) {}

  /// [inbox][message]; the server trusts the mean of the first `good` of each.
  void receive(int round, const std::vector<Messages>& messages, int good) {
    round_ = round;
    rows_.clear(), trusted_.clear();
    for (const Messages& inbox : messages) {
      append(rows_, flatten(inbox));
      append(trusted_, mean_of(inbox, good));
    }
    trial_.show(round, rows_.data(), trusted_.data());
  }
  /// The outputs, one after the other.
  std::vector<float> run() { return trial_.play(round_, rows_.data(), trusted_.data()); }

  /// An attacker tries two mixings of the messages received, as they are and the Byzantine ones turned round: the
  /// squared length of the first inbox's output in the first.
  double rehearse() {
    std::vector<double> mixings;
    for (int c = 0; c < inboxes_; ++c)
      for (int v = 0; v < 2; ++v)
        for (int i = 0; i < sizes_.n; ++i)
          for (int p = 0; p < sizes_.n; ++p) mixings.push_back(i != p ? 0 : v > 0 && i >= sizes_.n - sizes_.f ? -1 : 1);
    const Array<double> tried(exec_, mixings), zero(exec_, static_cast<std::size_t>(inboxes_) * sizes_.n);
    Array<double> outcome(exec_, static_cast<std::size_t>(inboxes_) * 2 * 2);
    trial_.rehearsal().rehearse(tried.data(), 2, zero.data(), -1, outcome.data(), nullptr);
    return outcome.download()[0];
  }

 private:
  static void append(std::vector<float>& all, const std::vector<float>& more) {
    all.insert(all.end(), more.begin(), more.end());
  }

  Exec& exec_;
  Sizes sizes_;
  int inboxes_, round_ = 0;
  Trial trial_;
  std::vector<float> rows_, trusted_;
};

/// The outputs of all rounds, one after the other, of the inboxes numbered `first` … `first` + count − 1. `before` is
/// called before each round, when its messages are there.
template <class Before>
std::vector<float> outputs(Exec& exec, const Subject& s, const std::string& pipeline, int first, int count,
                           const std::function<void(Messages&)>& change, Before before) {
  Rounds trial(exec, s, pipeline, count);
  std::vector<float> all;
  for (int t = 0; t < rounds; ++t) {
    std::vector<Messages> messages;
    for (int c = 0; c < count; ++c) {
      messages.push_back(messages_of(s, first + c, t));
      change(messages.back());
    }
    trial.receive(t, messages, s.sizes.n);
    before(trial);
    const std::vector<float> output = trial.run();
    all.insert(all.end(), output.begin(), output.end());
  }
  return all;
}

std::vector<float> outputs(
    Exec& exec, const Subject& s, const std::string& pipeline, int first = 0, int count = 1,
    const std::function<void(Messages&)>& change = [](Messages&) {}) {
  return outputs(exec, s, pipeline, first, count, change, [](Rounds&) {});
}

/// What inbox `inbox` of `count` contributed to outputs().
std::vector<float> share_of(const std::vector<float>& all, int inbox, int count) {
  const std::size_t size = all.size() / rounds / static_cast<std::size_t>(count);
  std::vector<float> own;
  for (std::size_t t = 0; t < rounds; ++t) {
    const auto from = all.begin() + static_cast<std::ptrdiff_t>((t * count + static_cast<std::size_t>(inbox)) * size);
    own.insert(own.end(), from, from + static_cast<std::ptrdiff_t>(size));
  }
  return own;
}

std::string batch_differs(Exec& exec, const Subject& s) {
  const std::vector<float> together = outputs(exec, s, s.text, 0, 3);
  for (int c = 0; c < 3; ++c)
    if (std::string gap = difference(share_of(together, c, 3), outputs(exec, s, s.text, c, 1), 0); !gap.empty())
      return fmt::format("inbox {} of 3: {}", c, gap);
  return {};
}

/// Every message x becomes factor x + a vector of multiples of `shift`.
std::string moves_otherwise(Exec& exec, const Subject& s, float factor, float shift) {
  // Both ways, and far enough that who was long may become short.
  const auto step = [](std::size_t k) { return static_cast<float>(k % 7) - 4; };
  const auto change = [=](Messages& messages) {
    for (auto& message : messages)
      for (std::size_t k = 0; k < message.size(); ++k) message[k] = factor * message[k] + shift * step(k);
  };
  std::vector<float> want = outputs(exec, s, s.whole());
  for (std::size_t k = 0; k < want.size(); ++k) want[k] = factor * want[k] + shift * step(k % d);
  return difference(outputs(exec, s, s.whole(), 0, 1, change), want, tolerance);
}

/// f messages of numbers that are not finite, or hardly.
std::string harmed(Exec& exec, const Subject& s) {
  const float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  const float most = std::numeric_limits<float>::max();
  struct Harm {
    const char* name;
    float even, odd;
  };
  for (const Harm harm : {Harm{"NaN", nan, nan}, Harm{"infinity", inf, inf}, Harm{"-infinity", -inf, -inf},
                          Harm{"infinities of both signs", inf, -inf}, Harm{"one NaN in two", nan, 0},
                          Harm{"1e30", 1e30F, -1e30F}, Harm{"the largest numbers", most, most}}) {
    Rounds trial(exec, s, s.text, 1);
    for (int t = 0; t < rounds; ++t) {
      Messages messages = random_messages({s.sizes.n, 0}, d, static_cast<std::uint64_t>(7 + t), 0.5F);
      const int honest = s.sizes.n - s.sizes.f;
      const std::vector<float> center = mean_of(messages, honest);
      double radius = 0;
      for (int i = 0; i < honest; ++i) {
        double square = 0;
        for (std::size_t k = 0; k < d; ++k) square += std::pow(messages[static_cast<std::size_t>(i)][k] - center[k], 2);
        radius = std::max(radius, std::sqrt(square));
      }
      for (int i = honest; i < s.sizes.n; ++i)
        for (std::size_t k = 0; k < d; ++k)
          messages[static_cast<std::size_t>(i)][k] = k % 2 == 0 ? harm.even : harm.odd;
      trial.receive(t, {messages}, honest);
      for (const auto& row : rows_of(trial.run(), d)) {
        double square = 0;
        for (std::size_t k = 0; k < d; ++k) square += std::pow(static_cast<double>(row[k]) - center[k], 2);
        // NaN fails the comparison.
        if (!(std::sqrt(square) <= 3 * radius))
          return fmt::format(
              "{} carries the output {:g} away from the honest mean in round {}; the farthest honest "
              "message is {:g} away",
              harm.name, std::sqrt(square), t, radius);
      }
    }
  }
  return {};
}

/// A rehearsal tells what a run then gives, and leaves no trace.
std::string rehearsed_otherwise(Exec& exec, const Subject& s, bool foresees) {
  std::vector<double> squares;
  const auto rehearse = [&](Rounds& trial) { squares.push_back(trial.rehearse()); };
  const std::vector<float> plain = outputs(exec, s, s.whole());
  const std::vector<float> after = outputs(
      exec, s, s.whole(), 0, 1, [](Messages&) {}, rehearse);
  if (!foresees) return difference(after, plain, 0);
  for (std::size_t t = 0; t < rounds; ++t) {
    double square = 0;
    for (std::size_t k = 0; k < d; ++k) square += std::pow(static_cast<double>(plain[t * d + k]), 2);
    if (std::abs(squares[t] - square) > to_rounding * std::max(1.0, square))
      return fmt::format("in round {} an output of squared length {} was foreseen, and it is {}", t, squares[t],
                         square);
  }
  return {};
}

/// n equal messages, in every round the same.
std::string disagrees(Exec& exec, const Subject& s) {
  const std::vector<float> one = messages_of(s, 0, 0)[0];
  const auto alike = [&](Messages& messages) {
    for (auto& message : messages) message = one;
  };
  std::vector<float> want;
  for (int t = 0; t < rounds; ++t) want.insert(want.end(), one.begin(), one.end());
  return difference(outputs(exec, s, s.whole(), 0, 1, alike), want, tolerance);
}

std::string leaves_box(Exec& exec, const Subject& s) {
  Rounds trial(exec, s, s.whole(), 1);
  for (int t = 0; t < rounds; ++t) {
    const Messages messages = messages_of(s, 0, t);
    trial.receive(t, {messages}, s.sizes.n);
    const std::vector<float> out = trial.run();
    for (std::size_t k = 0; k < out.size(); ++k) {
      float low = messages[0][k], high = low;
      for (const auto& message : messages) low = std::min(low, message[k]), high = std::max(high, message[k]);
      const float slack = 1e-5F * std::max(1.0F, std::max(std::abs(low), std::abs(high)));
      if (!(out[k] >= low - slack && out[k] <= high + slack))
        return fmt::format("number {} of round {} is {}, and those of the messages lie in {}..{}", k, t, out[k], low,
                           high);
    }
  }
  return {};
}

}  // namespace

Findings check_defense(Exec& exec, Exec* other, const Entry<Stage>& entry, const ComponentText& text) {
  const Subject s = subject_of(entry, text);
  const Traits& traits = entry.traits;
  Findings findings;
  const auto claimed = [&](bool claims, const char* name, auto test) {
    if (claims)
      findings.check(name, test);
    else
      findings.skip(name, "not among its traits");
  };
  findings.check("twice the same bytes",
                 [&] { return difference(outputs(exec, s, s.text), outputs(exec, s, s.text), 0); });
  findings.check("an inbox in a batch as alone", [&] { return batch_differs(exec, s); });
  if (other != nullptr)
    findings.check("both back ends agree",
                   [&] { return difference(outputs(*other, s, s.text), outputs(exec, s, s.text), to_rounding); });
  else
    findings.skip("both back ends agree", "there is no GPU here");
  findings.check("a rehearsal leaves no trace", [&] { return rehearsed_otherwise(exec, s, false); });
  findings.check("a rehearsal foresees the output", [&] { return rehearsed_otherwise(exec, s, true); });
  claimed(traits.permutation_invariant && !traits.draws_workers, "any order of the workers", [&] {
    const auto turn = [](Messages& messages) { std::reverse(messages.begin(), messages.end()); };
    return difference(outputs(exec, s, s.whole(), 0, 1, turn), outputs(exec, s, s.whole()), tolerance);
  });
  claimed(traits.translation_equivariant, "moves with the messages", [&] { return moves_otherwise(exec, s, 1, 20); });
  claimed(traits.scale_equivariant, "grows with the messages", [&] { return moves_otherwise(exec, s, 8, 0); });
  claimed(traits.unanimous, "equal messages come back", [&] { return disagrees(exec, s); });
  claimed(traits.within_box, "stays within the messages' box", [&] { return leaves_box(exec, s); });
  claimed(traits.robust && s.role == StageRole::rule && s.sizes.f > 0, "NaN, infinity and 1e30 do not carry it away",
          [&] { return harmed(exec, s); });
  return findings;
}

}  // namespace gauntlet
