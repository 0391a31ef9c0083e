// SPDX-License-Identifier: Apache-2.0
#include "tests/emulator/emulator.hpp"

#include <numeric>

#include "kernels/exec/array.cuh"
#include "kernels/exec/gemm.cuh"
#include "kernels/exec/launch.cuh"
#include "tests/command.hpp"

/// The emulated device itself: it reports mistakes, and takes and refuses what a real one does.
namespace gauntlet {
namespace {

CommandResult planted(const std::string& mistake) {
  CommandOptions options;
  options.binary = GAUNTLET_PLANTED;
  return run_command({mistake}, options);
}

void check_reported(const std::string& mistake, const std::string& report) {
  const CommandResult result = planted(mistake);
  INFO(mistake << ": " << result.err);
  CHECK(result.exit_code != 0);
  CHECK(contains(result.err, report));
}

TEST_CASE("right device code is run without a report", "[emulator]") {
  const CommandResult result = planted("none");
  INFO(result.err);
  CHECK(result.exit_code == 0);
  CHECK(result.err.empty());
  CHECK(result.out == "9900\n");
}

TEST_CASE("a barrier that is missing is a race", "[emulator]") {
  if (!emulator::sees_races()) SKIP_TEST("only the thread sanitizer sees races");
  for (const char* mistake : {"early-read", "next-sum", "each-runs-on", "late-read"})
    check_reported(mistake, "WARNING: ThreadSanitizer: data race");
}

TEST_CASE("a barrier at which not all threads meet is reported with its place", "[emulator]") {
  check_reported("few-synchronize", "in block (0, 0, 0) of a kernel");
  check_reported("few-synchronize", "7 threads, the first is 0: __syncthreads at ");
}

TEST_CASE("an index beyond an allocation or after its release is reported", "[emulator]") {
  check_reported("beyond-the-end", "byte 400 from the start of an allocation of 400");
  check_reported("after-release", "device memory touched that is not allocated");
}

TEST_CASE("host and device memory are not mixed up unseen", "[emulator]") {
  check_reported("by-the-host", "device memory touched\n  in host code");
  check_reported("between-hosts", "the destination is not in one allocation of device memory");
  check_reported("host-table", "the table of A is not in device memory");
  check_reported("host-matrix", "A[0] is not in one allocation of device memory");
  if (emulator::sees_races()) check_reported("of-the-host", "WARNING: ThreadSanitizer: data race");
}

TEST_CASE("shared memory starts as garbage and ends at its limit", "[emulator]") {
  CHECK(contains(planted("garbage").out, "nan"));
  check_reported("shared-memory", "50000 bytes of shared memory");
}

struct Count {
  int* value;
  void operator()(std::int64_t) const { *value += 1; }
};

/// The message of what `action` throws.
template <class Action>
std::string thrown(Action action) {
  try {
    action();
  } catch (const std::exception& error) {
    return error.what();
  }
  return {};
}

TEST_CASE("a launch over the limits is refused, and the next one is not", "[emulator]") {
  Exec exec(Backend::cuda);
  Array<int> value(exec, 1);
  const auto kernel = detail::for_kernel<Count>;
  const std::vector<LaunchShape> shapes = {
      {1, 1025}, {0, 32}, {1, 0}, {{1, 65536}, 32}, {{1, 1, 65536}, 32}, {1, 32, 48 * 1024 + 1}};
  for (const LaunchShape& shape : shapes) {
    const auto message =
        thrown([&] { launch(exec, "too large", shape, kernel, std::int64_t{1}, Count{value.data()}); });
    CHECK(message == "kernel too large: invalid configuration argument");
  }
  parallel_for(exec, "count", 1, Count{value.data()});
  CHECK(value.download()[0] == 1);
}

TEST_CASE("a graph is recorded without being run and replayed as often as wanted", "[emulator]") {
  Exec exec(Backend::cuda);
  Array<int> value(exec, 1), copy(exec, 1);
  const Recording counted = exec.capture([&] {
    parallel_for(exec, "count", 1, Count{value.data()});
    copy_within(exec, copy.data(), value.data(), sizeof(int));
  });
  const Recording counted_twice = exec.capture([&] {
    for (int i = 0; i < 2; ++i) parallel_for(exec, "count", 1, Count{value.data()});
  });
  CHECK(copy.download()[0] == 0);
  for (int i = 0; i < 3; ++i) exec.replay(counted);
  CHECK(copy.download()[0] == 3);
  exec.replay(counted_twice);
  exec.replay(counted);
  CHECK(copy.download()[0] == 6);
}

TEST_CASE("work of the host is refused while a graph is recorded, and possible afterwards", "[emulator]") {
  Exec exec(Backend::cuda);
  Array<int> value(exec, 1);
  const std::vector<std::function<void()>> refused = {[&] { exec.synchronize(); }, [&] { Array<int>(exec, 1); },
                                                      [&] { value.upload({1}); }, [&] { (void)value.download(); },
                                                      [&] { (void)exec.blas(); }};
  for (const auto& action : refused) {
    CHECK_FALSE(thrown([&] { (void)exec.capture(action); }).empty());
    value.upload({5});
    parallel_for(exec, "count", 1, Count{value.data()});
    CHECK(value.download()[0] == 6);
  }
  // What is given back during the recording would not be there at the replay.
  auto dropped = std::make_unique<Array<int>>(exec, 1);
  CHECK(contains(thrown([&] { (void)exec.capture([&] { dropped.reset(); }); }), "previous error during capture"));
}

TEST_CASE("more matrices than one call takes are multiplied in several", "[emulator]") {
  Exec exec(Backend::cuda);
  constexpr std::size_t count = 65535 + 3;
  std::vector<float> numbers(count);
  std::iota(numbers.begin(), numbers.end(), 0.0f);
  Array<float> a(exec, numbers), c(exec, count);
  std::vector<float*> a_rows, c_rows;
  for (std::size_t i = 0; i < count; ++i) a_rows.push_back(a.data() + i), c_rows.push_back(c.data() + i);
  const Array<float*> a_table(exec, a_rows), b_table(exec, std::vector<float*>(count, a.data() + 2)),
      c_table(exec, c_rows);
  gemm_batched(exec, Transpose::no, Transpose::no, 1, 1, 1, 1, a_table.data(), 1, b_table.data(), 1, 0,
               const_cast<float* const*>(c_table.data()), 1, static_cast<int>(count));
  for (float& number : numbers) number *= 2;
  CHECK(c.download() == numbers);
}

TEST_CASE("memory is given back and garbage when it is given out", "[emulator]") {
  const std::size_t before = emulator::used_bytes();
  {
    Exec exec(Backend::cuda);
    CHECK(exec.blas() != nullptr);
    const Array<float> values(exec, 100);
    CHECK(values.download() == std::vector<float>(100));
    CHECK(emulator::used_bytes() >= before + 400);
  }
  CHECK(emulator::used_bytes() == before);
}

TEST_CASE("the emulated build has no other back end", "[emulator]") {
  CHECK(contains(user_error([] { Exec exec(Backend::cpu); }), "no CPU back end"));
}

}  // namespace
}  // namespace gauntlet
