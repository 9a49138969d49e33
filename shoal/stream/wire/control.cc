#include "shoal/stream/wire/control.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "shoal/base/status_macros.h"
#include "shoal/content/manifest/manifest.h"
#include "shoal/peer/v1/chunk_stream.pb.h"
#include "shoal/stream/wire/frame.h"

namespace shoal::stream {
namespace {

constexpr size_t kMaxDetailBytes = 1024;
constexpr uint32_t kMaxRetryMs = 60 * 60 * 1000;
// The bitmap of the largest content, and a little for its head.
constexpr size_t kMaxHeldBytes = kMaxChunks / 8 + 64;
constexpr uint32_t kMaxManifestSlices = kMaxManifestBytes / kManifestSliceBytes;

absl::Status Malformed(const char* message, const char* what) {
  return absl::InvalidArgumentError(absl::StrCat("malformed ", message, ": ", what));
}

template <typename Message>
absl::Status Parse(const char* name, ByteView bytes, Message* message) {
  if (bytes.size() > kMaxControlBytes) return Malformed(name, "too long");
  if (!message->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return Malformed(name, "no message of this kind");
  }
  return absl::OkStatus();
}

template <typename Ranges>
void StoreRanges(const std::vector<ChunkRange>& from, Ranges* to) {
  to->Reserve(static_cast<int>(from.size()));
  for (const ChunkRange& range : from) {
    auto* added = to->Add();
    added->set_first(range.first.value());
    added->set_count(range.count);
  }
}

template <typename Ranges>
absl::StatusOr<std::vector<ChunkRange>> LoadRanges(const char* name, const Ranges& from) {
  if (static_cast<size_t>(from.size()) > kMaxRangesPerMessage) return Malformed(name, "too many ranges");
  std::vector<ChunkRange> ranges;
  ranges.reserve(from.size());
  for (const auto& range : from) {
    if (range.count() == 0 || range.count() > kMaxChunks || range.first() > kMaxChunks - range.count()) {
      return Malformed(name, "an empty range, or one past the last chunk that there may be");
    }
    ranges.push_back({ChunkIndex(range.first()), range.count()});
  }
  return ranges;
}

}  // namespace

std::string Hello::Encode() const {
  peer::v1::Hello message;
  message.set_version(version);
  message.set_min_version(min_version);
  message.set_content_id(content_id.ToString());
  message.set_peer_id(peer_id.ToString());
  message.set_listen_port(listen_port);
  message.set_ticket(ticket);
  message.set_chunk_count(chunk_count);
  message.set_manifest_bytes(manifest_bytes);
  message.set_held(held);
  message.set_serves_any(serves_any);
  return message.SerializeAsString();
}

absl::StatusOr<Hello> Hello::Decode(ByteView bytes) {
  constexpr char kName[] = "hello";
  peer::v1::Hello message;
  SHOAL_RETURN_IF_ERROR(Parse(kName, bytes, &message));
  Hello hello;
  hello.version = message.version();
  hello.min_version = message.min_version();
  if (hello.min_version == 0 || hello.min_version > hello.version) return Malformed(kName, "versions");
  SHOAL_ASSIGN_OR_RETURN(hello.content_id, ContentId::FromBytes(message.content_id()));
  SHOAL_ASSIGN_OR_RETURN(hello.peer_id, PeerId::FromBytes(message.peer_id()));
  if (message.listen_port() > 65535) return Malformed(kName, "port");
  hello.listen_port = static_cast<uint16_t>(message.listen_port());
  if (message.ticket().size() > kMaxHelloTicketsBytes) return Malformed(kName, "ticket too long");
  hello.ticket = std::move(*message.mutable_ticket());
  if (message.chunk_count() > kMaxChunks) return Malformed(kName, "too many chunks");
  hello.chunk_count = message.chunk_count();
  if (message.manifest_bytes() > kMaxManifestBytes) return Malformed(kName, "manifest too long");
  hello.manifest_bytes = message.manifest_bytes();
  if (message.held().size() > kMaxHeldBytes) return Malformed(kName, "chunk set too long");
  hello.held = std::move(*message.mutable_held());
  hello.serves_any = message.serves_any();
  return hello;
}

std::string Have::Encode() const {
  peer::v1::Have message;
  StoreRanges(gained, message.mutable_gained());
  return message.SerializeAsString();
}

absl::StatusOr<Have> Have::Decode(ByteView bytes) {
  peer::v1::Have message;
  SHOAL_RETURN_IF_ERROR(Parse("have", bytes, &message));
  Have have;
  SHOAL_ASSIGN_OR_RETURN(have.gained, LoadRanges("have", message.gained()));
  return have;
}

std::string Request::Encode() const {
  peer::v1::Request message;
  StoreRanges(chunks, message.mutable_chunks());
  return message.SerializeAsString();
}

absl::StatusOr<Request> Request::Decode(ByteView bytes) {
  peer::v1::Request message;
  SHOAL_RETURN_IF_ERROR(Parse("request", bytes, &message));
  Request request;
  SHOAL_ASSIGN_OR_RETURN(request.chunks, LoadRanges("request", message.chunks()));
  return request;
}

std::string RequestAny::Encode() const {
  peer::v1::RequestAny message;
  message.set_chunks(chunks);
  return message.SerializeAsString();
}

absl::StatusOr<RequestAny> RequestAny::Decode(ByteView bytes) {
  constexpr char kName[] = "request of any chunks";
  peer::v1::RequestAny message;
  SHOAL_RETURN_IF_ERROR(Parse(kName, bytes, &message));
  if (message.chunks() == 0 || message.chunks() > kMaxChunks) return Malformed(kName, "number of chunks");
  return RequestAny{message.chunks()};
}

std::string Cancel::Encode() const {
  peer::v1::Cancel message;
  StoreRanges(chunks, message.mutable_chunks());
  return message.SerializeAsString();
}

absl::StatusOr<Cancel> Cancel::Decode(ByteView bytes) {
  peer::v1::Cancel message;
  SHOAL_RETURN_IF_ERROR(Parse("cancel", bytes, &message));
  Cancel cancel;
  SHOAL_ASSIGN_OR_RETURN(cancel.chunks, LoadRanges("cancel", message.chunks()));
  return cancel;
}

std::string Refuse::Encode() const {
  peer::v1::Refuse message;
  message.set_reason(static_cast<peer::v1::Refuse::Reason>(reason));
  StoreRanges(chunks, message.mutable_chunks());
  const absl::Duration bounded =
      std::clamp(retry_after, absl::ZeroDuration(), absl::Milliseconds(kMaxRetryMs));
  message.set_retry_after_ms(static_cast<uint32_t>(absl::ToInt64Milliseconds(bounded)));
  message.set_detail(detail.substr(0, kMaxDetailBytes));
  return message.SerializeAsString();
}

absl::StatusOr<Refuse> Refuse::Decode(ByteView bytes) {
  constexpr char kName[] = "refuse";
  peer::v1::Refuse message;
  SHOAL_RETURN_IF_ERROR(Parse(kName, bytes, &message));
  Refuse refuse;
  // A reason of a later version is still a refusal.
  if (peer::v1::Refuse::Reason_IsValid(message.reason()))
    refuse.reason = static_cast<Reason>(message.reason());
  SHOAL_ASSIGN_OR_RETURN(refuse.chunks, LoadRanges(kName, message.chunks()));
  if (message.retry_after_ms() > kMaxRetryMs) return Malformed(kName, "retry time too long");
  refuse.retry_after = absl::Milliseconds(message.retry_after_ms());
  if (message.detail().size() > kMaxDetailBytes) return Malformed(kName, "detail too long");
  refuse.detail = std::move(*message.mutable_detail());
  // The text is shown on terminals: text from outside must not control them.
  for (char& c : refuse.detail) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return refuse;
}

std::string ManifestRequest::Encode() const {
  peer::v1::ManifestRequest message;
  message.set_first_slice(first_slice);
  message.set_slice_count(slice_count);
  return message.SerializeAsString();
}

absl::StatusOr<ManifestRequest> ManifestRequest::Decode(ByteView bytes) {
  constexpr char kName[] = "manifest request";
  peer::v1::ManifestRequest message;
  SHOAL_RETURN_IF_ERROR(Parse(kName, bytes, &message));
  ManifestRequest request{message.first_slice(), message.slice_count()};
  if (request.slice_count == 0 || request.slice_count > kMaxManifestSlices ||
      request.first_slice > kMaxManifestSlices - request.slice_count) {
    return Malformed(kName, "slices that no manifest has");
  }
  return request;
}

const char* ReasonName(Refuse::Reason reason) {
  switch (reason) {
    case Refuse::Reason::kUnspecified:
      return "no reason given";
    case Refuse::Reason::kUnknownContent:
      return "content not served here";
    case Refuse::Reason::kNotHeld:
      return "chunks not held";
    case Refuse::Reason::kBusy:
      return "busy";
    case Refuse::Reason::kTooManyRequests:
      return "too many requests";
    case Refuse::Reason::kReadFailed:
      return "file changed or unreadable";
    case Refuse::Reason::kVersion:
      return "no protocol version in common";
    case Refuse::Reason::kShuttingDown:
      return "shutting down";
    case Refuse::Reason::kNoTicket:
      return "no valid ticket";
  }
  return "no reason given";
}

}  // namespace shoal::stream
