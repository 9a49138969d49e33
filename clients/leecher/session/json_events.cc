#include "clients/leecher/session/json_events.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "shoal/base/error_cause.h"
#include "shoal/tracking/client/refusal.h"

namespace shoal::leecher {
namespace {

using Json = nlohmann::ordered_json;

Json Begin(const char* event, absl::Time now) {
  return Json{{"event", event}, {"time", JsonTime(now)}};
}

Json Begin(const char* event, const std::string& download, absl::Time now) {
  Json json = Begin(event, now);
  json["download"] = download;
  return json;
}

// Escapes everything that is not ASCII, and turns bytes that are not UTF-8 into U+FFFD, so that a line of
// JSON cannot control a terminal.
std::string DumpEvent(const Json& json) {
  return json.dump(-1, ' ', true, Json::error_handler_t::replace);
}

const char* PhaseName(DownloadStatus::Phase phase) {
  using Phase = DownloadStatus::Phase;
  switch (phase) {
    case Phase::kFindingContent:
      return "finding_content";
    case Phase::kFindingPeers:
      return "finding_peers";
    case Phase::kFetchingManifest:
      return "fetching_manifest";
    case Phase::kFetching:
      return "fetching";
    case Phase::kFinishing:
      return "finishing";
    case Phase::kDone:
      return "done";
    case Phase::kFailed:
      return "failed";
    case Phase::kStopped:
      return "stopped";
  }
  return "unknown";
}

uint64_t Rounded(double rate) {
  return static_cast<uint64_t>(std::max(0.0, rate));
}

Json LimitOf(uint64_t bytes_per_second) {
  return bytes_per_second == net::RateLimit::kUnlimited ? Json() : Json(bytes_per_second);
}

Json PeersOf(const DownloadRecord& record, const DownloadStatus& status) {
  uint64_t chunks = 0;
  for (const DownloadStatus::Peer& peer : status.peers) chunks += peer.chunks;
  Json peers = Json::array();
  for (const DownloadStatus::Peer& peer : status.peers) {
    Json json = {
        {"endpoint", peer.endpoint.ToString()},
        {"peer_id", peer.id.ToHex()},
        {"chunks", peer.chunks},
        {"share", chunks == 0 ? 0.0 : static_cast<double>(peer.chunks) / static_cast<double>(chunks)},
        {"bytes", peer.received_bytes},
        {"bytes_per_second", Rounded(AverageRate(peer.received_bytes, record))},
        {"sent_bytes", peer.sent_bytes},
        {"send_bytes_per_second", Rounded(AverageRate(peer.sent_bytes, record))},
        {"failures", peer.failures}};
    json["dropped_because"] = peer.dropped_because.empty() ? Json() : Json(peer.dropped_because);
    peers.push_back(std::move(json));
  }
  return peers;
}

Json ErrorOf(const absl::Status& error) {
  const ErrorCause cause = CauseOf(error);
  return {{"status", absl::StatusCodeToString(error.code())},
          {"cause", cause == ErrorCause::kNone ? Json() : Json(CauseName(cause))},
          {"message", std::string(error.message())}};
}

Json PeerEvent(const std::string& download, const PeerId& peer, const Endpoint& endpoint, const char* state,
               const std::string& why, absl::Time now) {
  Json json = Begin("peer", download, now);
  json["peer_id"] = peer.ToHex();
  json["endpoint"] = endpoint.ToString();
  json["state"] = state;
  if (!why.empty()) json["why"] = why;
  return json;
}

}  // namespace

std::string JsonTime(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", time, absl::UTCTimeZone());
}

std::string JsonEvent(const std::string& download, const DownloadEvent& event, absl::Time now) {
  if (const auto* start = std::get_if<DownloadStarted>(&event)) {
    Json json = Begin("start", download, now);
    json["content_id"] = start->content_id.ToHex();
    json["name"] = start->name;
    json["path"] = start->target_path;
    json["length_bytes"] = start->length_bytes;
    json["chunks"] = start->chunk_count;
    json["files"] = start->files;
    json["wanted_files"] = start->wanted_files;
    json["wanted_bytes"] = start->wanted_bytes;
    json["resumed_bytes"] = start->resumed_bytes;
    json["decided_ms"] = absl::ToInt64Milliseconds(start->opening_took);
    return DumpEvent(json);
  }
  if (const auto* connected = std::get_if<PeerConnected>(&event)) {
    return DumpEvent(PeerEvent(download, connected->peer, connected->endpoint, "connected", "", now));
  }
  if (const auto* lost = std::get_if<PeerLost>(&event)) {
    return DumpEvent(
        PeerEvent(download, lost->peer, lost->endpoint, lost->for_good ? "dropped" : "lost", lost->why, now));
  }
  if (const auto* rejected = std::get_if<ChunkRejected>(&event)) {
    Json json = Begin("chunk_rejected", download, now);
    json["chunk"] = rejected->chunk.value();
    json["peer_id"] = rejected->peer.ToHex();
    json["endpoint"] = rejected->endpoint.ToString();
    json["why"] = rejected->why;
    return DumpEvent(json);
  }
  if (const auto* moved = std::get_if<ChunksMoved>(&event)) {
    Json json = Begin("chunks_moved", download, now);
    json["chunks"] = moved->chunks;
    json["peer_id"] = moved->from.ToHex();
    json["endpoint"] = moved->endpoint.ToString();
    json["why"] = moved->why;
    return DumpEvent(json);
  }
  if (const auto* tracker = std::get_if<TrackerChanged>(&event)) {
    Json json = Begin("tracker", download, now);
    json["tracker"] = tracker->tracker.ToString();
    json["state"] = tracker->status.ok()                   ? "back"
                    : tracking::IsRefusal(tracker->status) ? "refusing"
                                                           : "away";
    if (!tracker->status.ok()) json["why"] = std::string(tracker->status.message());
    return DumpEvent(json);
  }
  if (const auto* warning = std::get_if<DownloadWarning>(&event)) {
    Json json = Begin("warning", download, now);
    json["text"] = warning->text;
    return DumpEvent(json);
  }
  if (const auto* waiting = std::get_if<Waiting>(&event)) {
    Json json = Begin("waiting", download, now);
    json["because"] = waiting->because;
    return DumpEvent(json);
  }
  if (const auto* change = std::get_if<PausedChanged>(&event)) {
    return DumpEvent(Begin(change->paused ? "paused" : "resumed", download, now));
  }
  if (const auto* replaced = std::get_if<ContentReplaced>(&event)) {
    Json json = Begin("replaced", download, now);
    json["content_id"] = replaced->content_id.ToHex();
    json["discarded_bytes"] = replaced->discarded_bytes;
    return DumpEvent(json);
  }
  return "";
}

std::string JsonProgress(const std::string& download, const DownloadStatus& status, absl::Time now) {
  uint64_t failures = 0;
  for (const DownloadStatus::Peer& peer : status.peers) failures += peer.failures;
  Json json = Begin("progress", download, now);
  json["phase"] = PhaseName(status.phase);
  json["bytes"] = status.held_bytes;
  json["length_bytes"] = status.length_bytes;
  json["wanted_bytes"] = status.wanted_bytes;
  json["in_order_bytes"] = status.in_order_bytes;
  json["chunks_held"] = status.chunks_held;
  json["chunks_under_way"] = status.chunks_under_way;
  json["chunks"] = status.chunk_count;
  json["paused"] = status.paused;
  json["bytes_per_second"] = Rounded(status.rate_bytes_per_second);
  json["received_bytes"] = status.received_bytes;
  json["send_bytes_per_second"] = Rounded(status.send_rate_bytes_per_second);
  json["sent_bytes"] = status.sent_bytes;
  json["limit_down_bytes_per_second"] = LimitOf(status.limit_down_bytes_per_second);
  json["limit_up_bytes_per_second"] = LimitOf(status.limit_up_bytes_per_second);
  json["eta_seconds"] = status.eta.has_value() && *status.eta != absl::InfiniteDuration()
                            ? Json(absl::ToDoubleSeconds(*status.eta))
                            : Json();
  json["peers"] = status.connected_peers;
  json["failures"] = failures;
  json["chunks_refetched"] = status.chunks_refetched;
  json["waiting_because"] = status.waiting_because.empty() ? Json() : Json(status.waiting_because);
  return DumpEvent(json);
}

std::string JsonFinished(const DownloadRecord& record, const DownloadStatus& status, ExitCode exit_code,
                         absl::Time now) {
  Json json = Begin("finished", record.argument(), now);
  json["ok"] = record.outcome().ok();
  json["exit_code"] = static_cast<int>(exit_code);
  json["error"] = record.outcome().ok() ? Json() : ErrorOf(record.outcome());
  json["content_id"] = status.content_id.is_zero() ? Json() : Json(status.content_id.ToHex());
  json["name"] = record.label();
  json["path"] = record.target_path().empty() ? Json() : Json(record.target_path());
  json["bytes"] = status.held_bytes;
  json["length_bytes"] = status.length_bytes;
  json["wanted_bytes"] = status.wanted_bytes;
  json["files"] = status.files;
  json["wanted_files"] = status.wanted_files;
  json["resumed_bytes"] = status.resumed_bytes;
  json["fetched_bytes"] = FetchedBytes(status);
  json["chunks_held"] = status.chunks_held;
  json["chunks"] = status.chunk_count;
  json["seconds"] = absl::ToDoubleSeconds(record.took());
  json["bytes_per_second"] = Rounded(AverageRate(FetchedBytes(status), record));
  json["received_bytes"] = status.received_bytes;
  json["sent_bytes"] = status.sent_bytes;
  json["send_bytes_per_second"] = Rounded(AverageRate(status.sent_bytes, record));
  json["limit_down_bytes_per_second"] = LimitOf(status.limit_down_bytes_per_second);
  json["limit_up_bytes_per_second"] = LimitOf(status.limit_up_bytes_per_second);
  json["chunks_refetched"] = status.chunks_refetched;
  json["checked"] = record.outcome().ok() ? Json::array({"crc32", "sha256"}) : Json::array();
  json["peers"] = PeersOf(record, status);
  json["tracker_outages"] = Json::array();
  for (const DownloadRecord::Outage& outage : record.outages()) {
    json["tracker_outages"].push_back({{"tracker", outage.tracker.ToString()},
                                       {"times", outage.times},
                                       {"seconds", absl::ToDoubleSeconds(outage.away)},
                                       {"still_away", outage.away_now},
                                       {"why", outage.why}});
  }
  json["candidates"] = Json::array();
  for (const tracking::ContentStatus& content : record.candidates()) {
    json["candidates"].push_back({{"content_id", content.summary.id.ToHex()},
                                  {"length_bytes", content.summary.length_bytes},
                                  {"first_seen", JsonTime(content.first_seen)},
                                  {"seeders", content.seeders},
                                  {"leechers", content.leechers}});
  }
  return DumpEvent(json);
}

std::string JsonServing(const ServingStatus& serving, bool over, absl::Time now) {
  Json json = Begin(over ? "serving_ended" : "serving", now);
  json["port"] = serving.port;
  json["contents"] = serving.contents;
  json["peers"] = serving.peers;
  json["sent_bytes"] = serving.sent_bytes;
  json["sent_chunks"] = serving.sent_chunks;
  json["bytes_per_second"] = Rounded(serving.rate_bytes_per_second);
  json["trackers_told"] = serving.trackers_told;
  json["trackers"] = serving.trackers;
  return DumpEvent(json);
}

std::string JsonHttp(uint16_t port, absl::Time now) {
  Json json = Begin("http", now);
  json["http_port"] = port;
  return DumpEvent(json);
}

std::string JsonError(const absl::Status& error, ExitCode exit_code, absl::Time now) {
  Json json = Begin("error", now);
  json["exit_code"] = static_cast<int>(exit_code);
  json["error"] = ErrorOf(error);
  return DumpEvent(json);
}

}  // namespace shoal::leecher
