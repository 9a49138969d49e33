#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "shoal/content/manifest/checksum.h"
#include "shoal/stream/transport_session.h"
#include "shoal/stream/upload/gathered_chunks.h"
#include "shoal/stream/wire/canonical_manifests.h"

// The writing half of TransportSession, and the calls that give it work.

namespace shoal::stream {
namespace {

constexpr absl::Duration kRetryAfterExhaustion = absl::Seconds(1);
// Gains within so much time of each other are told together.
constexpr absl::Duration kGainsApart = absl::Milliseconds(20);

}  // namespace

void TransportSession::Request(std::span<const ChunkIndex> chunks) {
  if (IsClosing() || chunks.empty()) return;
  outbox_.Request(chunks);
  work_.Set();
}

void TransportSession::Cancel(std::span<const ChunkIndex> chunks) {
  if (IsClosing() || chunks.empty()) return;
  outbox_.Cancel(chunks);
  work_.Set();
}

void TransportSession::RequestManifest() {
  if (IsClosing() || their_manifest_bytes_ == 0 || assembly_.has_value()) return;
  assembly_.emplace(their_manifest_bytes_);
  Say(FrameType::kManifestRequest, assembly_->NextRequest()->Encode());
}

void TransportSession::RequestAny(uint32_t chunks) {
  if (IsClosing() || chunks == 0) return;
  outbox_.RequestAny(chunks);
  work_.Set();
}

void TransportSession::Offer(std::shared_ptr<const ChunkSource> source) {
  if (IsClosing() || source_ != nullptr) return;
  source_ = std::move(source);
  if (!said_hello_) return;  // which will say it
  std::vector<ChunkIndex> held;
  source_->Held().ForEach([&held](ChunkIndex index) { held.push_back(index); });
  Announce(held);
}

void TransportSession::Announce(std::span<const ChunkIndex> gained) {
  if (IsClosing() || gained.empty()) return;
  untold_gains_.insert(untold_gains_.end(), gained.begin(), gained.end());
  if (telling_gains_) return;
  const absl::Duration wait = told_gains_at_ + kGainsApart - Clock::Real().Uptime();
  if (wait <= absl::ZeroDuration()) return TellGains();
  telling_gains_ = true;
  tell_gains_.expires_after(absl::ToChronoNanoseconds(wait));
  auto self = std::static_pointer_cast<TransportSession>(shared_from_this());
  tell_gains_.async_wait([self](const boost::system::error_code& error) {
    self->telling_gains_ = false;
    if (!error) self->TellGains();
  });
}

void TransportSession::TellGains() {
  // In runs as long as they can be.
  std::sort(untold_gains_.begin(), untold_gains_.end());
  outbox_.Announce(untold_gains_);
  untold_gains_.clear();
  told_gains_at_ = Clock::Real().Uptime();
  work_.Set();
}

void TransportSession::ResumeReading() {
  if (paused_) resumed_.Set();
}

void TransportSession::Say(FrameType type, const std::string& body) {
  outbox_.Add(type, body);
  work_.Set();
}

void TransportSession::Say(const Refuse& refuse) {
  if (totals_ != nullptr) {
    uint64_t count = 0;
    for (const ChunkRange& range : refuse.chunks) count += range.count;
    totals_->refused.fetch_add(count, std::memory_order_relaxed);
  }
  Say(FrameType::kRefuse, refuse.Encode());
}

boost::asio::awaitable<void> TransportSession::WriteFrames(
    [[maybe_unused]] std::shared_ptr<TransportSession> self) {
  while (!closed_) {
    absl::Status status;
    if (HasUrgentWork()) {
      sending_ = true;
      status = co_await WriteUrgent();
    } else if (!HasChunksToSend()) {
      if (asked_gate_) EndTurn();
      co_await work_.Wait();
    } else if (MaySendChunks()) {
      sending_ = true;
      status = co_await WriteChunks();
      EndTurn();
    } else {
      co_await work_.WaitFor(absl::ToChronoNanoseconds(UploadGate::kLookEvery));
      if (!closed_) gate_->Look();
    }
    sending_ = false;
    if (!status.ok()) Finish(std::move(status));
  }
}

bool TransportSession::HasUrgentWork() const {
  if (last_words_.has_value()) return !said_last_words_;
  return !outbox_.empty() || !slices_.empty();
}

bool TransportSession::HasChunksToSend() const {
  return !last_words_.has_value() && (!uploads_.empty() || credits_ > 0);
}

bool TransportSession::MaySendChunks() {
  if (gate_ == nullptr) return true;
  asked_gate_ = true;
  return gate_->Ask(uploader_, source_->manifest()->chunk_size_bytes());
}

void TransportSession::EndTurn() {
  if (gate_ != nullptr && !closed_) gate_->Done(uploader_);
  asked_gate_ = false;
}

TransportSession::Task TransportSession::WriteUrgent() {
  absl::Status status;
  if (last_words_.has_value()) {
    status = co_await WriteLastWords();
  } else if (!outbox_.empty()) {
    status = co_await WriteControl();
  } else {
    status = co_await WriteManifestSlice();
  }
  co_return status;
}

TransportSession::Task TransportSession::WriteLastWords() {
  said_last_words_ = true;
  writing_.clear();
  AppendFrame(FrameType::kRefuse, last_words_->Encode(), &writing_);
  absl::Status status = co_await transport_->Write(AsBytes(writing_));
  if (status.ok()) transport_->EndWriting();
  co_return status;
}

TransportSession::Task TransportSession::WriteControl() {
  outbox_.TakeAll(&writing_);
  absl::Status status = co_await transport_->Write(AsBytes(writing_));
  drained_.Set();
  co_return status;
}

TransportSession::Task TransportSession::WriteManifestSlice() {
  if (manifest_bytes_ == nullptr) manifest_bytes_ = CanonicalManifests::Shared().BytesOf(source_->manifest());
  // Held here: another part of the session may let go of it while this waits.
  const std::shared_ptr<const std::string> bytes = manifest_bytes_;
  ManifestRequest& request = slices_.front();
  const uint32_t slice = request.first_slice++;
  if (--request.slice_count == 0) slices_.pop_front();

  const size_t begin = size_t{slice} * kManifestSliceBytes;
  const ByteView body =
      AsBytes(*bytes).subspan(begin, std::min<size_t>(kManifestSliceBytes, bytes->size() - begin));
  if (begin + body.size() == bytes->size()) manifest_bytes_ = nullptr;
  FrameHeader header;
  header.type = FrameType::kManifest;
  header.length_bytes = static_cast<uint32_t>(body.size());
  header.index = slice;
  header.crc32 = Crc32(body);
  const auto header_bytes = header.Encode();
  absl::Status status = co_await transport_->Write(header_bytes);
  if (!status.ok()) co_return status;
  status = co_await transport_->Write(body);
  co_return status;
}

// One turn: a large chunk straight from the file, or as many small ones as make up for it. A large one that
// ends a row of small ones goes behind them.
TransportSession::Task TransportSession::WriteChunks() {
  manifest_bytes_ = nullptr;  // who asks for chunks has the manifest
  GatheredChunks gathered;
  std::optional<OpenChunk> chunk = OpenNextChunk();
  for (; chunk.has_value() && GatheredChunks::IsSmall(chunk->region); chunk = OpenNextChunk()) {
    const absl::Status added = gathered.Add(HeaderOf(*chunk), chunk->region);
    if (!added.ok()) RefuseChunk(chunk->index, added);
    if (gathered.full()) {
      chunk.reset();
      break;
    }
  }
  if (gathered.count() > 0) {
    absl::Status status = co_await transport_->WriteChunks(gathered.bytes());
    if (!status.ok()) co_return status;
    CountSent(gathered.payload_bytes(), gathered.count());
  }
  if (!chunk.has_value()) co_return absl::OkStatus();
  const auto header = HeaderOf(*chunk).Encode();
  absl::Status status = co_await transport_->WriteRegion(header, chunk->region);
  if (status.ok()) CountSent(chunk->region.length_bytes, 1);
  co_return status;
}

// What was asked for by name goes first. Nothing when nothing is left that can be opened.
std::optional<TransportSession::OpenChunk> TransportSession::OpenNextChunk() {
  while (const std::optional<ChunkIndex> index = uploads_.Pop()) {
    absl::StatusOr<FileRegion> region = source_->Open(*index);
    if (!region.ok()) {
      RefuseChunk(*index, region.status());
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
  // Also when one can't be opened: asked for by name it is refused with the reason.
  credits_ = 0;
  Say(FrameType::kNothingFresh, "");
  return std::nullopt;
}

FrameHeader TransportSession::HeaderOf(const OpenChunk& chunk) const {
  FrameHeader header;
  header.type = FrameType::kChunk;
  header.length_bytes = chunk.region.length_bytes;
  header.index = chunk.index.value();
  header.crc32 = source_->manifest()->checksums(chunk.index).crc32;
  return header;
}

void TransportSession::CountSent(uint64_t bytes, uint64_t chunks) {
  sent_bytes_.fetch_add(bytes, std::memory_order_relaxed);
  if (totals_ != nullptr) {
    totals_->sent_bytes.fetch_add(bytes, std::memory_order_relaxed);
    totals_->sent_chunks.fetch_add(chunks, std::memory_order_relaxed);
  }
  if (account_ != nullptr) account_->Sent(bytes, chunks, Clock::Real().Uptime());
}

void TransportSession::RefuseChunk(ChunkIndex index, const absl::Status& why) {
  Refuse refuse;
  refuse.chunks.push_back({index, 1});
  refuse.detail = std::string(why.message());
  switch (why.code()) {
    case absl::StatusCode::kNotFound:
      refuse.reason = Refuse::Reason::kNotHeld;
      break;
    case absl::StatusCode::kResourceExhausted:
      refuse.reason = Refuse::Reason::kBusy;
      refuse.retry_after = kRetryAfterExhaustion;
      break;
    default:
      refuse.reason = Refuse::Reason::kReadFailed;
  }
  Say(refuse);
}

}  // namespace shoal::stream
