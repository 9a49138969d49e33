#include "clients/leecher/agent/api/agent_conversion.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "shoal/base/error_cause.h"
#include "shoal/base/status_macros.h"
#include "shoal/content/manifest/manifest_file.h"

namespace shoal::leecher {
namespace {

constexpr size_t kMaxRules = 10'000;

v1::Download::State StateInProto(AgentDownload::State state) {
  using State = AgentDownload::State;
  switch (state) {
    case State::kFinding:
      return v1::Download::STATE_FINDING;
    case State::kFetching:
      return v1::Download::STATE_FETCHING;
    case State::kFinishing:
      return v1::Download::STATE_FINISHING;
    case State::kComplete:
      return v1::Download::STATE_COMPLETE;
    case State::kFailed:
      return v1::Download::STATE_FAILED;
    case State::kVerifying:
      return v1::Download::STATE_VERIFYING;
  }
  return v1::Download::STATE_UNSPECIFIED;
}

void Set(absl::Time from, google::protobuf::Timestamp* to) {
  const int64_t seconds = absl::ToUnixSeconds(from);
  to->set_seconds(seconds);
  to->set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(from - absl::FromUnixSeconds(seconds))));
}

uint64_t Rate(double bytes_per_second) {
  return static_cast<uint64_t>(std::max(0.0, bytes_per_second));
}

uint64_t LimitOrZero(uint64_t bytes_per_second) {
  return bytes_per_second == net::RateLimit::kUnlimited ? 0 : bytes_per_second;
}

std::vector<std::string> Texts(const google::protobuf::RepeatedPtrField<std::string>& texts) {
  return {texts.begin(), texts.end()};
}

}  // namespace

v1::FilePriority ToProto(FilePriority priority) {
  switch (priority) {
    case FilePriority::kSkip:
      return v1::FILE_PRIORITY_SKIP;
    case FilePriority::kLow:
      return v1::FILE_PRIORITY_LOW;
    case FilePriority::kNormal:
      return v1::FILE_PRIORITY_NORMAL;
    case FilePriority::kHigh:
      return v1::FILE_PRIORITY_HIGH;
  }
  return v1::FILE_PRIORITY_UNSPECIFIED;
}

v1::Download ToProto(const AgentDownload& download) {
  const SavedDownload& saved = download.saved;
  const DownloadStatus& status = download.status;
  v1::Download out;
  out.set_id(saved.id.value());
  out.set_state(StateInProto(download.state));
  out.set_paused(saved.paused);
  out.set_pinned(saved.pinned);
  out.set_followed_glob(saved.followed_glob);
  out.set_wanted(saved.wanted);
  const ContentId& content = status.content_id.is_zero() ? saved.content_id : status.content_id;
  if (!content.is_zero()) {
    out.set_content_id(content.ToString());
    out.set_content_hex(content.ToHex());
  }
  out.set_name(status.name.empty() ? saved.name : status.name);
  out.set_output_folder(saved.output_folder);
  out.set_target_path(download.target_path);
  out.set_length_bytes(status.length_bytes);
  out.set_wanted_bytes(status.wanted_bytes);
  out.set_held_bytes(status.held_bytes);
  out.set_in_order_bytes(status.in_order_bytes);
  out.set_chunk_count(status.chunk_count);
  out.set_chunks_held(status.chunks_held);
  out.set_file_count(status.files);
  out.set_wanted_files(status.wanted_files);
  out.set_received_bytes(status.received_bytes);
  out.set_sent_bytes(status.sent_bytes);
  out.set_receive_rate_bytes_per_second(Rate(status.rate_bytes_per_second));
  out.set_send_rate_bytes_per_second(Rate(status.send_rate_bytes_per_second));
  if (status.eta.has_value()) out.mutable_time_left()->set_seconds(absl::ToInt64Seconds(*status.eta));
  out.set_waiting_because(status.waiting_because);
  out.set_connected_peers(status.connected_peers);
  out.set_chunks_refetched(status.chunks_refetched);
  if (!download.failure.ok()) {
    out.mutable_failure()->set_message(std::string(download.failure.message()));
    const ErrorCause cause = CauseOf(download.failure);
    if (cause != ErrorCause::kNone) out.mutable_failure()->set_cause(CauseName(cause));
  }
  if (saved.added != absl::InfinitePast()) Set(saved.added, out.mutable_added());
  if (saved.completed != absl::InfinitePast()) Set(saved.completed, out.mutable_completed());
  for (const std::string& tracker : saved.trackers) out.add_trackers(tracker);
  out.set_receive_limit_bytes_per_second(LimitOrZero(saved.limits.down_bytes_per_second));
  out.set_send_limit_bytes_per_second(LimitOrZero(saved.limits.up_bytes_per_second));
  if (saved.signature.has_value()) *out.mutable_signer() = ToProto(*saved.signature, download.signer_trusted);
  return out;
}

v1::Signer ToProto(const PublisherSignature& signature, bool trusted) {
  v1::Signer out;
  out.set_key(signature.key.ToText());
  Set(signature.time, out.mutable_signed_at());
  out.set_trusted(trusted);
  return out;
}

v1::Event ToProto(const AgentEvent& event) {
  v1::Event out;
  out.set_sequence(event.sequence);
  Set(event.time, out.mutable_time());
  out.set_download_id(event.download.value());
  out.set_kind(event.kind);
  out.set_text(event.text);
  return out;
}

uint64_t LimitFromProto(uint64_t bytes_per_second) {
  return bytes_per_second == 0 ? net::RateLimit::kUnlimited : bytes_per_second;
}

v1::Limits ToProto(const SavedLimits& limits) {
  v1::Limits out;
  out.set_receive_bytes_per_second(LimitOrZero(limits.down_bytes_per_second));
  out.set_send_bytes_per_second(LimitOrZero(limits.up_bytes_per_second));
  return out;
}

SavedLimits FromProto(const v1::Limits& limits) {
  return {LimitFromProto(limits.receive_bytes_per_second()), LimitFromProto(limits.send_bytes_per_second())};
}

v1::Totals ToProto(const AgentTotals& totals, const std::string& version) {
  v1::Totals out;
  out.set_receive_rate_bytes_per_second(Rate(totals.receive_rate_bytes_per_second));
  out.set_send_rate_bytes_per_second(Rate(totals.send_rate_bytes_per_second));
  out.set_received_bytes(totals.received_bytes);
  out.set_sent_bytes(totals.sent_bytes);
  out.set_downloads(totals.downloads);
  out.set_active(totals.active);
  out.set_disk_used_bytes(totals.disk_used_bytes);
  out.set_disk_budget_bytes(totals.disk_budget_bytes);
  *out.mutable_limits() = ToProto(totals.limits);
  for (const AgentTotals::Tracker& tracker : totals.trackers) {
    v1::TrackerState* state = out.add_trackers();
    state->set_url(tracker.url);
    state->set_failure(tracker.failure);
  }
  out.set_version(version);
  Set(totals.started, out.mutable_started());
  return out;
}

v1::FollowRule ToProto(const FollowRule& rule) {
  v1::FollowRule out;
  out.set_glob(rule.glob);
  out.set_keep_versions(rule.keep_versions);
  out.set_output_folder(rule.output_folder);
  for (const PublicKey& key : rule.trusted.keys()) out.add_trusted_keys(key.ToText());
  return out;
}

absl::StatusOr<FollowRule> FromProto(const v1::FollowRule& rule) {
  FollowRule out{rule.glob(), std::max(rule.keep_versions(), 1u), rule.output_folder()};
  for (const std::string& text : rule.trusted_keys()) {
    const absl::StatusOr<PublicKey> key = PublicKey::Parse(text);
    const absl::Status added = key.ok() ? out.trusted.Add(*key) : key.status();
    if (!added.ok()) return absl::InvalidArgumentError(absl::StrCat("trusted_keys: ", added.message()));
  }
  return out;
}

v1::AvailableContent ToProto(const Offer& offer) {
  const tracking::ContentStatus& content = offer.content;
  v1::AvailableContent out;
  out.set_content_id(content.summary.id.ToString());
  out.set_content_hex(content.summary.id.ToHex());
  out.set_name(content.summary.name);
  out.set_length_bytes(content.summary.length_bytes);
  out.set_file_count(content.summary.file_count);
  out.set_chunk_count(content.summary.chunk_count);
  out.set_seeders(content.seeders);
  out.set_leechers(content.leechers);
  Set(content.first_seen, out.mutable_first_seen());
  for (const std::string& tracker : offer.trackers) out.add_trackers(tracker);
  return out;
}

v1::Peer ToProto(const DownloadStatus::Peer& peer) {
  v1::Peer out;
  out.set_peer_id(peer.id.ToString());
  out.set_peer_hex(peer.id.ToHex());
  out.set_endpoint(peer.endpoint.ToString());
  out.set_connected(peer.connected);
  out.set_chunks(peer.chunks);
  out.set_received_bytes(peer.received_bytes);
  out.set_sent_bytes(peer.sent_bytes);
  out.set_receive_rate_bytes_per_second(Rate(peer.rate_bytes_per_second));
  out.set_send_rate_bytes_per_second(Rate(peer.send_rate_bytes_per_second));
  out.set_failures(peer.failures);
  out.set_dropped_because(peer.dropped_because);
  out.set_chunks_held(peer.chunks_held);
  return out;
}

absl::StatusOr<std::vector<SelectionRules::Priority>> FromProto(
    const google::protobuf::RepeatedPtrField<v1::FilePriorityRule>& rules) {
  if (rules.size() > static_cast<int>(kMaxRules)) return absl::InvalidArgumentError("too many priorities");
  std::vector<SelectionRules::Priority> out;
  for (const v1::FilePriorityRule& rule : rules) {
    SHOAL_RETURN_IF_ERROR(CheckGlob(rule.glob()));
    switch (rule.priority()) {
      case v1::FILE_PRIORITY_SKIP:
        out.push_back({rule.glob(), FilePriority::kSkip});
        break;
      case v1::FILE_PRIORITY_LOW:
        out.push_back({rule.glob(), FilePriority::kLow});
        break;
      case v1::FILE_PRIORITY_NORMAL:
        out.push_back({rule.glob(), FilePriority::kNormal});
        break;
      case v1::FILE_PRIORITY_HIGH:
        out.push_back({rule.glob(), FilePriority::kHigh});
        break;
      default:
        return absl::InvalidArgumentError(absl::StrCat("priority of ", rule.glob(), ": it is not set"));
    }
  }
  return out;
}

absl::StatusOr<Agent::Wanted> FromProto(const v1::AddRequest& request) {
  Agent::Wanted wanted;
  std::vector<std::string> trackers = Texts(request.trackers());
  switch (request.content_case()) {
    case v1::AddRequest::kName:
      wanted.name_or_id = request.name();
      break;
    case v1::AddRequest::kContentHex:
      if (!ContentId::FromHex(request.content_hex()).ok()) {
        return absl::InvalidArgumentError("content_hex: 64 hex digits are needed");
      }
      wanted.name_or_id = request.content_hex();
      break;
    case v1::AddRequest::kManifestFile: {
      absl::StatusOr<ManifestFile> file = ManifestFile::Decode(AsBytes(request.manifest_file()));
      if (!file.ok()) {
        return absl::InvalidArgumentError(absl::StrCat("manifest_file: ", file.status().message()));
      }
      wanted.manifest = std::make_shared<const Manifest>(std::move(file->manifest));
      wanted.signature = file->signature;
      if (trackers.empty()) trackers = file->trackers;
      break;
    }
    case v1::AddRequest::CONTENT_NOT_SET:
      return absl::InvalidArgumentError("content: a name, an id or the bytes of a .shoal file are needed");
  }
  for (const std::string& url : trackers) {
    absl::StatusOr<tracking::TrackerUrl> tracker = tracking::TrackerUrl::Parse(url);
    if (!tracker.ok())
      return absl::InvalidArgumentError(absl::StrCat("trackers: ", tracker.status().message()));
    wanted.trackers.push_back(*std::move(tracker));
  }
  wanted.output_folder = request.output_folder();
  wanted.selection.include = Texts(request.include());
  wanted.selection.exclude = Texts(request.exclude());
  for (const auto& [field, globs] :
       {std::pair("include", &wanted.selection.include), std::pair("exclude", &wanted.selection.exclude)}) {
    for (const std::string& glob : *globs) {
      if (const absl::Status right = CheckGlob(glob); !right.ok()) return Annotate(field, right);
    }
  }
  SHOAL_ASSIGN_OR_RETURN(wanted.selection.priorities, FromProto(request.priorities()));
  wanted.sequential = request.sequential();
  wanted.limits = {LimitFromProto(request.receive_limit_bytes_per_second()),
                   LimitFromProto(request.send_limit_bytes_per_second())};
  wanted.paused = request.paused();
  wanted.pinned = request.pinned();
  wanted.repair = request.repair();
  wanted.request_id = request.request_id();
  return wanted;
}

v1::ChunkMap ToProto(const ChunkMap& map) {
  v1::ChunkMap out;
  out.set_chunk_count(map.chunk_count);
  out.set_chunks_per_cell(map.chunks_per_cell);
  out.set_held(map.held);
  out.set_under_way(map.under_way);
  out.set_availability(map.availability);
  out.set_source(map.source);
  for (const ChunkSender& sender : map.sources) out.add_sources(sender.endpoint.ToString());
  return out;
}

v1::GetManifestResponse DescribeManifest(const Manifest& manifest, const std::vector<FileState>& states,
                                         size_t most) {
  v1::GetManifestResponse out;
  out.set_name(manifest.name());
  out.set_content_id(manifest.id().ToString());
  out.set_content_hex(manifest.id().ToHex());
  out.set_length_bytes(manifest.length_bytes());
  out.set_chunk_size_bytes(manifest.chunk_size_bytes());
  out.set_is_folder(manifest.kind() == Manifest::Kind::kFolder);
  out.set_file_count(static_cast<uint32_t>(manifest.files().size()));
  const auto files = static_cast<uint32_t>(std::min(most, manifest.files().size()));
  for (uint32_t i = 0; i < files; ++i) {
    const auto& file = manifest.files()[i];
    const auto [first, end] = manifest.ChunksOf(FileIndex(i));
    v1::GetManifestResponse::File* described = out.add_files();
    described->set_path(file.path.empty() ? manifest.name() : file.path);
    described->set_length_bytes(file.length_bytes);
    described->set_executable(file.executable);
    described->set_first_chunk(first.value());
    described->set_chunk_count(end.value() - first.value());
    if (i >= states.size()) continue;
    described->set_priority(ToProto(states[i].priority));
    described->set_held_bytes(states[i].held_bytes);
  }
  return out;
}

}  // namespace shoal::leecher
