// SPDX-License-Identifier: Apache-2.0
#include "src/run/session.hpp"

#include <fmt/core.h>
#include <zlib.h>
#include <CLI/Version.hpp>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "gauntlet/build_info.hpp"
#include "src/spec/toml.hpp"

namespace gauntlet {

namespace {

template <class... Numbers>
std::string dotted(Numbers... numbers) {
  std::string text;
  ((text += (text.empty() ? "" : ".") + std::to_string(numbers)), ...);
  return text;
}

}  // namespace

std::vector<std::string> command_line() {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  const std::string all{std::istreambuf_iterator<char>(file), {}};
  std::vector<std::string> words;
  for (std::size_t at = 0; at < all.size();) {
    const std::size_t end = std::min(all.find('\0', at), all.size());
    words.push_back(all.substr(at, end - at));
    at = end + 1;
  }
  // Where the program lies is no part of what was asked of it.
  if (!words.empty()) words.front() = std::filesystem::path(words.front()).filename().string();
  return words;
}

Manifest describe_session(const DeviceChoice* device) {
  Manifest manifest;
  manifest.argv = command_line();
  manifest.revision = build::revision;
  manifest.build = fmt::format("{} {}, {}, CUDA {}, march {}", build::version, build::compiler, build::type,
                               build::cuda, build::march);
  if (device != nullptr) {
    manifest.device = device_name(*device);
    if (device->backend == Backend::cuda) manifest.driver = cuda_driver_version();
  }
  manifest.libraries = {
      {"blas", blas_name()},
      {"fmt", dotted(FMT_VERSION / 10000, FMT_VERSION / 100 % 100, FMT_VERSION % 100)},
      {"cli11", CLI11_VERSION},
      {"toml++", dotted(TOML_LIB_MAJOR, TOML_LIB_MINOR, TOML_LIB_PATCH)},
      {"nlohmann-json", dotted(NLOHMANN_JSON_VERSION_MAJOR, NLOHMANN_JSON_VERSION_MINOR, NLOHMANN_JSON_VERSION_PATCH)},
      {"zlib", zlibVersion()}};
  manifest.host = host_name();
  manifest.start = utc_now();
  return manifest;
}

}  // namespace gauntlet
