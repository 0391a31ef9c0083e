// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "src/bench/kappa.hpp"
#include "src/cell/components.hpp"
#include "src/data/load.hpp"
#include "src/data/random.hpp"
#include "src/run/simulation.hpp"

namespace gauntlet {

namespace {

/// x_i = common · c + offset_i · e + spread · z_i with c, e and z_i random vectors of normal numbers.
struct Sort {
  const char* name;
  double common;  ///< length of the mean
  int apart;      ///< the first so many messages stand `apart_by` off the others
  double along;   ///< standard deviation of the other offsets
  double spread;  ///< of every coordinate
  bool heavy;     ///< every coordinate has Student's distribution with two degrees of freedom
};

constexpr double apart_by = 10;

void fill(const Sort& sort, Stream& stream, int n, std::int64_t d, float* rows) {
  const auto width = static_cast<std::size_t>(d);
  std::vector<double> common(width), direction(width);
  for (double& value : common) value = sort.common * stream.normal();
  for (double& value : direction) value = stream.normal();
  for (int i = 0; i < n; ++i) {
    const double offset = i < sort.apart ? apart_by : sort.along * stream.normal();
    for (std::size_t k = 0; k < width; ++k) {
      const double tail = sort.heavy ? 1 / std::sqrt(-std::log(stream.uniform())) : 1;
      *rows++ = static_cast<float>(common[k] + offset * direction[k] + sort.spread * tail * stream.normal());
    }
  }
}

}  // namespace

InboxSample random_inboxes(int n, int f, std::int64_t d, int seeds) {
  const int honest = n - f;
  const Sort sorts[] = {
      {"normal", 0, 0, 0, 1, false},
      {"one direction", 0, 0, 1, 0.05, false},
      {"f apart", 0, f, 0, 1, false},                            // no rule can tell them from attackers
      {"minority apart", 0, (honest - f + 1) / 2, 0, 1, false},  // the fewest that f attackers make half
      {"half apart", 0, honest / 2, 0, 1, false},
      {"heavy tails", 0, 0, 0, 1, true},
      {"large mean", 300, 0, 0, 1, false},
  };
  InboxSample sample{n, d, {}, {}};
  const auto size = static_cast<std::size_t>(n) * static_cast<std::size_t>(d);
  for (const Sort& sort : sorts)
    for (int seed = 0; seed < seeds; ++seed) {
      Stream stream(static_cast<std::uint64_t>(seed), sort.name, static_cast<std::uint32_t>(d));
      sample.names.push_back(std::string(sort.name) + ", d = " + std::to_string(d));
      sample.rows.resize(sample.rows.size() + size);
      fill(sort, stream, n, d, sample.rows.data() + sample.rows.size() - size);
    }
  return sample;
}

std::vector<InboxSample> gradient_inboxes(Exec& exec, const BenchOptions& options) {
  constexpr int later = 20;
  const auto dataset = load_dataset(options.dataset, options.data_dir, 0, options.workers);
  std::vector<Cell> cells(static_cast<std::size_t>(options.seeds));
  ComponentMaker maker;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    Cell& cell = cells[i];
    cell.index = static_cast<int>(i);
    cell.dataset = options.dataset, cell.model = "softmax", cell.partition = "dirichlet(alpha=0.1)";
    cell.batch = options.batch;
    cell.workers = options.workers;
    cell.estimator = "gradient", cell.optimizer = "sgd", cell.schedule = "constant", cell.protocol = "server";
    cell.learning_rate = 0.1;
    cell.attack = "none", cell.defense = "mean";
    cell.seed = i;
    cell.rounds = cell.evaluate_every = 1 + later;
    cell.parts = maker.parts(cell);
  }
  Simulation simulation(exec, cells, std::make_shared<DeviceData>(exec, dataset));
  std::vector<InboxSample> samples;
  for (const int rounds : {1, later}) {
    simulation.advance(rounds);
    const std::string name = options.dataset + (samples.empty() ? ", first" : ", later") + " gradients";
    samples.push_back({options.workers, simulation.parameters(), std::vector<std::string>(cells.size(), name),
                       simulation.messages()});
  }
  return samples;
}

}  // namespace gauntlet
