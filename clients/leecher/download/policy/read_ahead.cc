#include "clients/leecher/download/policy/read_ahead.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/container/flat_hash_set.h"

namespace shoal::leecher {
namespace {

// A reader is taken for at least this fast until it has read for this long: that of a film in good quality.
constexpr double kFirstBytesPerSecond = 2 * 1024 * 1024;
constexpr absl::Duration kMeasuredAfter = absl::Seconds(1);

}  // namespace

void ReadAheads::Set(ReaderId id, ChunkRange needs, bool holds_first, absl::Duration now) {
  const uint32_t first = needs.first.value();
  if (needs.count == 0 || first >= manifest_->chunk_count() ||
      needs.count > manifest_->chunk_count() - first) {
    return Remove(id);
  }
  const auto [entry, is_new] = readers_.try_emplace(id);
  Reader& reader = entry->second;
  if (reader.active_since.has_value()) reader.active += now - *reader.active_since;
  const uint32_t before = reader.needs.first.value();
  if (!is_new && first > before) {
    uint64_t read_bytes = 0;
    for (uint32_t chunk = before; chunk < first; ++chunk) {
      read_bytes += manifest_->PlaceOf(ChunkIndex(chunk)).length_bytes;
    }
    reader.rate.Add(reader.active, read_bytes);
  }
  if (is_new || first != before) reader.moved_at = now;
  reader.needs = needs;
  reader.active_since = holds_first ? std::optional(now) : std::nullopt;
}

std::vector<ReaderId> ReadAheads::Gained(ChunkIndex chunk, absl::Duration now) {
  std::vector<ReaderId> waited;
  for (auto& [id, reader] : readers_) {
    if (reader.needs.first != chunk || reader.active_since.has_value()) continue;
    reader.active_since = now;
    waited.push_back(id);
  }
  return waited;
}

std::vector<FileIndex> ReadAheads::Files() const {
  std::set<FileIndex> files;
  for (const auto& [id, reader] : readers_) files.insert(manifest_->PlaceOf(reader.needs.first).file);
  return {files.begin(), files.end()};
}

double ReadAheads::SpeedOf(ReaderId id) const {
  const auto reader = readers_.find(id);
  return reader == readers_.end() ? 0 : Speed(reader->second);
}

double ReadAheads::Speed(const Reader& reader) const {
  const double measured = reader.rate.BytesPerSecond(reader.active);
  if (reader.active < kMeasuredAfter) return std::max(measured, kFirstBytesPerSecond);
  // A reader that pauses needs no more than the smallest window.
  return std::max(measured, static_cast<double>(bounds_.min_bytes) / absl::ToDoubleSeconds(bounds_.span));
}

std::vector<DueChunk> ReadAheads::Due(absl::Duration now, const IsMissing& is_missing) const {
  std::vector<DueChunk> all;
  for (const auto& [id, reader] : readers_) {
    const double speed = Speed(reader);
    const uint64_t window_bytes =
        std::clamp(static_cast<uint64_t>(speed * absl::ToDoubleSeconds(bounds_.span)), bounds_.min_bytes,
                   bounds_.max_bytes);
    // One that has what it needs next may read it for as long as it likes.
    const absl::Duration base = reader.active_since.has_value() ? now : reader.moved_at;
    uint64_t ahead_bytes = 0;
    uint32_t missing = 0;
    const uint32_t end = reader.needs.first.value() + reader.needs.count;
    for (uint32_t chunk = reader.needs.first.value();
         chunk < end && ahead_bytes < window_bytes && missing < bounds_.max_chunks; ++chunk) {
      if (is_missing(ChunkIndex(chunk))) {
        all.push_back({ChunkIndex(chunk), base + absl::Seconds(static_cast<double>(ahead_bytes) / speed)});
        ++missing;
      }
      ahead_bytes += manifest_->PlaceOf(ChunkIndex(chunk)).length_bytes;
    }
  }
  std::sort(all.begin(), all.end(), [](const DueChunk& a, const DueChunk& b) {
    return a.due != b.due ? a.due < b.due : a.chunk < b.chunk;
  });
  if (readers_.size() > 1) {
    absl::flat_hash_set<ChunkIndex> seen;
    std::erase_if(all, [&](const DueChunk& due) { return !seen.insert(due.chunk).second; });
  }
  return all;
}

}  // namespace shoal::leecher
