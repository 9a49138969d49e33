#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "shoal/content/manifest/checksum.h"
#include "shoal/stream/transport_session.h"
#include "shoal/stream/wire/canonical_manifests.h"

// The reading half of TransportSession.

namespace shoal::stream {
namespace {

// How much is read before its CRC is taken: little enough that it is still in the cache.
constexpr size_t kReadBytes = 256 * 1024;
constexpr uint32_t kProgressBytes = 64 * 1024;
// A peer that makes this end say so much without reading it is not read from until it has.
constexpr size_t kMaxOutboxBytes = 256 * 1024;
constexpr size_t kMaxSliceRequests = 64;

absl::Status ClosedHere() {
  return absl::CancelledError("closed here");
}

}  // namespace

TransportSession::Task TransportSession::ReadFrames() {
  while (!closed_) {
    absl::StatusOr<FrameHeader> header = co_await reader_.ReadHeader();
    if (!header.ok()) co_return header.status();
    absl::Status status;
    if (header->type == FrameType::kChunk) {
      status = co_await ReceiveChunk(*header);
    } else if (header->known()) {
      status = co_await ReceiveControl(*header);
    } else {
      status = co_await reader_.Skip(header->length_bytes);
    }
    if (!status.ok()) co_return status;
    while (!closed_ && outbox_.added_bytes() > kMaxOutboxBytes) {
      paused_ = true;
      co_await drained_.Wait();
      paused_ = false;
    }
  }
  co_return ClosedHere();
}

TransportSession::Task TransportSession::ReceiveChunk(FrameHeader header) {
  const ChunkIndex index(header.index);
  ChunkBuffer buffer;
  while (!buffer) {
    if (delegate_ == nullptr || !delegate_->WantsChunk(index, header.length_bytes)) {
      absl::Status skipped = co_await reader_.Skip(header.length_bytes);
      co_return skipped;
    }
    if (closed_) co_return ClosedHere();
    buffer = delegate_->BufferFor(index, header.length_bytes);
    if (closed_) co_return ClosedHere();
    if (buffer) break;
    paused_ = true;
    co_await resumed_.Wait();
    paused_ = false;
    if (closed_) co_return ClosedHere();
  }
  if (buffer.bytes().size() < header.length_bytes)
    co_return absl::InternalError("a buffer that is too small");

  uint32_t crc = 0;
  uint32_t unreported = 0;
  std::span<uint8_t> left = buffer.bytes().first(header.length_bytes);
  while (!left.empty()) {
    absl::StatusOr<size_t> count = co_await reader_.ReadSome(left.first(std::min(left.size(), kReadBytes)));
    if (closed_) co_return ClosedHere();
    if (!count.ok()) co_return count.status();
    crc = Crc32(left.first(*count), crc);
    left = left.subspan(*count);
    unreported += static_cast<uint32_t>(*count);
    if (unreported >= kProgressBytes || left.empty()) {
      delegate_->OnProgress(index, std::exchange(unreported, 0));
      if (closed_) co_return ClosedHere();
    }
  }
  if (crc == header.crc32) {
    delegate_->OnChunk(index, std::move(buffer), crc);
  } else {
    delegate_->OnCorruptFrame(index);
  }
  co_return absl::OkStatus();
}

TransportSession::Task TransportSession::ReceiveControl(FrameHeader header) {
  absl::Status status = co_await reader_.ReadWhole(header, &body_);
  if (!status.ok()) co_return status;
  if (closed_) co_return ClosedHere();
  status = HandleControl(header);
  // What one large message needed is not kept for the life of the connection.
  if (body_.capacity() > 2 * kManifestSliceBytes) std::string().swap(body_);
  co_return status;
}

absl::Status TransportSession::HandleControl(FrameHeader header) {
  switch (header.type) {
    case FrameType::kHave:
      return HandleHave();
    case FrameType::kCancel: {
      const absl::StatusOr<stream::Cancel> cancel = Cancel::Decode(AsBytes(body_));
      if (cancel.ok()) uploads_.Cancel(*cancel);
      return cancel.status();
    }
    case FrameType::kRequest:
      return HandleRequest();
    case FrameType::kRequestAny:
      return HandleRequestAny();
    case FrameType::kNothingFresh:
      if (delegate_ != nullptr) delegate_->OnNothingFresh();
      return absl::OkStatus();
    case FrameType::kRefuse:
      return HandleRefuse();
    case FrameType::kManifestRequest:
      return HandleManifestRequest();
    case FrameType::kManifest:
      return HandleManifestSlice(header.index);
    case FrameType::kPing:
      return absl::OkStatus();
    case FrameType::kHello:
    case FrameType::kChunk:
      break;
  }
  return absl::InvalidArgumentError("a second hello");
}

absl::Status TransportSession::HandleHave() {
  const absl::StatusOr<Have> have = Have::Decode(AsBytes(body_));
  if (!have.ok()) return have.status();
  if (fresh_ != nullptr && !fresh_->Holds(fresh_peer_, have->gained).ok()) {
    return absl::InvalidArgumentError("holds chunks past the end of the content");
  }
  if (delegate_ != nullptr) delegate_->OnHave(*have);
  return absl::OkStatus();
}

absl::Status TransportSession::HandleRequestAny() {
  const absl::StatusOr<stream::RequestAny> request = RequestAny::Decode(AsBytes(body_));
  if (!request.ok()) return request.status();
  if (source_ == nullptr) return absl::InvalidArgumentError("asked for chunks of an end that offered none");
  if (IsClosing()) return absl::OkStatus();
  if (fresh_ == nullptr) {
    Say(FrameType::kNothingFresh, "");
    return absl::OkStatus();
  }
  credits_ = std::min(kMaxCredits, credits_ + std::min(kMaxCredits, request->chunks));
  work_.Set();
  return absl::OkStatus();
}

absl::Status TransportSession::HandleRequest() {
  const absl::StatusOr<stream::Request> request = Request::Decode(AsBytes(body_));
  if (!request.ok()) return request.status();
  if (source_ == nullptr) return absl::InvalidArgumentError("asked for chunks of an end that offered none");
  if (IsClosing()) return absl::OkStatus();
  const absl::StatusOr<std::vector<Refuse>> refusals = uploads_.Add(*request, *source_);
  if (!refusals.ok()) return refusals.status();
  for (const Refuse& refuse : *refusals) Say(refuse);
  work_.Set();
  return absl::OkStatus();
}

absl::Status TransportSession::HandleManifestRequest() {
  const absl::StatusOr<ManifestRequest> request = ManifestRequest::Decode(AsBytes(body_));
  if (!request.ok()) return request.status();
  if (source_ == nullptr)
    return absl::InvalidArgumentError("asked for the manifest of an end that offered none");
  if (IsClosing()) return absl::OkStatus();
  const uint32_t length = CanonicalManifests::Shared().LengthOf(source_->manifest());
  const uint32_t slice_count = (length + kManifestSliceBytes - 1) / kManifestSliceBytes;
  if (request->slice_count > slice_count || request->first_slice > slice_count - request->slice_count) {
    return absl::InvalidArgumentError("asked for slices past the end of the manifest");
  }
  if (slices_.size() >= kMaxSliceRequests)
    return absl::InvalidArgumentError("too many requests for the manifest");
  slices_.push_back(*request);
  work_.Set();
  return absl::OkStatus();
}

absl::Status TransportSession::HandleManifestSlice(uint32_t slice) {
  if (!assembly_.has_value()) return absl::InvalidArgumentError("a manifest that nobody asked for");
  if (absl::Status status = assembly_->Add(slice, AsBytes(body_)); !status.ok()) return status;
  if (assembly_->whole()) {
    std::string canonical = assembly_->Take();
    assembly_.reset();
    if (delegate_ != nullptr) delegate_->OnManifest(std::move(canonical));
  } else if (const std::optional<ManifestRequest> more = assembly_->NextRequest(); more.has_value()) {
    Say(FrameType::kManifestRequest, more->Encode());
  }
  return absl::OkStatus();
}

absl::Status TransportSession::HandleRefuse() {
  const absl::StatusOr<Refuse> refuse = Refuse::Decode(AsBytes(body_));
  if (!refuse.ok()) return refuse.status();
  if (delegate_ != nullptr) delegate_->OnRefused(*refuse);
  if (!refuse->chunks.empty()) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("the peer refused: ", ReasonName(refuse->reason)));
}

}  // namespace shoal::stream
