#include "shoal/stream/session_reader.h"

#include <algorithm>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "shoal/content/manifest/checksum.h"
#include "shoal/stream/wire/control.h"

namespace shoal::stream {
namespace {

// How often a peer may announce each chunk, on average. It does so again when a chunk was damaged there.
constexpr uint64_t kMaxAnnouncements = 4;

// The bytes that are read before their CRC is computed: few enough to be in the processor's cache still.
constexpr size_t kReadBytes = 256 * 1024;
constexpr uint32_t kProgressBytes = 64 * 1024;
// A peer that causes more bytes of responses than this, without reading them, is not read from until it has
// read them.
constexpr size_t kMaxOutboxBytes = 256 * 1024;
// The time after a chunk with a wrong CRC-32 in which a refusal of it may arrive. It is sent directly behind.
constexpr absl::Duration kRefusalDelay = absl::Seconds(1);

bool Names(const Refuse& refuse, ChunkIndex index) {
  return std::any_of(refuse.chunks.begin(), refuse.chunks.end(), [index](const ChunkRange& range) {
    return index >= range.first && index.value() - range.first.value() < range.count;
  });
}

absl::Status ClosedHere() {
  return absl::CancelledError("closed here");
}

}  // namespace

SessionReader::SessionReader(boost::asio::io_context& context, net::Transport& transport,
                             const Outbox* outbox, SessionUploads* uploads, SessionWriter* writer)
    : outbox_(*outbox),
      uploads_(*uploads),
      writer_(*writer),
      frames_(transport),
      suspect_timer_(context),
      resumed_(context) {}

void SessionReader::Close() {
  closed_ = true;
  suspect_timer_.cancel();
  resumed_.Set();
}

void SessionReader::RequestManifest() {
  if (manifest_length_bytes_ == 0 || assembly_.has_value()) return;
  assembly_.emplace(manifest_length_bytes_);
  writer_.Say(FrameType::kManifestRequest, assembly_->NextRequest()->Encode());
}

void SessionReader::Resume() {
  if (paused_) resumed_.Set();
}

boost::asio::awaitable<absl::StatusOr<Hello>> SessionReader::ReadHello(bool accepts_refusal) {
  const absl::StatusOr<FrameHeader> header = co_await frames_.ReadHeader();
  if (!header.ok()) co_return header.status();
  const bool refused = header->type == FrameType::kRefuse && accepts_refusal;
  if (header->type != FrameType::kHello && !refused) co_return absl::InvalidArgumentError("no hello");
  absl::Status status = co_await frames_.ReadWhole(*header, &body_);
  if (!status.ok()) co_return status;
  if (closed_) co_return ClosedHere();
  if (!refused) co_return Hello::Decode(AsBytes(body_));
  status = HandleRefuse();
  // A refusal of single chunks is not a valid first frame either.
  if (status.ok()) status = absl::InvalidArgumentError("no hello");
  co_return status;
}

SessionReader::Task SessionReader::Run(std::shared_ptr<void> keep) {
  while (!closed_) {
    absl::StatusOr<FrameHeader> header = co_await frames_.ReadHeader();
    if (!header.ok() || header->type != FrameType::kRefuse) ReportSuspect();
    if (!header.ok()) co_return header.status();
    absl::Status status;
    if (header->type == FrameType::kChunk) {
      status = co_await ReceiveChunk(*header, keep);
    } else if (header->known()) {
      status = co_await ReceiveControl(*header);
    } else {
      status = co_await frames_.Skip(header->length_bytes);
    }
    if (!status.ok()) co_return status;
    while (!closed_ && outbox_.added_bytes() > kMaxOutboxBytes) {
      paused_ = true;
      co_await writer_.Drained();
      paused_ = false;
    }
  }
  co_return ClosedHere();
}

void SessionReader::SuspectChunk(ChunkIndex index, std::shared_ptr<void> keep) {
  suspect_ = index;
  suspect_timer_.expires_after(absl::ToChronoNanoseconds(kRefusalDelay));
  suspect_timer_.async_wait([this, keep = std::move(keep)](const boost::system::error_code& error) {
    if (!error) ReportSuspect();
  });
}

void SessionReader::ReportSuspect() {
  if (!suspect_.has_value()) return;
  const ChunkIndex index = *std::exchange(suspect_, std::nullopt);
  suspect_timer_.cancel();
  if (!closed_ && delegate_ != nullptr) delegate_->OnCorruptFrame(index);
}

SessionReader::Task SessionReader::ReceiveChunk(FrameHeader header, const std::shared_ptr<void>& keep) {
  const ChunkIndex index(header.index);
  ChunkBuffer buffer;
  while (!buffer) {
    if (delegate_ == nullptr || !delegate_->WantsChunk(index, header.length_bytes)) {
      absl::Status skipped = co_await frames_.Skip(header.length_bytes);
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
    absl::StatusOr<size_t> count = co_await frames_.ReadSome(left.first(std::min(left.size(), kReadBytes)));
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
    SuspectChunk(index, keep);
  }
  co_return absl::OkStatus();
}

SessionReader::Task SessionReader::ReceiveControl(FrameHeader header) {
  absl::Status status = co_await frames_.ReadWhole(header, &body_);
  if (!status.ok()) co_return status;
  if (closed_) co_return ClosedHere();
  status = HandleControl(header);
  // The memory of one large message is not kept for the life of the connection.
  if (body_.capacity() > 2 * kManifestSliceBytes) std::string().swap(body_);
  co_return status;
}

absl::Status SessionReader::HandleControl(FrameHeader header) {
  switch (header.type) {
    case FrameType::kHave:
      return HandleHave();
    case FrameType::kCancel: {
      const absl::StatusOr<Cancel> cancel = Cancel::Decode(AsBytes(body_));
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
    case FrameType::kManifestRequest: {
      const absl::StatusOr<ManifestRequest> request = ManifestRequest::Decode(AsBytes(body_));
      return request.ok() ? writer_.SendManifest(*request) : request.status();
    }
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

absl::Status SessionReader::HandleHave() {
  const absl::StatusOr<Have> have = Have::Decode(AsBytes(body_));
  if (!have.ok()) return have.status();
  const std::shared_ptr<const ChunkSource>& source = uploads_.source();
  const uint64_t chunk_count = source != nullptr ? source->manifest()->chunk_count() : kMaxChunks;
  for (const ChunkRange& range : have->gained) announced_chunks_ += range.count;
  if (announced_chunks_ > kMaxAnnouncements * chunk_count)
    return absl::InvalidArgumentError("announces its chunks over and over");
  const absl::Status gained = uploads_.PeerGained(have->gained);
  if (!gained.ok()) return gained;
  if (delegate_ != nullptr) delegate_->OnHave(*have);
  return absl::OkStatus();
}

absl::Status SessionReader::HandleRequestAny() {
  const absl::StatusOr<RequestAny> request = RequestAny::Decode(AsBytes(body_));
  if (!request.ok()) return request.status();
  if (uploads_.source() != nullptr && IsClosing()) return absl::OkStatus();
  const absl::Status status = uploads_.RequestAny(request->chunks);
  writer_.Wake();
  return status;
}

absl::Status SessionReader::HandleRequest() {
  const absl::StatusOr<Request> request = Request::Decode(AsBytes(body_));
  if (!request.ok()) return request.status();
  if (uploads_.source() != nullptr && IsClosing()) return absl::OkStatus();
  const absl::Status status = uploads_.Request(*request);
  writer_.Wake();
  return status;
}

absl::Status SessionReader::HandleManifestSlice(uint32_t slice) {
  if (!assembly_.has_value()) return absl::InvalidArgumentError("a manifest that was not requested");
  if (absl::Status status = assembly_->Add(slice, AsBytes(body_)); !status.ok()) return status;
  if (assembly_->whole()) {
    std::string canonical = assembly_->Take();
    assembly_.reset();
    if (delegate_ != nullptr) delegate_->OnManifest(std::move(canonical));
  } else if (const std::optional<ManifestRequest> more = assembly_->NextRequest(); more.has_value()) {
    writer_.Say(FrameType::kManifestRequest, more->Encode());
  }
  return absl::OkStatus();
}

absl::Status SessionReader::HandleRefuse() {
  const absl::StatusOr<Refuse> refuse = Refuse::Decode(AsBytes(body_));
  if (!refuse.ok()) return refuse.status();
  const bool unreadable =
      suspect_.has_value() && refuse->reason == Refuse::Reason::kReadFailed && Names(*refuse, *suspect_);
  if (unreadable) suspect_.reset();
  ReportSuspect();
  if (closed_) return ClosedHere();
  if (delegate_ != nullptr) delegate_->OnRefused(*refuse);
  if (!refuse->chunks.empty()) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("the peer refused: ", ReasonName(refuse->reason)));
}

}  // namespace shoal::stream
