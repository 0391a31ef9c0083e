// SPDX-License-Identifier: Apache-2.0
#include "src/data/load.hpp"

#include <fmt/core.h>
#include <zlib.h>

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <future>
#include <map>
#include <mutex>
#include <tuple>

namespace gauntlet {
namespace {

std::string data_folder(const std::string& data_dir) {
  if (!data_dir.empty()) return data_dir;
  const char* given = std::getenv("GAUNTLET_DATA");
  return given != nullptr && *given != '\0' ? given : "data";
}

/// Parameters of a dataset are plain numbers: there is no n or f before there is data.
std::unique_ptr<DatasetSource> source_of(const ComponentText& component) {
  return Registry<DatasetSource>::find(component.name, "dataset").create(component, 0, 0);
}

template <class T>
uLong add_bytes(uLong crc, const std::vector<T>& values) {
  constexpr std::size_t most = 1 << 30;  // zlib counts in 32 bits
  const auto* bytes = reinterpret_cast<const Bytef*>(values.data());
  for (std::size_t left = values.size() * sizeof(T); left > 0;) {
    const std::size_t part = std::min(left, most);
    crc = crc32(crc, bytes, static_cast<uInt>(part));
    bytes += part, left -= part;
  }
  return crc;
}

}  // namespace

std::shared_ptr<const Dataset> load_dataset(const std::string& text, const std::string& data_dir, std::uint64_t seed,
                                            int workers) {
  using Shared = std::shared_ptr<const Dataset>;
  static std::mutex mutex;
  // By component, folder and, unless the data is always the same, seed and workers.
  using Key = std::tuple<std::string, std::string, std::uint64_t, int>;
  static std::map<Key, std::shared_future<Shared>> cache;

  const ComponentText component = parse_component(text);
  const auto source = source_of(component);
  const DatasetRequest request{data_folder(data_dir), seed, workers};
  const bool fixed = source->fixed();
  const Key key(to_string(component), request.directory, fixed ? 0 : seed, fixed ? 0 : workers);

  std::promise<Shared> promise;
  std::shared_future<Shared> future;
  bool ours = false;
  {
    const std::lock_guard<std::mutex> lock(mutex);
    const auto [entry, added] = cache.try_emplace(key);
    if (added) entry->second = promise.get_future().share();
    future = entry->second;
    ours = added;
  }
  if (ours) {
    try {
      promise.set_value(std::make_shared<const Dataset>(source->load(request)));
    } catch (...) {
      promise.set_exception(std::current_exception());
      const std::lock_guard<std::mutex> lock(mutex);
      cache.erase(key);
    }
  }
  return future.get();
}

bool is_fixed(const std::string& text) { return source_of(parse_component(text))->fixed(); }

std::string checksum(const Dataset& dataset) {
  uLong crc = crc32(0, nullptr, 0);
  for (const Samples* samples : {&dataset.train, &dataset.test}) {
    crc = add_bytes(crc, samples->bytes);
    crc = add_bytes(crc, samples->values);
    crc = add_bytes(crc, samples->labels);
    crc = add_bytes(crc, samples->targets);
  }
  return fmt::format("{:08x}", crc);
}

}  // namespace gauntlet
