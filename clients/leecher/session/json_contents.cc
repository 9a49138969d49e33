#include "clients/leecher/session/json_contents.h"

#include <nlohmann/json.hpp>

#include "clients/leecher/session/json_events.h"

namespace shoal::leecher {
namespace {

using Json = nlohmann::ordered_json;

std::string Dump(const Json& json) {
  return json.dump(-1, ' ', true, Json::error_handler_t::replace);
}

Json Of(const tracking::ContentSummary& summary) {
  return {{"content_id", summary.id.ToHex()},    {"name", summary.name},
          {"total_bytes", summary.length_bytes}, {"chunk_bytes", summary.chunk_size_bytes},
          {"chunks", summary.chunk_count},       {"files", summary.file_count}};
}

Json Of(const tracking::ContentStatus& content) {
  Json json = Of(content.summary);
  json["first_seen"] = JsonTime(content.first_seen);
  json["seeders"] = content.seeders;
  json["leechers"] = content.leechers;
  return json;
}

}  // namespace

std::string JsonContent(const tracking::ContentStatus& content) {
  return Dump(Of(content));
}

std::string JsonInfo(const tracking::ContentSummary& summary, const ManifestFile* file,
                     const tracking::GetSwarmResponse* swarm) {
  Json json = swarm != nullptr ? Of(swarm->content) : Of(summary);
  if (file != nullptr) {
    json["trackers"] = file->trackers;
    json["file_list"] = Json::array();
    for (const FileEntry& entry : file->manifest.files()) {
      json["file_list"].push_back(
          {{"path", entry.path}, {"bytes", entry.length_bytes}, {"executable", entry.executable}});
    }
  }
  json["peers"] = Json::array();
  if (swarm == nullptr) return Dump(json);
  for (const tracking::SwarmPeer& peer : swarm->peers) {
    json["peers"].push_back(
        {{"peer_id", peer.peer.id.ToHex()},
         {"endpoint", peer.peer.endpoint.ToString()},
         {"complete", peer.peer.complete},
         {"chunks_held", peer.peer.complete ? summary.chunk_count : peer.peer.chunks_held},
         {"free_slots", peer.peer.free_slots},
         {"sent_bytes", peer.totals.sent_bytes},
         {"bytes_per_second", peer.totals.send_rate_bytes_per_second},
         {"registered", JsonTime(peer.registered)}});
  }
  return Dump(json);
}

std::string JsonMade(const tracking::ContentSummary& summary, const std::string& path) {
  Json json = Of(summary);
  json["path"] = path;
  return Dump(json);
}

}  // namespace shoal::leecher
