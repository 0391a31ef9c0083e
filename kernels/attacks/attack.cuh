// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "kernels/attacks/misconduct.hpp"
#include "kernels/exec/array.cuh"
#include "kernels/exec/launch.cuh"
#include "kernels/exec/philox.cuh"
#include "kernels/passes/passes.cuh"
#include "kernels/registry/registry.hpp"

/// The contract of everything in this folder, and all that most attacks include. An attack never writes f messages of
/// d numbers: it says how each Byzantine message is mixed from base rows, which are the honest messages, the attackers'
/// own honest messages if it asks for them, and a few rows that it computes. All code that may run on the device is a
/// functor marked GAUNTLET_HD.
///
/// A mixing that is known beforehand, message_attack(SignFlip{}): what base row p brings to message b.
///     struct SignFlip : AttackFunctor {
///       static constexpr bool own = true;  // it uses the attackers' own honest messages
///       GAUNTLET_HD double operator()(const AttackView& v, int, int b, int p) const { return -(p == v.own_row(b)); }
///     };
/// A row of its own, `extra_rows = 1`, filled column by column (shared/honest.cuh has mean and deviation of the
/// honest):
///     GAUNTLET_HD void write(const AttackView& v, int c, std::int64_t k) const {
///       float* out = extra_data(v, c, 0) + k;
///       for (int l = 0; l < span_width; ++l) out[l] = k + l < v.d ? 7.0f : 0.0f;  // padding stays zero
///     }
/// A mixing that follows from inner products, gram_attack of engine/gram_attack.cuh: weights by a Team, as in a rule.
/// A strength that is searched against the cell's own defense: engine/optimal.cuh and engine/candidates.cuh.
/// Anything else, such as one with a memory: a class derived from Attack. Random numbers: AttackDraw of philox.cuh.
namespace gauntlet {

/// What an attack sees and where it writes, for all cells that run it. Plain data, passed to kernels by value.
/// Base rows, by index: [0, honest) the honest messages; if `own`, the next f the attackers' own honest messages; then
/// the attack's extra rows.
struct AttackView {
  int cells = 0;
  int n = 0, f = 0, honest = 0;  ///< honest = n − f
  int declared = 0;              ///< f as the defense is told
  int m = 0;                     ///< base rows
  bool own = false;
  std::int64_t d = 0;
  const float* const* rows = nullptr;  ///< [cells][m], extra rows included
  float* const* extra = nullptr;       ///< [cells][extra rows], the same rows writable; padding must stay zero
  double* const* mixing = nullptr;     ///< [cells]: n × m; the attack writes the last f rows in full
  const float* const* last_output =
      nullptr;  ///< [cells]: what the defense made of the last round's inbox, zero at first
  const std::uint64_t* seeds = nullptr;
  const int* round = nullptr;
  /// [cells]: the base row that is the receiver's own message, where each receiver is a cell (Attack::meets_receivers).
  /// Null: row 0.
  const int* receivers = nullptr;
  const double* links = nullptr;  ///< [cells][n]: as Neighborhoods::links, or null: 1/n

  GAUNTLET_HD int receiver(int c) const { return receivers == nullptr ? 0 : receivers[c]; }
  /// What the message that base row p stands for weighs at the receiver, p < n; behind the honest ones the Byzantine
  /// workers'.
  GAUNTLET_HD double link(int c, int p) const {
    const int own = receiver(c), message = p == own ? 0 : p < own ? p + 1 : p;
    return links == nullptr ? 1.0 / n : links[std::int64_t{c} * n + message];
  }
  GAUNTLET_HD const float* row(int c, int p) const { return rows[std::int64_t{c} * m + p]; }
  GAUNTLET_HD int own_row(int byzantine) const { return honest + byzantine; }
  GAUNTLET_HD int extra_row(int i) const { return honest + (own ? f : 0) + i; }
  Rows base() const { return {cells, m, d, rows}; }
};

/// The defense as an attacker who knows it may use it: Defense::rehearse of pipeline.cuh, handed over as a callable so
/// that attacks do not depend on defenses. `mixings` is [cells][variants][n][m]; `outcome` is [cells][variants][2]:
/// the squared distance of the output from Σ reference[c][p] x_p, and ⟨output − that sum, base row `direction`⟩. With
/// direction −1 the distance under a column rule is estimated from a sample of the coordinates when there are very many
/// (ColumnSample): good for comparing variants with each other. `pull`, unless null, is [cells][variants]: what of the
/// inner product base row `direction` itself brings, 0 where the output is made without it or, as far as can be told,
/// does not differ from that of variant 0, which then tries the opposite.
class Rehearsal {
 public:
  virtual ~Rehearsal() = default;
  virtual void rehearse(const double* mixings, int variants, const double* reference, int direction, double* outcome,
                        double* pull) = 0;
};

/// An attack with its state for the cells of one view.
class BoundAttack {
 public:
  virtual ~BoundAttack() = default;
  /// Step 4 of a round: writes the extra rows and the last f rows of every cell's mixing.
  virtual void act() = 0;

  /// Set before act(): which of several exchanges of a round it is. What is remembered of a round is what there was at
  /// its first.
  int step = 0;
};

/// How Byzantine peers that talk to every client by itself use that: the options of every attack where clients agree
/// without a server.
struct Conduct {
  enum class Equivocation {
    none,      ///< one message to all
    mirror,    ///< receivers of odd number get 2μ − b, μ the honest mean
    spread,    ///< in place of b: μ + σ∘ε, another ε for every receiver
    extremes,  ///< in place of b: beyond the end of the honest box that the receiver is nearer to, by one edge
  };
  Equivocation equivocation = Equivocation::none;
  double silence = 0;   ///< probability that a message does not reach a receiver
  bool resend = false;  ///< the own vector stays what it was, whatever was agreed on

  bool is_plain() const { return equivocation == Equivocation::none && silence == 0 && !resend; }
};

class Attack {
 public:
  virtual ~Attack() = default;
  virtual int extra_rows() const { return 0; }
  virtual int memory_rows() const {
    return 0;
  }  ///< padded vectors of d numbers kept per cell; cohorts are sized with it
  virtual bool uses_own_messages() const { return false; }  ///< the workers then compute them
  virtual bool flips_labels() const { return false; }       ///< of the attackers' own samples
  virtual bool knows_defense() const { return false; }      ///< bind() then gets a rehearsal
  virtual bool is_honest() const { return false; }          ///< sends the own messages as they are
  virtual bool remembers() const { return false; }          ///< what it does depends on rounds before
  /// Whether every receiver gets a message of its own: each is then a cell of the view. With no extra rows.
  virtual bool meets_receivers() const { return false; }
  virtual std::unique_ptr<BoundAttack> bind(Exec& exec, const AttackView& view, Rehearsal* rehearsal) const = 0;

  Conduct conduct;
  std::vector<Misconduct> misconduct;  ///< of the protocol attacks that are joined to it
  /// When it acts; in other rounds the Byzantine workers send their own honest messages.
  RoundWindow window;
};

/// Registers an attack: as Registered<Attack>, and adds the parameters that all attacks have: start, stop and every,
/// and those of its conduct.
struct RegisteredAttack {
  template <class Describe>
  explicit RegisteredAttack(Describe describe) {
    Registered<Attack>([&](Entry<Attack>& entry) {
      describe(entry);
      add_window(entry.parameters);
      entry.parameters.push_back(word("state", "follow",
                                      "under agreement, the own vector after a sub-round: follow: what the defense "
                                      "makes of all own vectors; resend: the first one",
                                      {"follow", "resend"}));
      entry.parameters.push_back(word("equivocation", "none",
                                      "under agreement: none; mirror: receivers of odd number get 2 mu - b; spread: "
                                      "each gets mu + sigma * eps; extremes: each is pulled to the end of the honest "
                                      "box that it is nearer to",
                                      {"none", "mirror", "spread", "extremes"}));
      entry.parameters.push_back(
          number("silence", "0", "under agreement: probability that a message does not reach a receiver", 0, 1));
      entry.make = [make = entry.make](const Arguments& a) {
        auto attack = make(a);
        using Equivocation = Conduct::Equivocation;
        const std::string& equivocation = a.word("equivocation");
        attack->conduct.equivocation = equivocation == "mirror"     ? Equivocation::mirror
                                       : equivocation == "spread"   ? Equivocation::spread
                                       : equivocation == "extremes" ? Equivocation::extremes
                                                                    : Equivocation::none;
        attack->conduct.silence = a.number("silence");
        attack->conduct.resend = a.is("state", "resend");
        attack->window = window_of(a);
        return attack;
      };
    });
  }
};

/// After act(): in rounds outside the window, every attacker's message becomes its own honest one.
void keep_window(Exec& exec, const AttackView& view, const RoundWindow& window);

/// What the functors below may leave out. `extra_rows` > 0 asks for
/// `GAUNTLET_HD void write(const AttackView&, int c, std::int64_t k) const`, which fills columns [k, k + span_width) of
/// the extra rows (columns ≥ d with zero).
struct AttackFunctor {
  static constexpr int extra_rows = 0;
  static constexpr bool own = false;
  static constexpr bool flips_labels = false;
  static constexpr bool is_honest = false;
  static constexpr bool meets_receivers = false;
};

namespace detail {

template <class Functor>
struct WriteExtra {
  AttackView view;
  Functor functor;
  GAUNTLET_HD void operator()(int c, std::int64_t k) const { functor.write(view, c, k); }
};

template <class Functor>
struct WriteMixing {
  AttackView view;
  Functor functor;
  GAUNTLET_HD void operator()(std::int64_t index) const {
    const std::int64_t per_cell = std::int64_t{view.f} * view.m;
    const int c = static_cast<int>(index / per_cell), b = static_cast<int>(index % per_cell / view.m);
    const int p = static_cast<int>(index % view.m);
    view.mixing[c][std::int64_t{view.honest + b} * view.m + p] = functor(view, c, b, p);
  }
};

}  // namespace detail

/// act(): the last f rows of every cell's mixing, from the functor of message_attack.
template <class Functor>
void write_mixing(Exec& exec, const AttackView& view, const Functor& functor) {
  parallel_for(exec, "attack mixing", std::int64_t{view.cells} * view.f * view.m,
               detail::WriteMixing<Functor>{view, functor});
}

namespace detail {

template <class Functor>
class MessageAttack final : public Attack {
 public:
  MessageAttack(Functor functor, int extra_rows) : functor_(functor), extra_rows_(extra_rows) {}
  int extra_rows() const override { return extra_rows_; }
  bool uses_own_messages() const override { return Functor::own; }
  bool flips_labels() const override { return Functor::flips_labels; }
  bool is_honest() const override { return Functor::is_honest; }
  bool meets_receivers() const override { return Functor::meets_receivers; }
  std::unique_ptr<BoundAttack> bind(Exec& exec, const AttackView& view, Rehearsal*) const override {
    return std::make_unique<Bound>(exec, view, functor_);
  }

 private:
  struct Bound final : BoundAttack {
    Bound(Exec& exec, const AttackView& view, Functor functor) : exec(exec), view(view), functor(functor) {}
    void act() override {
      if constexpr (Functor::extra_rows > 0)
        parallel_spans(exec, "attack rows", view.cells, view.d, WriteExtra<Functor>{view, functor});
      write_mixing(exec, view, functor);
    }
    Exec& exec;
    AttackView view;
    Functor functor;
  };
  Functor functor_;
  int extra_rows_;
};

}  // namespace detail

/// An attack from a functor derived from AttackFunctor with
/// `GAUNTLET_HD double operator()(const AttackView&, int c, int b, int p) const`: the coefficient of base row p in the
/// message of Byzantine worker b (from 0) of cell c. `extra_rows` is given by those whose number of them is a
/// parameter.
template <class Functor>
std::unique_ptr<Attack> message_attack(Functor functor, int extra_rows = Functor::extra_rows) {
  return std::make_unique<detail::MessageAttack<Functor>>(functor, extra_rows);
}

}  // namespace gauntlet
