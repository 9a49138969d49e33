#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "shoal/content/publish/chunk_source.h"
#include "shoal/stream/wire/control.h"

namespace shoal::stream {

// The chunks that one peer has asked for and not got yet, in the order of asking, and the bounds on how many
// there may be and on their bytes. Pure state: no sockets. One thread.
class UploadQueue {
 public:
  UploadQueue(uint32_t max_chunks, uint64_t max_bytes) : max_chunks_(max_chunks), max_bytes_(max_bytes) {}

  // Takes in a request that a stranger wrote. What can't be served comes back as refusals: chunks that
  // `source` does not hold, and what is over the bounds (one chunk is never over that of bytes). A chunk that
  // is queued already is not queued twice. INVALID_ARGUMENT when a range reaches past the content. Looks at a
  // bounded number of chunks, however many are named.
  absl::StatusOr<std::vector<Refuse>> Add(const Request& request, const ChunkSource& source);
  void Cancel(const stream::Cancel& cancel);
  // The next one to send.
  std::optional<ChunkIndex> Pop();

  bool empty() const { return queued_.empty(); }
  size_t size() const { return queued_.size(); }

 private:
  struct Queued {
    ChunkIndex index;
    uint32_t length_bytes;
  };

  bool IsFull() const { return queued_.size() >= max_chunks_ || queued_bytes_ >= max_bytes_; }

  uint32_t max_chunks_;
  uint64_t max_bytes_;
  std::deque<Queued> queued_;
  absl::flat_hash_set<ChunkIndex> present_;  // in queued_
  uint64_t queued_bytes_ = 0;
};

// The same chunks in the same order, neighbours that ascend by one made one range.
std::vector<ChunkRange> RunsOf(const std::vector<ChunkIndex>& chunks);

}  // namespace shoal::stream
