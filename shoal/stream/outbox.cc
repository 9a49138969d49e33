#include "shoal/stream/outbox.h"

#include <algorithm>

#include "shoal/content/manifest/checksum.h"
#include "shoal/stream/upload/upload_queue.h"

namespace shoal::stream {
namespace {

// Empties `chunks` and calls `emit` with their ranges, in as many vectors as the bound on one message
// requires.
template <typename Emit>
void EmitRuns(std::vector<ChunkIndex>* chunks, const Emit& emit) {
  if (chunks->empty()) return;
  std::vector<ChunkRange> runs = RunsOf(*chunks);
  chunks->clear();
  if (runs.size() <= kMaxRangesPerMessage) return emit(std::move(runs));
  for (size_t at = 0; at < runs.size(); at += kMaxRangesPerMessage) {
    const size_t until = std::min(runs.size(), at + kMaxRangesPerMessage);
    emit(std::vector<ChunkRange>(runs.begin() + at, runs.begin() + until));
  }
}

}  // namespace

void Outbox::Add(FrameType type, const std::string& body) {
  AppendFrame(type, body, &frames_);
}

void Outbox::Request(std::span<const ChunkIndex> chunks) {
  requested_.insert(requested_.end(), chunks.begin(), chunks.end());
}

void Outbox::Cancel(std::span<const ChunkIndex> chunks) {
  std::erase_if(requested_, [chunks](ChunkIndex index) {
    return std::find(chunks.begin(), chunks.end(), index) != chunks.end();
  });
  cancelled_.insert(cancelled_.end(), chunks.begin(), chunks.end());
}

void Outbox::Announce(std::span<const ChunkIndex> gained) {
  gained_.insert(gained_.end(), gained.begin(), gained.end());
}

void Outbox::TakeAll(std::string* bytes) {
  bytes->clear();
  bytes->swap(frames_);
  // Cancels go before requests: a chunk that was cancelled and then requested again is wanted, and a request
  // that was cancelled while it waited is no longer here.
  EmitRuns(&cancelled_, [bytes](std::vector<ChunkRange> runs) {
    AppendFrame(FrameType::kCancel, stream::Cancel{std::move(runs)}.Encode(), bytes);
  });
  EmitRuns(&requested_, [bytes](std::vector<ChunkRange> runs) {
    AppendFrame(FrameType::kRequest, stream::Request{std::move(runs)}.Encode(), bytes);
  });
  if (credits_ > 0) AppendFrame(FrameType::kRequestAny, stream::RequestAny{credits_}.Encode(), bytes);
  credits_ = 0;
  EmitRuns(&gained_, [bytes](std::vector<ChunkRange> runs) {
    AppendFrame(FrameType::kHave, Have{std::move(runs)}.Encode(), bytes);
  });
}

void AppendFrame(FrameType type, const std::string& body, std::string* to) {
  FrameHeader header;
  header.type = type;
  header.length_bytes = static_cast<uint32_t>(body.size());
  header.crc32 = Crc32(AsBytes(body));
  const auto bytes = header.Encode();
  to->append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  to->append(body);
}

}  // namespace shoal::stream
