#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "absl/time/time.h"
#include "shoal/content/manifest/ids.h"

namespace shoal::leecher {

// The chunks that peers owe, by the time that they still need: from these a peer with nothing else to bring
// takes over the one that would come last. Filled anew for each look. One thread.
class LateChunks {
 public:
  void Clear() { chunks_.clear(); }
  bool empty() const { return chunks_.empty(); }
  size_t size() const { return chunks_.size(); }
  void Add(ChunkIndex chunk, absl::Duration needs) { chunks_.push_back({needs, chunks_.size(), chunk}); }
  // After the last Add, before the first Offer. Of those that need equally long the first to be added comes
  // first.
  void Sort() {
    std::sort(chunks_.begin(), chunks_.end(), [](const Late& a, const Late& b) {
      return a.needs != b.needs ? a.needs > b.needs : a.added < b.added;
    });
  }

  // Calls `take(chunk)` for those that need longer than `longer_than`, the last to come first, until it
  // returns true; false when it never does.
  template <typename Take>
  bool Offer(absl::Duration longer_than, Take take) const {
    for (const Late& late : chunks_) {
      if (late.needs <= longer_than) return false;
      if (take(late.chunk)) return true;
    }
    return false;
  }

 private:
  struct Late {
    absl::Duration needs;
    size_t added;  // as the how-manieth
    ChunkIndex chunk;
  };
  std::vector<Late> chunks_;
};

}  // namespace shoal::leecher
