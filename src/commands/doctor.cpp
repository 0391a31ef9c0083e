// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "gauntlet/build_info.hpp"
#include "src/cell/catalogue.hpp"
#include "src/commands/commands.hpp"
#include "src/data/load.hpp"
#include "src/run/runner.hpp"
#include "src/run/session.hpp"

namespace gauntlet {
namespace {

void line(const std::string& what, const std::string& value) { fmt::print("{:<12} {}\n", what, value); }

/// Whether a real dataset can be read, and from where it would be.
void show_dataset(const std::string& name) {
  try {
    const auto data = load_dataset(name, "", 0, 1);
    line(name, fmt::format("{} training and {} test samples", data->train.count, data->test.count));
  } catch (const UserError& error) {
    line(name, fmt::format("not available: {}", error.what()));
  }
}

int doctor() {
  const DeviceChoice cpu;
  const Manifest session = describe_session(&cpu);
  line("revision", session.revision);
  line("build", session.build);
  line("processor", fmt::format("{}, {} threads", session.device, default_threads()));
  for (const auto& [name, version] : session.libraries) line(name, version);
  const int devices = cuda_device_count();
  if (!built_with_cuda()) {
    line("cuda", "not in this build: build with GAUNTLET_CUDA=ON and the CUDA toolkit, 13.0 or newer");
  } else if (devices == 0) {
    line("cuda", "in this build, but no device or driver found; runs go to the CPU");
  }
  for (int device = 0; device < devices; ++device)
    line(fmt::format("cuda:{}", device), fmt::format("{}, driver {}", cuda_device_name(device), cuda_driver_version()));
  const char* folder = std::getenv("GAUNTLET_DATA");
  line("data", folder != nullptr ? fmt::format("$GAUNTLET_DATA = {}", folder) : "./data ($GAUNTLET_DATA is not set)");
  for (const char* name : {"mnist", "fashion-mnist", "kmnist", "cifar10"}) show_dataset(name);
  return exit_code::done;
}

Action declare(CLI::App& app) {
  app.footer("Exit code 0: gauntlet works here; missing data or devices are only reported.");
  return doctor;
}

const RegisteredCommand registered({"doctor", "say what this build and this machine offer", declare});

}  // namespace
}  // namespace gauntlet
