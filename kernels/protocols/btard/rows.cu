// SPDX-License-Identifier: Apache-2.0
#include "kernels/protocols/btard/rows.cuh"

#include "kernels/exec/launch.cuh"
#include "kernels/passes/passes.cuh"

namespace gauntlet {
namespace {

struct DrawDirection {
  CouncilView council;
  std::int64_t d;
  bool shift;
  float* const* out;

  GAUNTLET_HD void operator()(int c, std::int64_t k) const {
    constexpr float step = 3.4641016f / 65536;  // 2 √3, in 2¹⁶ places
    constexpr int together = 8;                 // of one draw; spans of four columns take half of it
    const auto round = static_cast<std::uint32_t>(*council.round);
    constexpr int taken = span_width < together ? span_width : together;
    for (int l = 0; l < span_width; l += taken) {
      const auto slot = static_cast<std::uint32_t>((k + l) / together);
      const Random random(council.seeds[c], shift ? ProtocolDraw::shift : ProtocolDraw::direction, 0, round, slot);
      const int first = static_cast<int>((k + l) % together);
      for (int i = 0; i < taken; ++i) {
        const std::uint32_t place = random.word[(first + i) / 2] >> (first + i) % 2 * 16 & 0xffffu;
        out[c][k + l + i] = k + l + i < d ? (static_cast<float>(place) - 32767.5f) * step : 0.0f;
      }
    }
  }
};

struct ClipRows {
  const float* const* from;
  float* const* to;
  const double* squares;
  double clip;

  GAUNTLET_HD void operator()(int row, std::int64_t k) const {
    const double norm = sqrt(squares[row]);
    // What is not finite has no direction: it is sent as it is.
    const auto factor = static_cast<float>(norm > clip && norm < INFINITY ? clip / norm : 1);
    for (int l = 0; l < span_width; ++l) to[row][k + l] = from[row][k + l] * factor;
  }
};

struct ChooseWorkers {
  CouncilView council;
  int senders;
  int* workers;  ///< [cells][validators]

  GAUNTLET_HD void operator()(std::int64_t index) const {
    const int c = static_cast<int>(index / council.rules.validators),
              k = static_cast<int>(index % council.rules.validators);
    const int target = council.of(council.target, c)[k];
    workers[index] = k < council.pairs[c] && target < senders ? target : 0;
  }
};

/// How the message of a target is mixed of the rows.
struct WeighTargets {
  CouncilView council;
  int m;
  MixedMessages messages;
  double* weights;  ///< [cells][validators][m]

  GAUNTLET_HD void operator()(std::int64_t index) const {
    const int p = static_cast<int>(index % m), k = static_cast<int>(index / m % council.rules.validators);
    const int c = static_cast<int>(index / m / council.rules.validators), peer = council.of(council.target, c)[k];
    weights[index] = messages.mix(c, peer, p);
  }
};

/// What was sent becomes what it is off by; numbers that are the same, NaN too, by nothing.
struct SubtractRows {
  const float* const* again;
  float* const* sent;

  GAUNTLET_HD void operator()(int row, std::int64_t k) const {
    for (int l = 0; l < span_width; ++l) {
      const float a = again[row][k + l], b = sent[row][k + l];
      sent[row][k + l] = a == b || (a != a && b != b) ? 0 : a - b;
    }
  }
};

struct JudgeTargets {
  CouncilView council;
  int senders;
  const double *squares, *differences;  ///< [cells][validators]

  GAUNTLET_HD void operator()(std::int64_t index) const {
    const int c = static_cast<int>(index / council.rules.validators),
              k = static_cast<int>(index % council.rules.validators);
    const int target = council.of(council.target, c)[k];
    if (k >= council.pairs[c] || target >= senders) return;
    const double tolerance = council.rules.tolerance, gap = differences[index];
    council.record(c).forged[target] = gap != 0 && !(gap <= tolerance * tolerance * squares[index]);
  }
};

struct CountBytes {
  CouncilView council;
  double d;

  GAUNTLET_HD void operator()(std::int64_t c) const {
    const double g = council.parts[c];
    const double sent = 4 * 2 * d * (g - 1) / g + 4 * 2 * g + 32 * (2 * g + 3);
    council.bytes[c] += (sent - council.bytes[c]) / (*council.round + 1);
  }
};

}  // namespace

Directions::Directions(Exec& exec, const CouncilView& council, std::int64_t d, bool shifts)
    : exec_(exec), council_(council), d_(d), z_(exec, council.cells, d), z_table_(exec, z_.pointers()) {
  if (!shifts) return;
  shift_ = RowStore(exec, council.cells, d);
  shift_table_ = {exec, shift_.pointers()};
}

std::vector<const float*> Directions::rows(RowStore& store) {
  const std::vector<float*> pointers = store.pointers();
  return {pointers.begin(), pointers.end()};
}

void Directions::draw() {
  parallel_spans(exec_, "random direction", council_.cells, d_, DrawDirection{council_, d_, false, z_table_.data()});
  if (shift_.rows() > 0)
    parallel_spans(exec_, "random shift", council_.cells, d_, DrawDirection{council_, d_, true, shift_table_.data()});
}

ClippedGradients::ClippedGradients(Exec& exec, const Wiring& wiring, double clip)
    : exec_(exec), wiring_(wiring), clip_(clip) {
  if (!(clip < INFINITY)) return;
  const auto count = static_cast<std::int64_t>(wiring.computed.size());
  store_ = RowStore(exec, count, wiring.d);
  wiring_.computed = store_.pointers();
  from_ = {exec, std::vector<const float*>(wiring.computed.begin(), wiring.computed.end())};
  to_ = {exec, wiring_.computed};
  squares_ = Array<double>(exec, static_cast<std::size_t>(count));
  const Rows rows{static_cast<int>(count), 1, wiring.d, from_.data()};
  scratch_ = Array<double>(exec, gram_scratch(exec, rows));
}

void ClippedGradients::run() {
  if (!(clip_ < INFINITY)) return;
  const int count = static_cast<int>(to_.size());
  gram(exec_, Rows{count, 1, wiring_.d, from_.data()}, GramPart::norms, scratch_.data(), squares_.data());
  parallel_spans(exec_, "clip gradients", count, wiring_.d, ClipRows{from_.data(), to_.data(), squares_.data(), clip_});
}

RecomputedGradients::RecomputedGradients(Exec& exec, const CouncilView& council, const SentRows& sent, double clip,
                                         int senders)
    : exec_(exec),
      council_(council),
      m_(sent.m),
      senders_(senders),
      clip_(clip),
      again_(exec, std::int64_t{council.cells} * council.rules.validators, sent.d),
      sent_(exec, again_.rows(), sent.d),
      base_(exec, sent.base),
      messages_(exec, sent, council.honest()),
      again_table_(exec, again_.pointers()),
      sent_table_(exec, sent_.pointers()) {
  const auto count = static_cast<std::size_t>(again_.rows());
  weights_ = Array<double>(exec, count * static_cast<std::size_t>(m_));
  squares_ = Array<double>(exec, count);
  scratch_ = Array<double>(exec, gram_scratch(exec, rows(again_table_)));
  differences_ = Array<double>(exec, count), workers_ = Array<int>(exec, count);
}

void RecomputedGradients::choose() {
  parallel_for(exec_, "choose targets", again_.rows(), ChooseWorkers{council_, senders_, workers_.data()});
}

void RecomputedGradients::compare() {
  const int count = static_cast<int>(again_.rows());
  const std::int64_t d = again_.d();
  if (clip_ < INFINITY) {
    gram(exec_, rows(again_table_), GramPart::norms, scratch_.data(), squares_.data());
    parallel_spans(exec_, "clip gradients", count, d,
                   ClipRows{again_table_.data(), again_table_.data(), squares_.data(), clip_});
  }
  parallel_for(exec_, "targets", static_cast<std::int64_t>(weights_.size()),
               WeighTargets{council_, m_, messages_.view(), weights_.data()});
  combine(exec_, Rows{count, m_, d, base_.data(), council_.rules.validators}, weights_.data(), m_, sent_table_.data());
  parallel_spans(exec_, "differences", count, d, SubtractRows{again_table_.data(), sent_table_.data()});
  gram(exec_, rows(again_table_), GramPart::norms, scratch_.data(), squares_.data());
  gram(exec_, rows(sent_table_), GramPart::norms, scratch_.data(), differences_.data());
  parallel_for(exec_, "targets", count, JudgeTargets{council_, senders_, squares_.data(), differences_.data()});
}

void count_bytes(Exec& exec, const CouncilView& council, std::int64_t d) {
  parallel_for(exec, "bytes sent", council.cells, CountBytes{council, static_cast<double>(d)});
}

}  // namespace gauntlet
