// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernels/defenses/defense.cuh"
#include "kernels/exec/array.cuh"
#include "kernels/exec/launch.cuh"

/// What a pipeline has beside its base rows: what its rule keeps from round to round, and who is absent.
namespace gauntlet::detail {

/// The kept rows of every inbox: its own, and for a rule that takes one, last, the trusted message.
struct KeptTable {
  float* own;
  std::int64_t stride;
  int kept, owned;  ///< rows of an inbox, and how many of them are its own
  const float* const* trusted;
  float** out;  ///< [count][kept]

  GAUNTLET_HD void operator()(std::int64_t index) const {
    const std::int64_t c = index / kept, k = index % kept;
    out[index] = k < owned ? own + (c * owned + k) * stride : const_cast<float*>(trusted[c]);
  }
};

/// Stacks of base rows, the kept rows of all views of the stack and, if there is one, the anchor of an inbox.
struct ExtendTable {
  Rows base;
  float* const* kept;  ///< [stacks][kept rows of a stack], or null
  int kept_rows;
  float* const* anchor;  ///< [count] rows: a stack for every inbox then; null: each stack once
  const float** out;

  GAUNTLET_HD void operator()(std::int64_t index) const {
    const int m = base.m, width = m + kept_rows + (anchor != nullptr);
    const std::int64_t c = index / width, p = index % width, stack = anchor != nullptr ? c / base.views : c;
    out[index] = p < m ? base.row[stack * m + p] : p < m + kept_rows ? kept[stack * kept_rows + p - m] : anchor[c];
  }
};

/// Stacks of base rows and of every view's first `taken` kept rows.
struct TakeKept {
  Rows base;
  float* const* kept;  ///< [count][rows]
  int rows, taken;
  const float** out;

  GAUNTLET_HD void operator()(std::int64_t index) const {
    const int m = base.m, width = m + base.views * taken;
    const std::int64_t stack = index / width, p = index % width, own = p - m;
    out[index] = p < m ? base.row[stack * m + p] : kept[(stack * base.views + own / taken) * rows + own % taken];
  }
};

/// The Gram matrices of stacks, put together of those that passes computed; zero where none did.
struct AssembleGram {
  int m, views, kept, taken;  ///< base rows; inboxes of a stack; kept rows of each, of which `taken` are in `main`
  int n;                      ///< sums in a set
  const double* main;         ///< [stacks][m + views · taken]²
  const double* sets;         ///< [count][sets][n]² of the sums, or null
  const double* way;          ///< [count][m + 1], dots of the last kept row, or null
  double* out;                ///< [stacks][m + views · kept]²

  GAUNTLET_HD void operator()(std::int64_t index) const {
    const std::int64_t size = m + views * kept, stack = index / (size * size), entry = index % (size * size);
    const int i = static_cast<int>(entry / size), j = static_cast<int>(entry % size);
    if (i > j) return;
    const double value = product(stack, i, j);
    double* target = out + stack * size * size;
    target[i * size + j] = value;
    target[j * size + i] = value;
  }

 private:
  GAUNTLET_HD double product(std::int64_t stack, int i, int j) const {  // i <= j
    const int view = j < m ? 0 : (j - m) / kept, row = (j - m) % kept, other = (i - m) % kept;
    const std::int64_t inbox = stack * views + view, width = m + views * taken;
    const bool same_view = i >= m && (i - m) / kept == view;
    if ((i < m || other < taken) && (j < m || row < taken)) return main[(stack * width + place(i)) * width + place(j)];
    if (way != nullptr && row == kept - 1 && (i < m || i == j)) return way[inbox * (m + 1) + (i < m ? i : m)];
    if (sets != nullptr && same_view && other / n == row / n)
      return sets[((inbox * (kept / n) + row / n) * n + other % n) * n + row % n];
    return 0;
  }
  GAUNTLET_HD std::int64_t place(int i) const { return i < m ? i : m + (i - m) / kept * taken + (i - m) % kept; }
};

/// Keeps the model of round 0 and writes how far the model has moved from it.
struct TrackModel {
  const float* const* models;
  const int* round;
  std::int64_t stride;
  float* start;        ///< [count] rows
  float* const* kept;  ///< [count][rows], of which the last is written
  int rows;

  GAUNTLET_HD void operator()(int c, std::int64_t k) const {
    float* first = start + c * stride + k;
    float* way = kept[std::int64_t{c} * rows + rows - 1] + k;
    for (int l = 0; l < span_width; ++l) {
      const float now = models[c][k + l];
      if (*round == 0) first[l] = now;
      way[l] = now - first[l];
    }
  }
};

/// Adds the messages to the workers' sums as the rule said.
struct AddToSums {
  Inboxes inboxes;
  const int* workers;        ///< [count][n], or null
  const SumUpdate* updates;  ///< [count][sums][n]
  int sums, rows;
  float* const* kept;  ///< [count][rows], the sums first

  GAUNTLET_HD void operator()(int c, std::int64_t k) const {
    const float* const* table = inboxes.base.of(c);
    const int n = inboxes.n, m = inboxes.base.m;
    for (int i = 0; i < inboxes.messages(c); ++i) {
      const int worker = workers == nullptr ? i : workers[std::int64_t{c} * n + i];
      const double* mix = inboxes.mixing + (std::int64_t{c} * n + i) * m;
      for (int s = 0; s < sums; ++s) {
        const SumUpdate update = updates[(std::int64_t{c} * sums + s) * n + worker];
        if (update.keep == 1 && update.gain == 0) continue;
        float* own = kept[std::int64_t{c} * rows + s * n + worker] + k;
        double total[span_width];
        for (int l = 0; l < span_width; ++l) total[l] = update.keep == 0 ? 0 : update.keep * own[l];
        for (int p = 0; p < m && update.gain != 0; ++p)
          for (int l = 0; l < span_width && mix[p] != 0; ++l) total[l] += update.gain * mix[p] * table[p][k + l];
        for (int l = 0; l < span_width; ++l) own[l] = static_cast<float>(total[l]);
      }
    }
  }
};

/// Who is there: the workers in their order, and how many.
struct ListPresent {
  const std::uint8_t* present;  ///< [count][n]
  int n;
  int* workers;  ///< [count][n]
  int* size;     ///< [count]

  GAUNTLET_HD void operator()(std::int64_t c) const {
    int found = 0;
    for (int i = 0; i < n; ++i)
      if (present[c * n + i] != 0) workers[c * n + found++] = i;
    size[c] = found;
  }
};

/// How many are not, and how many of the others may be Byzantine: who is absent has spent itself.
struct CountAbsent {
  int n, f;
  const int* size;
  const int* given;  ///< of workers, where the messages are no longer theirs; null: to be counted
  int* absent;
  int* declared;

  GAUNTLET_HD void operator()(std::int64_t c) const {
    absent[c] = given != nullptr ? given[c] : n - size[c];
    declared[c] = f > absent[c] ? f - absent[c] : 0;
  }
};

/// The mixing without the messages of who is absent.
struct KeepPresent {
  const double* mixing;  ///< [problems][n][m]
  const int* workers;    ///< [problems / variants][n]
  PerInbox size;
  int variants, n, m;
  double* out;

  GAUNTLET_HD void operator()(std::int64_t index) const {
    const std::int64_t b = index / (std::int64_t{n} * m), entry = index % (std::int64_t{n} * m), i = entry / m;
    if (i >= size(b)) return;
    out[index] = mixing[(b * n + workers[b / variants * n + i]) * m + entry % m];
  }
};

}  // namespace gauntlet::detail
