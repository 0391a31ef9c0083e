// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "kernels/attacks/window.hpp"
#include "kernels/registry/registry.hpp"

/// The contract of protocol attacks, one file each in protocol/: what Byzantine peers do besides what they send. Such a
/// file says what it is called and what it takes; what comes of it, the protocol does.
namespace gauntlet {

/// What Byzantine peers do where a protocol checks its peers (btard), besides what they send: a protocol attack, joined
/// to an attack with ` + `. Plain data, for kernels.
struct Misconduct {
  enum class Kind {
    wrong_aggregation,  ///< an owner shifts its part by `size` times tau in a random direction
    cover_up,           ///< the sum of the statements on such a part is cancelled in one of them: the owner's or, with
                        ///< `by_other`, another Byzantine peer's
    false_statement,    ///< `size` times tau is added to statements on honest owners' parts
    false_accusation,   ///< a validator accuses an honest target, with `probability`
    equivocation,       ///< one peer a round signs two messages for one slot
    commit_abort,       ///< one peer a round does not reveal what it committed to
    eliminate,          ///< with `probability`, one peer a round sends an honest owner a part that is not its hash
    lazy_validator,     ///< validators report nothing (`lazy`), or do their duty
  };
  Kind kind;
  double size = 0, probability = 1;
  bool by_other = false, lazy = true;
  RoundWindow window = {};
};

/// What the factory of a protocol attack returns; the rounds follow from its registration.
inline std::unique_ptr<Misconduct> misconduct(const Misconduct& m) { return std::make_unique<Misconduct>(m); }

/// Registers a protocol attack: as Registered<Misconduct>, and adds start, stop and every.
struct RegisteredMisconduct {
  template <class Describe>
  explicit RegisteredMisconduct(Describe describe) {
    Registered<Misconduct>([&](Entry<Misconduct>& entry) {
      entry.source = "this project; the protocol is Gorbunov, Borzunov, Diskin, Ryabinin, ICML 2022";
      describe(entry);
      add_window(entry.parameters);
      entry.make = [make = entry.make](const Arguments& a) {
        auto made = make(a);
        made->window = window_of(a);
        return made;
      };
    });
  }
};

}  // namespace gauntlet
