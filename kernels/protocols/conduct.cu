// SPDX-License-Identifier: Apache-2.0
#include "kernels/protocols/conduct.cuh"

#include "kernels/attacks/shared/honest.cuh"

namespace gauntlet {

namespace {

using Equivocation = Conduct::Equivocation;

/// An entry of the Byzantine rows of all receivers' mixings.
struct Entry {
  int c, v, b, p;

  GAUNTLET_HD Entry(const AttackView& view, int receivers, std::int64_t index)
      : c(static_cast<int>(index / (std::int64_t{receivers} * view.f * view.m))),
        v(static_cast<int>(index / (std::int64_t{view.f} * view.m) % receivers)),
        b(static_cast<int>(index / view.m % view.f)),
        p(static_cast<int>(index % view.m)) {}
  GAUNTLET_HD double& of(const AttackView& view, int receiver) const {
    return view.mixing[c][(std::int64_t{receiver} * view.n + view.honest + b) * view.m + p];
  }
};

/// What goes to the first receiver goes to all; mirrored at the honest mean to those of odd number.
struct Broadcast {
  AttackView view;
  int receivers;
  bool mirrored;
  RoundWindow window;

  GAUNTLET_HD void operator()(std::int64_t index) const {
    const Entry entry(view, receivers, index);
    if (entry.v == 0) return;
    const double message = entry.of(view, 0);
    const bool other = mirrored && entry.v % 2 == 1 && window.holds(*view.round);
    entry.of(view, entry.v) = other ? (entry.p < view.honest ? 2.0 / view.honest : 0) - message : message;
  }
};

/// Receiver v gets extra row `first` + v, or, from sender b, row `first` + v f + b.
struct SendRows {
  AttackView view;
  int receivers, first;
  bool by_sender;
  RoundWindow window;

  GAUNTLET_HD void operator()(std::int64_t index) const {
    if (!window.holds(*view.round)) return;
    const Entry entry(view, receivers, index);
    const int row = by_sender ? entry.v * view.f + entry.b : entry.v;
    entry.of(view, entry.v) = entry.p == view.extra_row(first + row);
  }
};

struct SpreadRows {
  AttackView view;
  int receivers, first, step;

  GAUNTLET_HD void operator()(int c, std::int64_t k) const {
    double mean[span_width], deviation[span_width];
    honest_moments(view, c, k, mean, deviation);
    const auto round = static_cast<std::uint32_t>(*view.round);
    for (int i = 0; i < receivers * view.f; ++i) {
      float* out = extra_data(view, c, first + i) + k;
      for (int l = 0; l < span_width; l += 2) {
        const Random random(view.seeds[c], ProtocolDraw::spread,
                            static_cast<std::uint32_t>(step * receivers * view.f + i), round,
                            static_cast<std::uint32_t>((k + l) / 2));
        for (int r = 0; r < 2; ++r) out[l + r] = static_cast<float>(mean[l + r] + deviation[l + r] * random.normal(r));
      }
    }
  }
};

struct ExtremeRows {
  AttackView view;
  int first;

  GAUNTLET_HD void operator()(int c, std::int64_t k) const {
    for (int l = 0; l < span_width; ++l) {
      float low = view.row(c, 0)[k + l], high = low;
      for (int i = 1; i < view.honest; ++i) {
        const float x = view.row(c, i)[k + l];
        low = x < low ? x : low, high = x > high ? x : high;
      }
      const float edge = high - low, middle = 0.5f * low + 0.5f * high;
      for (int i = 0; i < view.honest; ++i)
        extra_data(view, c, first + i)[k + l] = view.row(c, i)[k + l] <= middle ? low - edge : high + edge;
    }
  }
};

struct FallSilent {
  AttackView view;
  Audience audience;
  double silence;
  RoundWindow window;
  int step;

  GAUNTLET_HD void operator()(std::int64_t index) const {
    const int pairs = audience.receivers * view.f, c = static_cast<int>(index / pairs);
    const int who = static_cast<int>(index % pairs), v = who / view.f, b = who % view.f;
    const Random random(view.seeds[c], ProtocolDraw::silence, static_cast<std::uint32_t>(who),
                        static_cast<std::uint32_t>(*view.round), static_cast<std::uint32_t>(step));
    audience.present[c][v * view.n + view.honest + b] = !window.holds(*view.round) || random.uniform() > silence;
  }
};

}  // namespace

int conduct_rows(const Conduct& conduct, int receivers, int f) {
  if (f == 0) return 0;
  if (conduct.equivocation == Equivocation::spread) return receivers * f;
  return conduct.equivocation == Equivocation::extremes ? receivers : 0;
}

void prepare_conduct(Exec& exec, const AttackView& view, const Attack& attack, const Audience& audience, int step) {
  const Equivocation equivocation = attack.conduct.equivocation;
  const int receivers = audience.receivers, first = attack.extra_rows();
  if (equivocation == Equivocation::spread)
    parallel_spans(exec, "spread", view.cells, view.d, SpreadRows{view, receivers, first, step});
  if (equivocation == Equivocation::extremes)
    parallel_spans(exec, "extremes", view.cells, view.d, ExtremeRows{view, first});
  if (audience.present != nullptr)
    parallel_for(exec, "fall silent", std::int64_t{view.cells} * receivers * view.f,
                 FallSilent{view, audience, attack.conduct.silence, attack.window, step});
}

void address_receivers(Exec& exec, const AttackView& view, const Attack& attack, const Audience& audience) {
  const Equivocation equivocation = attack.conduct.equivocation;
  const int receivers = audience.receivers, first = attack.extra_rows();
  const std::int64_t entries = std::int64_t{view.cells} * receivers * view.f * view.m;
  if (receivers > 1)
    parallel_for(exec, "broadcast", entries,
                 Broadcast{view, receivers, equivocation == Equivocation::mirror, attack.window});
  if (conduct_rows(attack.conduct, receivers, view.f) > 0)
    parallel_for(exec, "equivocate", entries,
                 SendRows{view, receivers, first, equivocation == Equivocation::spread, attack.window});
}

}  // namespace gauntlet
