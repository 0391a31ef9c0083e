// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/defenses/defense.cuh"
#include "kernels/defenses/engine/anchored.cuh"
#include "kernels/defenses/engine/custom.cuh"
#include "kernels/defenses/shared/conditions.cuh"
#include "kernels/defenses/shared/selection.cuh"
#include "kernels/defenses/shared/sums.cuh"
#include "kernels/defenses/shared/trusted.cuh"

/// All that the author of a rule includes. A rule is one file that registers an Entry<Stage>, as
/// tests/example/medoid.cu does, whose `make` returns one of the following. n messages of d numbers come in, f of them
/// declared Byzantine. What is written for one inbox runs on as many as there are at once, on the CPU or the GPU.
///
/// Gram space, gram_rule(Mean{}): weights of the messages from their inner products. Two passes over the messages.
///     struct Mean : GramFunctor {
///       GAUNTLET_HD void operator()(const Team& team, const Gram& gram, double* weights, double*) const {
///         team.each(gram.n, [=](int i) { weights[i] = 1.0 / gram.n; });
///       }
///     };
/// Column space, column_rule(Midrange{}): a number from the n values of one coordinate, at most column_limit of them.
///     struct Midrange {
///       static constexpr bool sorted = true;  // NaN comes last
///       template <class Values> GAUNTLET_HD typename Values::Number operator()(const Values& x) const {
///         return (x.at(0) + x.at(x.n - 1)) * typename Values::Number(0.5f);
///       }
///     };
/// A pre-aggregator, pre_aggregator(Pairs{}): n' messages from n, as an n' x n mixing.
///     struct Pairs : GramFunctor {
///       GAUNTLET_HD int rows_out(int n) const { return n / 2; }
///       GAUNTLET_HD void operator()(const Team& team, const Gram& gram, double* mixing, double*) const {
///         const int n = gram.n;
///         team.each(n / 2 * n, [=](int e) { mixing[e] = e % n / 2 == e / n ? 0.5 : 0; });
///       }
///     };
/// A meta-aggregator, meta_aggregator(Halfway{}): weights of the messages and, last, of the output so far, row n.
///     struct Halfway : GramFunctor {
///       GAUNTLET_HD void operator()(const Team& team, const Gram& gram, double* weights, double*) const {
///         const int n = gram.n;
///         team.each(n + 1, [=](int i) { weights[i] = i < n ? 0.5 / n : 0.5; });
///       }
///     };
/// A point found by column first, anchored_rule(Median{}, Nearest{}): a Gram functor sees it as row n, and weighs it.
/// A message that the server trusts, trusted_rule(Alike{}): derived from TrustedFunctor, sees it, finite, as row n.
///
/// A memory of a Gram rule, Counts{}: how often each worker was given a weight (tests/example/afa.cu is a real one).
///     struct Counts : GramFunctor {
///       static constexpr bool learns = true;
///       Memory memory(int n) const { return {MemoryRow::none, 0, std::size_t(n)}; }  // numbers, zero at first
///       GAUNTLET_HD void learn(const Team& team, const Gram& gram, const double* weights, SumUpdate*, double*) const {
///         team.each(gram.n, [=](int i) { gram.numbers[gram.worker(i)] += weights[i] > 0; });
///       }  // and operator(), which reads gram.numbers
///     };
/// learn() runs after a round that counts; attackers who try leave no trace. Memory also has rows of d numbers: sums of
/// each worker's messages, gram.sum(i, s) and NextSums of sums.cuh, and the last output.
///
/// What fits nowhere derives from CustomRule, custom_rule<Half>(Parameters{}), and has the passes of passes.cuh:
///     struct Half final : CustomRule<Parameters> {
///       using CustomRule::CustomRule;
///       MessageProducts products{exec, job};  // room and state: members
///       Array<double> weights = doubles(n);   // so many an inbox
///       WeightedOutput output{exec, job};
///       void run(bool rehearsal) override { ... products.compute() ... output.write(weights.data()); }
///     };
///
/// The team is the threads that work on one inbox together: a block on the GPU, one thread on the CPU.
///   - All of them run the functor, and all call every member (each, once, sum, argmin, sync): never inside each() or
///     once(), nor under a condition in which they may differ. What sum() and argmin() return is the same for all.
///   - each(n, f) shares f(0), ..., f(n - 1) out; once(f) is one thread's. Both end in a sync(), after which all see
///     what was written. Who reads an array outside of them puts a sync() before the each() that writes it again.
///   - Lambdas capture copies, [=], and members are copied to locals before: `const int most = keep;`.
///   - Arrays are scratch, as many numbers as `std::size_t scratch(int n) const` says, the team's in common.
///
/// A message with NaN or infinity has gram.norm(i) == INFINITY and is as far from all; a weight of 0 hides it.
/// kth_smallest, for_smallest and mean_of_smallest of selection.cuh rank messages, ties to the lower index.
/// Random numbers are Random(gram.seed, DefenseDraw::..., gram.round, slot): the same wherever and however it runs.
///
/// What an entry says of its rule (registry.hpp):
///   - needs, a Condition: {"n > 3f", [](int n, int f) { return n > 3 * f; }}, or one of conditions.cuh;
///   - known_answers, {arguments, f, messages, output}, small enough for mental arithmetic: `gauntlet verify` asks;
///   - traits, where it is not what a rule usually is: `gauntlet verify --rule NAME` holds it to them;
///   - kappa, the robustness coefficient that theory gives it: `gauntlet bench kappa` looks for a counterexample;
///   - parameters, by count, number, flag, word or list of parameters.hpp, which `make` reads from its Arguments.
