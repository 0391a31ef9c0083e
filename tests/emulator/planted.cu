// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <functional>
#include <map>
#include <string>

#include "kernels/exec/array.cuh"
#include "kernels/exec/gemm.cuh"
#include "kernels/exec/launch.cuh"

/// Makes the one mistake that its argument names; emulator_test.cpp expects the report. Called with `none` it does the
/// same work without a mistake and prints the result.
namespace gauntlet {
namespace {

enum class Mistake { none, early_read, next_sum, each_runs_on, few_synchronize, late_read };

/// Team's operations, with a mistake in them.
template <Mistake mistake>
struct PlantedTeam : Team {
  template <class F>
  double sum(int n, F f) const {
    double total = 0;
    for (int i = rank(); i < n; i += size()) total += f(i);
    GAUNTLET_SHARED(double, parts, [32]);
    for (int step = 16; step > 0; step /= 2) total += __shfl_down_sync(0xffffffffu, total, step);
    if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = total;
    if (mistake != Mistake::early_read) __syncthreads();
    total = 0;
    for (unsigned w = 0; w < (blockDim.x + 31) / 32; ++w) total += parts[w];
    if (mistake != Mistake::next_sum) __syncthreads();
    return total;
  }

  template <class F>
  void each(int n, F f) const {
    for (int i = rank(); i < n; i += size()) f(i);
    if (mistake != Mistake::each_runs_on) sync();
  }
};

/// Σ over the others of what each of n members wrote, in two steps.
template <Mistake mistake>
__global__ void team_work(int n, double* values) {
  const PlantedTeam<mistake> team;
  team.each(n, [=](int i) { values[i] = i; });
  double total = 0;
  for (int round = 0; round < 2; ++round) total += team.sum(n, [=](int i) { return values[(i + 1) % n]; });
  if (mistake == Mistake::few_synchronize && team.rank() < 7) team.sync();
  const double first = mistake == Mistake::late_read ? values[0] : 0;
  team.each(n, [=](int i) { values[i] = total + first; });
}

template <Mistake mistake>
void work_in_team(Exec& exec) {
  constexpr int n = 100;
  Array<double> values(exec, n);
  launch(exec, "team work", {1, 128}, team_work<mistake>, n, values.data());
  std::printf("%g\n", values.download().back());
}

struct Add {
  const float* from;
  float* to;
  void operator()(std::int64_t i) const { to[i] += from[i]; }
};

void read_beyond_the_end(Exec& exec) {
  Array<float> a(exec, 100), b(exec, 101);
  parallel_for(exec, "add", 101, Add{a.data(), b.data()});
}

void read_after_release(Exec& exec) {
  Array<float> b(exec, 100);
  const float* old = Array<float>(exec, 100).data();
  parallel_for(exec, "add", 100, Add{old, b.data()});
}

void read_of_the_host(Exec& exec) {
  Array<float> b(exec, 100);
  const std::vector<float> host(100);
  parallel_for(exec, "add", 100, Add{host.data(), b.data()});
}

void read_by_the_host(Exec& exec) {
  const Array<float> a(exec, 100);
  std::printf("%g\n", static_cast<double>(a.data()[3]));
}

void copy_between_hosts(Exec& exec) {
  const std::vector<float> from(100);
  std::vector<float> to(100);
  copy_to(exec, to.data(), from.data(), 400);
}

void table_of_the_host(Exec& exec) {
  Array<float> value(exec, 1);
  float* table[] = {value.data()};
  gemm_batched(exec, Transpose::no, Transpose::no, 1, 1, 1, 1, table, 1, table, 1, 0, table, 1, 1);
}

void matrix_of_the_host(Exec& exec) {
  float value = 1;
  const Array<float*> table(exec, {&value});
  float* const* c = table.data();
  gemm_batched(exec, Transpose::no, Transpose::no, 1, 1, 1, 1, c, 1, c, 1, 0, c, 1, 1);
}

__global__ void unfilled(double* out) {
  GAUNTLET_SHARED(double, values, [4]);
  if (threadIdx.x == 0) out[0] = values[3];
}

void shared_memory_is_garbage(Exec& exec) {
  Array<double> out(exec, 1);
  launch(exec, "unfilled", {1, 32}, unfilled, out.data());
  std::printf("%g\n", out.download()[0]);
}

__global__ void greedy(double* out) {
  GAUNTLET_SHARED(double, values, [5000]);
  GAUNTLET_DYNAMIC_SHARED(double, more);
  values[threadIdx.x] = more[threadIdx.x] = 0;
  out[0] = values[0];
}

void too_much_shared_memory(Exec& exec) {
  Array<double> out(exec, 1);
  launch(exec, "greedy", {1, 32, 10000}, greedy, out.data());
}

const std::map<std::string, std::function<void(Exec&)>> actions = {
    {"none", work_in_team<Mistake::none>},
    {"early-read", work_in_team<Mistake::early_read>},
    {"next-sum", work_in_team<Mistake::next_sum>},
    {"each-runs-on", work_in_team<Mistake::each_runs_on>},
    {"few-synchronize", work_in_team<Mistake::few_synchronize>},
    {"late-read", work_in_team<Mistake::late_read>},
    {"beyond-the-end", read_beyond_the_end},
    {"after-release", read_after_release},
    {"of-the-host", read_of_the_host},
    {"by-the-host", read_by_the_host},
    {"between-hosts", copy_between_hosts},
    {"host-table", table_of_the_host},
    {"host-matrix", matrix_of_the_host},
    {"garbage", shared_memory_is_garbage},
    {"shared-memory", too_much_shared_memory},
};

}  // namespace
}  // namespace gauntlet

int main(int, char** arguments) {
  gauntlet::Exec exec(gauntlet::Backend::cuda);
  gauntlet::actions.at(arguments[1])(exec);
}
