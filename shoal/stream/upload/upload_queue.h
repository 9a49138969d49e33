#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "shoal/content/publish/chunk_source.h"
#include "shoal/stream/wire/control.h"

namespace shoal::stream {

// The chunks that one peer has requested and that were not sent yet, in the order of the requests, with
// bounds on their number and on their bytes.
//
// Pure state: no sockets. Thread safety: one thread.
class UploadQueue {
 public:
  UploadQueue(uint32_t max_chunks, uint64_t max_bytes) : max_chunks_(max_chunks), max_bytes_(max_bytes) {}

  // Adds the chunks of an untrusted request. Returns refusals for those that can't be served: chunks that
  // `source` does not hold, and chunks over the bounds (a single chunk is never over the bound on bytes). A
  // chunk that is queued already is not queued twice. Examines a bounded number of chunks, however many the
  // request names.
  //
  // Errors: INVALID_ARGUMENT when a range reaches past the content.
  absl::StatusOr<std::vector<Refuse>> Add(const Request& request, const ChunkSource& source);
  void Cancel(const stream::Cancel& cancel);
  // Removes and returns the next chunk to send.
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

// Returns the same chunks in the same order, with ascending neighbours joined into ranges.
std::vector<ChunkRange> RunsOf(const std::vector<ChunkIndex>& chunks);

}  // namespace shoal::stream
