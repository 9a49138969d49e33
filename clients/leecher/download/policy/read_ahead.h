#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "absl/time/time.h"
#include "shoal/base/rate_meter.h"
#include "shoal/base/strong_index.h"
#include "shoal/content/manifest/chunk_set.h"
#include "shoal/content/manifest/ids.h"
#include "shoal/content/manifest/manifest.h"

namespace shoal::leecher {

// Identifies one reader of a download. Never reused.
using ReaderId = StrongIndex<struct ReaderIdTag, uint64_t>;

// A chunk that is needed at a time of Clock::Uptime().
struct DueChunk {
  ChunkIndex chunk;
  absl::Duration due;

  friend bool operator==(const DueChunk&, const DueChunk&) = default;
};

// What the readers of a download need soon, and when. A reader passes over chunks in order, at its own speed;
// its window begins at the chunk that it needs next and has what it reads in ten seconds, within bounds. A
// chunk is due when the reader gets there at that speed.
//
// The speed is measured over the time in which the reader had what it needed: one that waits for a chunk is
// not slow. A new reader is assumed to be fast, so that its first chunks are due soon.
//
// It does not know peers, nor which chunks are requested. Pure: `now` is Clock::Uptime() and never goes back.
// One thread.
class ReadAheads {
 public:
  struct Bounds {
    absl::Duration span = absl::Seconds(10);
    uint64_t min_bytes = 2 * 1024 * 1024;
    uint64_t max_bytes = 64 * 1024 * 1024;
    uint32_t max_chunks = 512;  // missing ones of one reader
  };
  // Whether a chunk can be requested: it is not held, and the store takes it.
  using IsMissing = std::function<bool(ChunkIndex)>;

  explicit ReadAheads(std::shared_ptr<const Manifest> manifest) : ReadAheads(std::move(manifest), Bounds{}) {}
  ReadAheads(std::shared_ptr<const Manifest> manifest, const Bounds& bounds)
      : manifest_(std::move(manifest)), bounds_(bounds) {}

  // The reader needs `chunks` from now on, the first one next. What it passes over counts as read; backwards
  // it reads nothing. A range that is empty, or reaches past the content, ends the reader. `holds_first`: the
  // first chunk is held.
  void Set(ReaderId reader, ChunkRange chunks, bool holds_first, absl::Duration now);
  void Remove(ReaderId reader) { readers_.erase(reader); }
  // The chunk is held from now on. Returns: the readers that waited for it.
  std::vector<ReaderId> Gained(ChunkIndex chunk, absl::Duration now);
  // The files that are read, ascending.
  std::vector<FileIndex> Files() const;

  bool empty() const { return readers_.empty(); }
  // In bytes per second.
  double SpeedOf(ReaderId reader) const;

  // Returns: the missing chunks of all windows, each once with its earliest time, in the order in which they
  // are due. Costs O(chunks of the windows).
  std::vector<DueChunk> Due(absl::Duration now, const IsMissing& is_missing) const;

 private:
  struct Reader {
    ChunkRange needs;
    absl::Duration moved_at;
    // Since when it has what it needs next; none while it waits.
    std::optional<absl::Duration> active_since;
    absl::Duration active;  // until then; the clock of `rate`
    mutable RateMeter rate{absl::ZeroDuration()};
  };

  double Speed(const Reader& reader) const;

  const std::shared_ptr<const Manifest> manifest_;
  const Bounds bounds_;
  std::map<ReaderId, Reader> readers_;
};

}  // namespace shoal::leecher
