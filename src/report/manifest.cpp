// SPDX-License-Identifier: Apache-2.0
#include "src/report/manifest.hpp"

#include <unistd.h>

#include <ctime>
#include <nlohmann/json.hpp>
#include <utility>

#include "kernels/exec/error.hpp"
#include "src/data/atomic_file.hpp"

namespace gauntlet {
namespace {

using Json = nlohmann::ordered_json;

Json to_json(const Manifest& manifest) {
  Json json = {{"schema_version", Manifest::schema_version},
               {"status", manifest.status},
               {"argv", manifest.argv},
               {"cells", manifest.cells},
               {"cells_done", manifest.cells_done},
               {"shard", manifest.shard},
               {"start", manifest.start},
               {"end", manifest.end},
               {"host", manifest.host},
               {"device", manifest.device},
               {"driver", manifest.driver},
               {"revision", manifest.revision},
               {"build", manifest.build},
               {"libraries", manifest.libraries},
               {"data", manifest.data},
               {"parts", Json::array()}};
  for (const Manifest& part : manifest.parts) json["parts"].push_back(to_json(part));
  return json;
}

Manifest from_json(const Json& json) {
  Manifest manifest;
  if (const int version = json.at("schema_version"); version != Manifest::schema_version)
    throw UserError("schema_version " + std::to_string(version) + " is not " +
                    std::to_string(Manifest::schema_version));
  json.at("status").get_to(manifest.status);
  json.at("argv").get_to(manifest.argv);
  json.at("cells").get_to(manifest.cells);
  json.at("cells_done").get_to(manifest.cells_done);
  json.at("shard").get_to(manifest.shard);
  json.at("start").get_to(manifest.start);
  json.at("end").get_to(manifest.end);
  json.at("host").get_to(manifest.host);
  json.at("device").get_to(manifest.device);
  json.at("driver").get_to(manifest.driver);
  json.at("revision").get_to(manifest.revision);
  json.at("build").get_to(manifest.build);
  json.at("libraries").get_to(manifest.libraries);
  manifest.data = json.value("data", manifest.data);  // not in files of the first releases
  for (const Json& part : json.at("parts")) manifest.parts.push_back(from_json(part));
  return manifest;
}

}  // namespace

void write_manifest(const std::filesystem::path& folder, const Manifest& manifest) {
  // Arguments and paths may be any bytes; JSON must be UTF-8.
  const std::string text = to_json(manifest).dump(2, ' ', false, Json::error_handler_t::replace);
  write_file(folder / "manifest.json", text + "\n");
}

std::optional<Manifest> read_manifest(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / "manifest.json";
  if (!std::filesystem::exists(path)) return std::nullopt;
  try {
    return from_json(Json::parse(read_file(path)));
  } catch (const Json::exception&) {
    throw UserError(path.string() +
                    ": not a manifest that gauntlet wrote; move it away to go on without what it says of earlier runs");
  } catch (const UserError& error) {
    throw UserError(path.string() + ": " + error.what());
  }
}

std::vector<Manifest> sessions(const Manifest& manifest) {
  std::vector<Manifest> result;
  for (const Manifest& part : manifest.parts)
    for (Manifest& session : sessions(part)) result.push_back(std::move(session));
  // A session without an end was killed and may have computed any number of cells.
  if (manifest.cells_done > 0 || manifest.end.empty()) {
    result.push_back(manifest);
    result.back().parts.clear();
  }
  return result;
}

std::string other_data(const std::vector<Manifest>& sessions, const std::map<std::string, std::string>& data) {
  for (const Manifest& session : sessions)
    for (const auto& [name, checksum] : session.data)
      if (const auto ours = data.find(name); ours != data.end() && ours->second != checksum)
        return name + " (checksum " + checksum + ", not " + ours->second + ")";
  return {};
}

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc)};
}

std::string host_name() {
  char name[256] = {};
  return ::gethostname(name, sizeof name - 1) == 0 ? name : "";
}

}  // namespace gauntlet
