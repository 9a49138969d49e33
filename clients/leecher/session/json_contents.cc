#include "clients/leecher/session/json_contents.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "clients/leecher/session/json_events.h"

namespace shoal::leecher {
namespace {

using Json = nlohmann::ordered_json;

std::string Dump(const Json& json) {
  return json.dump(-1, ' ', true, Json::error_handler_t::replace);
}

Json Of(const tracking::ContentSummary& summary) {
  return {{"content_id", summary.id.ToHex()},     {"name", summary.name},
          {"length_bytes", summary.length_bytes}, {"chunk_size_bytes", summary.chunk_size_bytes},
          {"chunks", summary.chunk_count},        {"files", summary.file_count},
          {"left_out", summary.left_out}};
}

Json SignersOf(const std::vector<PublisherSignature>& signatures) {
  Json signers = Json::array();
  for (const PublisherSignature& signature : signatures)
    signers.push_back({{"key", signature.key.ToText()}, {"signed", JsonTime(signature.time)}});
  return signers;
}

Json Of(const tracking::ContentStatus& content) {
  Json json = Of(content.summary);
  json["first_seen"] = JsonTime(content.first_seen);
  json["seeders"] = content.seeders;
  json["leechers"] = content.leechers;
  json["signers"] = SignersOf(content.signatures);
  return json;
}

Json FilesOf(const Manifest& manifest) {
  Json files = Json::array();
  for (const FileEntry& entry : manifest.files()) {
    files.push_back(
        {{"path", entry.path}, {"length_bytes", entry.length_bytes}, {"executable", entry.executable}});
  }
  return files;
}

Json LinksOf(const Manifest& manifest) {
  Json links = Json::array();
  for (const LinkEntry& link : manifest.links())
    links.push_back({{"path", link.path}, {"target", link.target}});
  return links;
}

}  // namespace

std::string JsonContent(const tracking::ContentStatus& content) {
  return Dump(Of(content));
}

std::string JsonInfo(const tracking::ContentSummary& summary, const Manifest* manifest,
                     const std::vector<std::string>* trackers, const tracking::GetSwarmResponse* swarm,
                     const std::optional<PublisherSignature>& signature) {
  Json json = swarm != nullptr ? Of(swarm->content) : Of(summary);
  std::vector<PublisherSignature> signatures;
  if (swarm != nullptr) signatures = swarm->content.signatures;
  const bool is_new = signature.has_value() &&
                      std::find(signatures.begin(), signatures.end(), *signature) == signatures.end();
  if (is_new) signatures.insert(signatures.begin(), *signature);
  json["signers"] = SignersOf(signatures);
  if (trackers != nullptr) json["trackers"] = *trackers;
  json["file_list"] = manifest == nullptr ? Json() : FilesOf(*manifest);
  json["links"] = manifest == nullptr ? Json() : LinksOf(*manifest);
  json["empty_folders"] = manifest == nullptr ? Json() : Json(manifest->empty_folders());
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

std::string JsonKey(const std::string& path, const std::string& public_key) {
  const Json json = {{"path", path}, {"public_key", public_key}};
  return Dump(json);
}

std::string JsonCerts(const std::string& certificate, const std::string& key,
                      const std::string& authorities) {
  return Dump(Json{{"tls_cert", certificate}, {"tls_key", key}, {"tls_ca", authorities}});
}

std::string JsonMade(const tracking::ContentSummary& summary, const std::string& path,
                     const std::vector<LeftOut>& left_out,
                     const std::optional<PublisherSignature>& signature) {
  Json json = Of(summary);
  json["path"] = path;
  json["signers"] =
      SignersOf(signature.has_value() ? std::vector{*signature} : std::vector<PublisherSignature>());
  json["left_out_list"] = Json::array();
  for (const LeftOut& each : left_out)
    json["left_out_list"].push_back({{"path", each.path}, {"reason", each.reason}});
  return Dump(json);
}

std::string JsonDryRun(const DryRun& plan, const Manifest& manifest, const FileSelection& wanted,
                       absl::Time now) {
  Json json = {{"event", "dry_run"}, {"time", JsonTime(now)}, {"download", plan.download}};
  json["content_id"] = manifest.id().ToHex();
  json["name"] = manifest.name();
  json["path"] = plan.path;
  json["length_bytes"] = manifest.length_bytes();
  json["chunks"] = manifest.chunk_count();
  json["files"] = manifest.files().size();
  json["wanted_files"] = plan.wanted_files;
  json["wanted_bytes"] = plan.wanted_bytes;
  json["target_exists"] = plan.target_exists;
  json["continues"] = plan.continues;
  json["free_bytes"] = plan.free_bytes.has_value() ? Json(*plan.free_bytes) : Json();
  json["file_list"] = FilesOf(manifest);
  for (uint32_t i = 0; i < manifest.files().size(); ++i) {
    json["file_list"][i]["wanted"] = wanted.Wants(FileIndex(i));
  }
  return Dump(json);
}

}  // namespace shoal::leecher
