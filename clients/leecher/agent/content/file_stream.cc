#include "clients/leecher/agent/content/file_stream.h"

#include <algorithm>
#include <utility>

#include "shoal/content/manifest/manifest.h"

namespace shoal::leecher {

FileStream::FileStream(ReadableContent content, FileIndex file, std::vector<Section> sections,
                       std::function<void()> wake)
    : content_(std::move(content)),
      first_chunk_(content_.source->manifest()->ChunksOf(file).first),
      sections_(std::move(sections)),
      wake_(std::move(wake)) {}

service::HttpStream::Next FileStream::Take() {
  while (section_ < sections_.size()) {
    const Section& section = sections_[section_];
    if (!std::exchange(text_sent_, true) && !section.text.empty()) return section.text;
    if (sent_bytes_ < section.range.length_bytes) break;
    ++section_;
    text_sent_ = false;
    sent_bytes_ = 0;
    reader_.reset();
    needed_.reset();
  }
  if (section_ == sections_.size()) return End{};

  const Manifest& manifest = *content_.source->manifest();
  const ByteRange& range = sections_[section_].range;
  const uint64_t at = range.first + sent_bytes_;
  const ChunkIndex chunk(first_chunk_.value() + static_cast<uint32_t>(at / manifest.chunk_size_bytes()));
  Need(chunk);
  // Asked in this order: a chunk that arrives in between is held.
  const bool ended = reader_ == nullptr || reader_->ended();
  if (!content_.source->Holds(chunk)) return ended ? Next(End{}) : Next(Nothing{});
  absl::StatusOr<FileRegion> region = content_.source->Open(chunk);
  if (!region.ok()) return End{};
  const auto skipped_bytes = static_cast<uint32_t>(at % manifest.chunk_size_bytes());
  region->offset_bytes += skipped_bytes;
  region->length_bytes = static_cast<uint32_t>(
      std::min<uint64_t>(region->length_bytes - skipped_bytes, range.length_bytes - sent_bytes_));
  sent_bytes_ += region->length_bytes;
  return *std::move(region);
}

void FileStream::Need(ChunkIndex chunk) {
  if (content_.open_reader == nullptr || needed_ == chunk) return;
  const ByteRange& range = sections_[section_].range;
  const uint64_t last_byte = range.first + range.length_bytes - 1;
  const uint32_t end = first_chunk_.value() +
                       static_cast<uint32_t>(last_byte / content_.source->manifest()->chunk_size_bytes()) + 1;
  const ChunkRange chunks{chunk, end - chunk.value()};
  if (reader_ != nullptr) {
    reader_->Need(chunks);
  } else if (auto opened = content_.open_reader(chunks, wake_); opened.ok()) {
    // Without a reader the stream has what is held, and ends where a chunk is missing.
    reader_ = *std::move(opened);
  }
  needed_ = chunk;
}

}  // namespace shoal::leecher
