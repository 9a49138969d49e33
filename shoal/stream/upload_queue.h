#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "shoal/content/chunk_source.h"
#include "shoal/stream/control.h"

namespace shoal {

// The chunks that one peer has asked for and not got yet, in the order of asking, and the bound on how many
// there may be. Pure state: no sockets. One thread.
class UploadQueue {
 public:
  explicit UploadQueue(uint32_t max_chunks) : max_chunks_(max_chunks) {}

  // Takes in a request that a stranger wrote. What can't be served comes back as refusals: chunks that
  // `source` does not hold, and what is over the bound. A chunk that is queued already is not queued twice.
  // INVALID_ARGUMENT when a range reaches past the content. Looks at a bounded number of chunks, however many
  // are named.
  absl::StatusOr<std::vector<Refuse>> Add(const Request& request, const ChunkSource& source);
  void Cancel(const shoal::Cancel& cancel);
  // The next one to send.
  std::optional<ChunkIndex> Pop();

  bool empty() const { return queued_.empty(); }
  size_t size() const { return queued_.size(); }

 private:
  const uint32_t max_chunks_;
  std::deque<ChunkIndex> queued_;
};

// The same chunks in the same order, neighbours that ascend by one made one range.
std::vector<ChunkRange> RunsOf(const std::vector<ChunkIndex>& chunks);

}  // namespace shoal
