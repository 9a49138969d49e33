#include "shoal/stream/session_uploads.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "shoal/base/clock.h"
#include "shoal/base/status_macros.h"
#include "shoal/content/manifest/chunk_set.h"

namespace shoal::stream {
namespace {

constexpr absl::Duration kRetryAfterExhaustion = absl::Seconds(1);

}  // namespace

SessionUploads::SessionUploads(uint32_t max_queued_chunks, uint64_t max_queued_bytes, Outbox* outbox,
                               std::shared_ptr<SessionTotals> totals)
    : outbox_(outbox), totals_(std::move(totals)), queue_(max_queued_chunks, max_queued_bytes) {}

void SessionUploads::SetSource(std::shared_ptr<const ChunkSource> source,
                               std::function<void(const absl::Status& why)> on_source_failure) {
  if (withheld_) return;
  source_ = std::move(source);
  on_source_failure_ = std::move(on_source_failure);
}

void SessionUploads::Withhold() {
  withheld_ = true;
  source_ = nullptr;
}

absl::Status SessionUploads::Begin(UploadService service, const Hello& theirs, Endpoint endpoint,
                                   std::function<void()> wake) {
  source_ = std::move(service.source);
  on_source_failure_ = std::move(service.on_source_failure);
  ledger_ = std::move(service.ledger);
  if (ledger_ != nullptr) {
    if (theirs.listen_port != 0) endpoint.port = theirs.listen_port;
    account_ = ledger_->Open(theirs.peer_id, endpoint);
  }
  gate_ = std::move(service.gate);
  if (gate_ != nullptr) uploader_ = gate_->Join(std::move(wake), endpoint.ip.SourcePrefix());
  fresh_ = std::move(service.fresh);
  if (fresh_ == nullptr) return absl::OkStatus();
  fresh_peer_ = fresh_->Join();
  if (theirs.held.empty()) return absl::OkStatus();
  SHOAL_ASSIGN_OR_RETURN(const ChunkSet held,
                         ChunkSet::Decode(source_->manifest()->chunk_count(), AsBytes(theirs.held)));
  return fresh_->Holds(fresh_peer_, held.Ranges());
}

void SessionUploads::End() {
  ended_ = true;
  if (fresh_ != nullptr) fresh_->Leave(fresh_peer_);
  if (gate_ != nullptr) gate_->Leave(uploader_);
  if (ledger_ != nullptr) ledger_->Close(account_);
}

absl::Status SessionUploads::NoSource() const {
  return withheld_ ? absl::PermissionDeniedError("requested chunks without a ticket")
                   : absl::InvalidArgumentError("requested chunks from an end that offers none");
}

absl::Status SessionUploads::Request(const stream::Request& request) {
  if (source_ == nullptr) return NoSource();
  SHOAL_ASSIGN_OR_RETURN(const std::vector<stream::Refuse> refusals, queue_.Add(request, *source_));
  for (const stream::Refuse& refuse : refusals) Say(refuse);
  NoteRequests();
  return absl::OkStatus();
}

void SessionUploads::Cancel(const stream::Cancel& cancel) {
  queue_.Cancel(cancel);
  NoteRequests();
}

absl::Status SessionUploads::RequestAny(uint32_t chunks) {
  if (source_ == nullptr) return NoSource();
  if (fresh_ == nullptr) {
    outbox_->Add(FrameType::kNothingFresh, "");
  } else {
    credits_ = std::min(kMaxCredits, credits_ + std::min(kMaxCredits, chunks));
    NoteRequests();
  }
  return absl::OkStatus();
}

absl::Status SessionUploads::PeerGained(const std::vector<ChunkRange>& gained) {
  if (fresh_ != nullptr && !fresh_->Holds(fresh_peer_, gained).ok()) {
    return absl::InvalidArgumentError("holds chunks past the end of the content");
  }
  return absl::OkStatus();
}

bool SessionUploads::MaySend() {
  if (gate_ == nullptr) return true;
  turn_requested_ = true;
  return gate_->Ask(uploader_, source_->manifest()->chunk_size_bytes());
}

void SessionUploads::EndTurn() {
  if (gate_ != nullptr && !ended_) gate_->Done(uploader_);
  turn_requested_ = false;
}

std::optional<SessionUploads::OpenChunk> SessionUploads::OpenNext() {
  std::optional<OpenChunk> opened = OpenOne();
  NoteRequests();
  return opened;
}

std::optional<SessionUploads::OpenChunk> SessionUploads::OpenOne() {
  while (const std::optional<ChunkIndex> index = queue_.Pop()) {
    absl::StatusOr<FileRegion> region = source_->Open(*index);
    if (!region.ok()) {
      Refuse(*index, region.status());
      continue;
    }
    if (fresh_ != nullptr) fresh_->Sent(fresh_peer_, *index);
    return OpenChunk{*index, *std::move(region)};
  }
  if (credits_ == 0) return std::nullopt;
  if (const std::optional<ChunkIndex> index = fresh_->Take(fresh_peer_); index.has_value()) {
    absl::StatusOr<FileRegion> region = source_->Open(*index);
    if (region.ok()) {
      --credits_;
      return OpenChunk{*index, *std::move(region)};
    }
    fresh_->GiveBack(fresh_peer_, *index);
  }
  // Also when a chunk can't be opened: the peer then requests it by index, and gets the reason.
  credits_ = 0;
  outbox_->Add(FrameType::kNothingFresh, "");
  return std::nullopt;
}

FrameHeader SessionUploads::HeaderOf(const OpenChunk& chunk) const {
  FrameHeader header;
  header.type = FrameType::kChunk;
  header.length_bytes = chunk.region.length_bytes;
  header.index = chunk.index.value();
  header.crc32 = source_->manifest()->checksums(chunk.index).crc32;
  return header;
}

void SessionUploads::CountSent(uint64_t bytes, uint64_t chunks) {
  progress_->sent_bytes.fetch_add(bytes, std::memory_order_relaxed);
  if (totals_ != nullptr) {
    totals_->sent_bytes.fetch_add(bytes, std::memory_order_relaxed);
    totals_->sent_chunks.fetch_add(chunks, std::memory_order_relaxed);
  }
  if (account_ != nullptr) account_->Sent(bytes, chunks, Clock::Real().Uptime());
}

void SessionUploads::CountRefused(uint64_t count) {
  if (totals_ != nullptr) totals_->refused.fetch_add(count, std::memory_order_relaxed);
}

void SessionUploads::Say(const stream::Refuse& refuse) {
  uint64_t count = 0;
  for (const ChunkRange& range : refuse.chunks) count += range.count;
  CountRefused(count);
  outbox_->Add(FrameType::kRefuse, refuse.Encode());
}

void SessionUploads::Refuse(ChunkIndex index, const absl::Status& why) {
  stream::Refuse refuse;
  refuse.chunks.push_back({index, 1});
  refuse.detail = std::string(why.message());
  switch (why.code()) {
    case absl::StatusCode::kNotFound:
      refuse.reason = stream::Refuse::Reason::kNotHeld;
      break;
    case absl::StatusCode::kResourceExhausted:
      refuse.reason = stream::Refuse::Reason::kBusy;
      refuse.retry_after = kRetryAfterExhaustion;
      break;
    default:
      refuse.reason = stream::Refuse::Reason::kReadFailed;
  }
  Say(refuse);
  if (refuse.reason != stream::Refuse::Reason::kReadFailed || on_source_failure_ == nullptr) return;
  on_source_failure_(absl::Status(why.code(), absl::StrCat("chunk ", index.value(), ": ", why.message())));
}

}  // namespace shoal::stream
