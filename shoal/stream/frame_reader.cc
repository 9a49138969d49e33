#include "shoal/stream/frame_reader.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "shoal/content/manifest/checksum.h"
#include "shoal/net/transport/transport.h"

namespace shoal::stream {
namespace {

constexpr size_t kAheadBytes = 1024;
constexpr uint32_t kSmallChunkBytes = 32 * 1024;
constexpr size_t kAheadInSmallChunksBytes = 128 * 1024;
constexpr size_t kGrowBytes = 64 * 1024;

}  // namespace

namespace asio = boost::asio;

FrameReader::FrameReader(net::Transport& transport) : transport_(transport), ahead_(kAheadBytes) {}

asio::awaitable<absl::StatusOr<FrameHeader>> FrameReader::ReadHeader() {
  if (end_ - begin_ < kFrameHeaderBytes) {
    std::memmove(ahead_.data(), ahead_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  while (end_ - begin_ < kFrameHeaderBytes) {
    const size_t room = in_small_chunks_ ? kAheadInSmallChunksBytes : kAheadBytes;
    if (ahead_.size() < room) ahead_.resize(room);
    absl::StatusOr<size_t> count = co_await transport_.ReadSome(std::span(ahead_).first(room).subspan(end_));
    if (!count.ok()) co_return count.status();
    end_ += *count;
  }
  std::span<const uint8_t, kFrameHeaderBytes> bytes(ahead_.data() + begin_, kFrameHeaderBytes);
  begin_ += kFrameHeaderBytes;
  absl::StatusOr<FrameHeader> header = FrameHeader::Decode(bytes);
  if (header.ok() && header->type == FrameType::kChunk)
    in_small_chunks_ = header->length_bytes < kSmallChunkBytes;
  co_return header;
}

asio::awaitable<absl::Status> FrameReader::ReadWhole(FrameHeader header, std::string* into) {
  into->clear();
  while (into->size() < header.length_bytes) {
    const size_t had = into->size();
    into->resize(had + std::min(kGrowBytes, header.length_bytes - had));
    std::span<uint8_t> more(reinterpret_cast<uint8_t*>(into->data()) + had, into->size() - had);
    absl::Status status = co_await ReadAll(more);
    if (!status.ok()) co_return status;
  }
  if (Crc32(AsBytes(*into)) != header.crc32) co_return absl::InvalidArgumentError("a garbled frame");
  co_return absl::OkStatus();
}

asio::awaitable<absl::Status> FrameReader::Skip(uint32_t length_bytes) {
  // On the heap, and only for frames that are skipped.
  std::vector<uint8_t> thrown_away(std::min<size_t>(length_bytes, kGrowBytes));
  while (length_bytes > 0) {
    const size_t want = std::min<size_t>(length_bytes, thrown_away.size());
    absl::StatusOr<size_t> count = co_await ReadSome(std::span(thrown_away).first(want));
    if (!count.ok()) co_return count.status();
    length_bytes -= static_cast<uint32_t>(*count);
  }
  co_return absl::OkStatus();
}

asio::awaitable<absl::StatusOr<size_t>> FrameReader::ReadSome(std::span<uint8_t> into) {
  const size_t taken = TakeAhead(into);
  if (taken > 0) co_return taken;
  absl::StatusOr<size_t> count = co_await transport_.ReadSome(into);
  co_return count;
}

asio::awaitable<absl::Status> FrameReader::ReadAll(std::span<uint8_t> into) {
  while (!into.empty()) {
    absl::StatusOr<size_t> count = co_await ReadSome(into);
    if (!count.ok()) co_return count.status();
    into = into.subspan(*count);
  }
  co_return absl::OkStatus();
}

size_t FrameReader::TakeAhead(std::span<uint8_t> into) {
  const size_t count = std::min(into.size(), end_ - begin_);
  if (count > 0) std::memcpy(into.data(), ahead_.data() + begin_, count);
  begin_ += count;
  return count;
}

}  // namespace shoal::stream
