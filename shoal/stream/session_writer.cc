#include "shoal/stream/session_writer.h"

#include <algorithm>
#include <utility>

#include "shoal/base/clock.h"
#include "shoal/content/manifest/checksum.h"
#include "shoal/stream/upload/gathered_chunks.h"

namespace shoal::stream {
namespace {

// Gains within this time of each other are announced together.
constexpr absl::Duration kGainsApart = absl::Milliseconds(20);
constexpr size_t kMaxSliceRequests = 64;

}  // namespace

SessionWriter::SessionWriter(boost::asio::io_context& context, net::Transport& transport, Outbox* outbox,
                             SessionUploads* uploads)
    : transport_(transport),
      outbox_(*outbox),
      uploads_(*uploads),
      tell_gains_(context),
      work_(context),
      drained_(context) {}

void SessionWriter::Close() {
  closed_ = true;
  tell_gains_.cancel();
  work_.Set();
  drained_.Set();
}

void SessionWriter::Say(FrameType type, const std::string& body) {
  outbox_.Add(type, body);
  work_.Set();
}

void SessionWriter::Announce(std::span<const ChunkIndex> gained, std::shared_ptr<void> keep) {
  untold_gains_.insert(untold_gains_.end(), gained.begin(), gained.end());
  if (telling_gains_) return;
  const absl::Duration wait = told_gains_at_ + kGainsApart - Clock::Real().Uptime();
  if (wait <= absl::ZeroDuration()) return TellGains();
  telling_gains_ = true;
  tell_gains_.expires_after(absl::ToChronoNanoseconds(wait));
  tell_gains_.async_wait([this, keep = std::move(keep)](const boost::system::error_code& error) {
    telling_gains_ = false;
    if (!error) TellGains();
  });
}

void SessionWriter::TellGains() {
  // Sorted, so that the runs are as long as possible.
  std::sort(untold_gains_.begin(), untold_gains_.end());
  outbox_.Announce(untold_gains_);
  untold_gains_.clear();
  told_gains_at_ = Clock::Real().Uptime();
  work_.Set();
}

absl::Status SessionWriter::SendManifest(const ManifestRequest& request) {
  if (uploads_.source() == nullptr)
    return absl::InvalidArgumentError("requested the manifest from an end that offers none");
  if (closed_ || ending()) return absl::OkStatus();
  const uint32_t length = uploads_.source()->manifest()->canonical_length_bytes();
  const uint32_t slice_count = (length + kManifestSliceBytes - 1) / kManifestSliceBytes;
  if (request.slice_count > slice_count || request.first_slice > slice_count - request.slice_count) {
    return absl::InvalidArgumentError("requested slices past the end of the manifest");
  }
  if (slices_.size() >= kMaxSliceRequests)
    return absl::InvalidArgumentError("too many requests for the manifest");
  slices_.push_back(request);
  work_.Set();
  return absl::OkStatus();
}

void SessionWriter::EndWith(const Refuse& refuse) {
  last_words_ = refuse;
  work_.Set();
}

SessionWriter::Task SessionWriter::WriteNow(FrameType type, const std::string& body) {
  writing_.clear();
  AppendFrame(type, body, &writing_);
  absl::Status status = co_await transport_.Write(AsBytes(writing_));
  co_return status;
}

SessionWriter::Task SessionWriter::Run() {
  while (!closed_) {
    absl::Status status;
    if (HasUrgentWork()) {
      sending_ = true;
      status = co_await WriteUrgent();
    } else if (ending() || !uploads_.has_chunks()) {
      if (uploads_.turn_requested()) uploads_.EndTurn();
      co_await work_.Wait();
    } else if (uploads_.MaySend()) {
      sending_ = true;
      status = co_await WriteChunks();
      uploads_.EndTurn();
    } else {
      co_await work_.WaitFor(absl::ToChronoNanoseconds(UploadGate::kLookEvery));
      if (!closed_) uploads_.CheckGate();
    }
    sending_ = false;
    if (!status.ok()) co_return status;
  }
  co_return absl::OkStatus();
}

bool SessionWriter::HasUrgentWork() const {
  if (ending()) return !said_last_words_;
  return !outbox_.empty() || !slices_.empty();
}

SessionWriter::Task SessionWriter::WriteUrgent() {
  absl::Status status;
  if (ending()) {
    said_last_words_ = true;
    status = co_await WriteNow(FrameType::kRefuse, last_words_->Encode());
    if (status.ok()) transport_.EndWriting();
  } else if (!outbox_.empty()) {
    outbox_.TakeAll(&writing_);
    status = co_await transport_.Write(AsBytes(writing_));
    drained_.Set();
  } else {
    status = co_await WriteManifestSlice();
  }
  co_return status;
}

SessionWriter::Task SessionWriter::WriteManifestSlice() {
  if (manifest_bytes_ == nullptr) manifest_bytes_ = uploads_.source()->manifest()->CanonicalBytes();
  // Held here: another part of the session may release it while this waits.
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
  absl::Status status = co_await transport_.Write(header_bytes);
  if (!status.ok()) co_return status;
  status = co_await transport_.Write(body);
  co_return status;
}

// One turn: a large chunk straight from the file, or as many small ones as amount to one. A large chunk that
// ends a row of small ones goes behind them.
SessionWriter::Task SessionWriter::WriteChunks() {
  manifest_bytes_ = nullptr;  // a peer that requests chunks has the manifest
  GatheredChunks gathered;
  std::optional<SessionUploads::OpenChunk> chunk = uploads_.OpenNext();
  for (; chunk.has_value() && GatheredChunks::IsSmall(chunk->region); chunk = uploads_.OpenNext()) {
    const absl::Status added = gathered.Add(uploads_.HeaderOf(*chunk), chunk->region);
    if (!added.ok()) uploads_.Refuse(chunk->index, added);
    if (gathered.full()) {
      chunk.reset();
      break;
    }
  }
  if (gathered.count() > 0) {
    absl::Status status = co_await transport_.WriteChunks(gathered.bytes());
    if (!status.ok()) co_return status;
    uploads_.CountSent(gathered.payload_bytes(), gathered.count());
  }
  if (!chunk.has_value()) co_return absl::OkStatus();
  const auto header = uploads_.HeaderOf(*chunk).Encode();
  absl::Status status = co_await transport_.WriteRegion(header, chunk->region);
  if (status.ok()) uploads_.CountSent(chunk->region.length_bytes, 1);
  if (!absl::IsFailedPrecondition(status)) co_return status;
  // The frame is complete, with zeros in it: the refusal behind it tells the peer why.
  if (!closed_) uploads_.Refuse(chunk->index, status);
  co_return absl::OkStatus();
}

}  // namespace shoal::stream
