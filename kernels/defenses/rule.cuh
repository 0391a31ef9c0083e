// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/defenses/defense.cuh"
#include "kernels/defenses/engine/anchored.cuh"
#include "kernels/defenses/shared/conditions.cuh"
#include "kernels/defenses/shared/selection.cuh"
#include "kernels/defenses/shared/trusted.cuh"

/// All that the author of a rule includes. A rule is one file that registers an Entry<Stage> (registry.hpp says what it
/// declares; tests/example/medoid.cu is a complete one), whose `make` returns one of these. n messages of d numbers come
/// in, f of them are declared Byzantine; what is written for one inbox runs on as many at once as there are, on the CPU
/// or the GPU.
///
/// Gram space, gram_rule(Mean{}): weights of the messages from their inner products, passes of n d: 2.
///     struct Mean : GramFunctor {
///       GAUNTLET_HD void operator()(const Team& team, const Gram& gram, double* weights, double*) const {
///         team.each(gram.n, [=](int i) { weights[i] = 1.0 / gram.n; });
///       }
///     };
/// Column space, column_rule(Midrange{}): one number of the n values of each coordinate, up to column_limit of them.
///     struct Midrange {
///       static constexpr bool sorted = true;  // NaN as +infinity, at the end
///       template <class Values> GAUNTLET_HD typename Values::Number operator()(const Values& x) const {
///         return (x.at(0) + x.at(x.n - 1)) * typename Values::Number(0.5f);
///       }
///     };
/// Pre-aggregator, pre_aggregator(Halve{}): the n' x n mixing that makes n' messages of n.
///     struct Halve : GramFunctor {
///       int rows_out(int n) const { return n / 2; }  // row b of the mixing: the mean of messages 2b and 2b + 1
///       GAUNTLET_HD void operator()(const Team& team, const Gram& gram, double* mixing, double*) const {
///         const int n = gram.n;
///         team.each(n / 2 * n, [=](int e) { mixing[e] = e % n / 2 == e / n ? 0.5 : 0; });
///       }
///     };
/// Meta-aggregator, meta_aggregator(Halfway{}): refines an output a, row n of the Gram problem, by the raw messages.
///     struct Halfway : GramFunctor {
///       GAUNTLET_HD void operator()(const Team& team, const Gram& gram, double* weights, double*) const {
///         const int n = gram.n;  // n weights of the messages and one of a
///         team.each(n + 1, [=](int i) { weights[i] = i < n ? 0.5 / n : 0.5; });
///       }
///     };
/// A point found by column first, anchored_rule(Median{}, Nearest{}): a column reducer, and a Gram functor that sees its
/// result as row n and writes n + 1 weights. A column pass, a Gram pass and a combine.
/// A message that the server trusts, trusted_rule(Alike{}): derived from TrustedFunctor, it sees that message as row n.
/// It is finite, and weights[n] is not asked for.
///
/// The Team is the threads that work on one inbox; on the CPU there is one. All of them run the functor from end to end:
///   - Every member (each, once, sum, argmin, sync) is called by all of the team, never under a condition that differs
///     between them. Conditions on n, f, parameters and results of sum() and argmin() do not differ.
///   - each(n, f) shares f(0) .. f(n - 1) out, once(f) runs f in one thread; both end in a sync, so that what was written
///     is seen by all after. Between a plain read of an array and the next each() that writes it there must be a sync().
///   - Lambdas capture by copy, [=], and members are copied to locals first (`const int k = keep;`): on a GPU a
///     captured `this` would still work, and be slow.
///   - sum() adds in a fixed order that depends on the team's size only: same bytes in every run.
///   - Scratch is what `std::size_t scratch(int n) const` asks for, doubles an inbox, shared by the team.
///
/// Messages with NaN or infinity have gram.norm(i) == INFINITY and are infinitely far from all; a weight of 0 hides them.
/// mean_of_smallest and for_smallest (selection.cuh) rank messages. Ties go to the lower index.
///
/// An Entry also says
///   - needs: a Condition in words and as a test, `{"n > 3f", [](int n, int f) { return n > 3 * f; }}`, or one of
///     conditions.cuh; needs_with: what it needs when the user writes a parameter;
///   - known_answers: inputs small enough for mental arithmetic, {arguments, f, messages, output}; `verify` runs them;
///   - kappa: the robustness coefficient that theory gives it, as text and as a function of n and f; `bench kappa` looks
///     for an inbox that breaks it;
///   - traits: where it differs from a rule without oddities. `gauntlet verify --rule NAME` holds it to them;
///   - parameters: count, number, flag, word or list of parameters.hpp; `make` reads them from its Arguments.
/// Random numbers are Random(gram.seed, DefenseDraw::..., gram.round, slot): the same wherever and however it runs.
