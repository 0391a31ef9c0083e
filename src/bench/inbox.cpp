// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <algorithm>

#include "kernels/protocols/aggregators.cuh"
#include "src/bench/bench.hpp"
#include "src/data/random.hpp"

namespace gauntlet {

namespace {

/// Inboxes of random messages around a common vector.
struct RandomInboxes {
  int cells, n;
  std::int64_t d;
  RowStore rows, out;
  Array<float*> row_table, out_table;
  Array<int> round;

  RandomInboxes(Exec& exec, int cells, int n, std::int64_t d)
      : cells(cells),
        n(n),
        d(d),
        rows(exec, std::int64_t{cells} * n, d),
        out(exec, 2 * std::int64_t{cells}, d),
        row_table(exec, rows.pointers()),
        out_table(exec, out.pointers()),
        round(exec, 1) {
    Stream stream(0, "bench");
    std::vector<float> row(static_cast<std::size_t>(d));
    for (std::int64_t i = 0; i < rows.rows(); ++i) {
      if (i < 2 * n)  // fresh numbers for two inboxes, the rest repeat them: all that matters is that they are not zero
        for (float& x : row) x = static_cast<float>(stream.normal());
      copy_to(exec, rows.row(i), row.data(), row.size() * sizeof(float));
    }
  }
  Rows view() const { return {cells, n, d, row_table.data()}; }
  /// All inboxes under one defense, which trusts the first message of each if it trusts one.
  Wiring under(const std::shared_ptr<const Pipeline>& defense) {
    Wiring wiring;
    wiring.n = n, wiring.d = d;
    wiring.computed = rows.pointers();
    wiring.round = round.data();
    for (int c = 0; c < cells; ++c) {
      wiring.cells.push_back({nullptr, defense});
      wiring.trusted.push_back(rows.row(std::int64_t{c} * n));
      wiring.aggregates.push_back(out.row(c));
    }
    return wiring;
  }
};

std::int64_t dimension_of(const BenchOptions& options) { return options.dimension > 0 ? options.dimension : 79510; }

int cells_of(const Exec& exec, const BenchOptions& options) {
  return options.cells > 0 ? options.cells : exec.cuda() ? 64 : 1;
}

void print_row(const std::string& name, double seconds, int cells, double bytes, double bandwidth) {
  fmt::print("{:<34} {:>12.1f} {:>10.1f} {:>9.2f}\n", name, seconds / cells * 1e6, bytes / seconds * 1e-9,
             seconds * bandwidth / bytes);
}

void print_header(const RandomInboxes& x, double bandwidth) {
  fmt::print("{} inbox(es), n = {}, d = {}; copy of this much memory: {:.1f} GB/s\n", x.cells, x.n, x.d,
             bandwidth * 1e-9);
  fmt::print("{:<34} {:>12} {:>10} {:>9}\n", "", "us per inbox", "GB/s", "x floor");
}

}  // namespace

void bench_passes(Exec& exec, const BenchOptions& options) {
  const RandomInboxes x(exec, cells_of(exec, options), options.workers, dimension_of(options));
  const Rows rows = x.view();
  const double row_bytes = 4.0 * static_cast<double>(x.d) * x.cells, read = row_bytes * x.n;
  const double bandwidth = copy_bandwidth(exec, static_cast<std::size_t>(read));
  print_header(x, bandwidth);

  Array<double> scratch(exec, std::max(gram_scratch(exec, rows), dot_scratch(exec, rows)));
  Array<double> products(exec, static_cast<std::size_t>(x.cells) * (x.n + 1) * x.n + x.cells);
  const std::vector<double> equal(static_cast<std::size_t>(x.cells) * x.n, 1.0 / x.n);
  const Array<double> weights(exec, equal);
  float* const* first = x.out_table.data();
  float* const* second = x.out_table.data() + x.cells;

  print_row("gram", median_seconds(exec, [&] { gram(exec, rows, GramPart::full, scratch.data(), products.data()); }),
            x.cells, read, bandwidth);
  print_row("norms", median_seconds(exec, [&] { gram(exec, rows, GramPart::norms, scratch.data(), products.data()); }),
            x.cells, read, bandwidth);
  print_row("combine", median_seconds(exec, [&] { combine(exec, rows, weights.data(), x.n, first); }), x.cells,
            read + row_bytes, bandwidth);
  print_row("dots", median_seconds(exec, [&] { dots(exec, rows, first, scratch.data(), products.data()); }), x.cells,
            read + row_bytes, bandwidth);
  print_row("moments", median_seconds(exec, [&] { moments(exec, rows, x.n, first, second); }), x.cells,
            read + 2 * row_bytes, bandwidth);
  const auto& median = Registry<Stage>::find("median", "defense");
  const auto rule = median.create({"median", {}}, x.n, options.byzantine);
  if (x.n <= column_limit)
    print_row("column (median)",
              median_seconds(exec,
                             [&] {
                               rule->as_column_rule()->reduce(exec, {rows, x.n, nullptr}, first);
                             }),
              x.cells, read + row_bytes, bandwidth);
}

void bench_rules(Exec& exec, const BenchOptions& options) {
  RandomInboxes x(exec, cells_of(exec, options), options.workers, dimension_of(options));
  std::vector<std::string> defenses = options.defenses;
  if (defenses.empty())
    for (const auto& entry : Registry<Stage>::all())
      defenses.push_back(entry.role == "rule"             ? entry.name
                         : entry.role == "pre-aggregator" ? entry.name + " | mean"
                                                          : "median | " + entry.name);
  // One pass over the messages is the least any rule can do; the figure beside each rule counts such passes.
  const double bytes = 4.0 * static_cast<double>(x.d) * x.cells * (x.n + 1);
  const double bandwidth = copy_bandwidth(exec, static_cast<std::size_t>(bytes));
  print_header(x, bandwidth);
  for (const std::string& text : defenses) {
    const auto stages = parse_pipeline(text);
    const std::string reason = unmet_need(stages, x.n, options.byzantine);
    if (!reason.empty()) {
      fmt::print("{:<34} skipped: {}\n", text, reason);
      continue;
    }
    const auto pipeline = std::make_shared<const Pipeline>(rule_pipeline(text, x.n, options.byzantine));
    Aggregators aggregators(exec, x.under(pipeline));
    print_row(text, median_seconds(exec, [&] { aggregators.run(); }), x.cells, bytes, bandwidth);
  }
}

}  // namespace gauntlet
