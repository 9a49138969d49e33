#include "shoal/stream/upload_queue.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace shoal {

absl::StatusOr<std::vector<Refuse>> UploadQueue::Add(const Request& request, const ChunkSource& source) {
  const uint32_t chunk_count = source.manifest()->chunk_count();
  for (const ChunkRange& range : request.chunks) {
    if (range.count > chunk_count || range.first.value() > chunk_count - range.count) {
      return absl::InvalidArgumentError(absl::StrCat("asked for chunks from ", range.first.value(), " on, ",
                                                     range.count, " of them, of a content with ",
                                                     chunk_count));
    }
  }
  std::vector<ChunkIndex> not_held;
  std::vector<ChunkRange> too_many;
  // Chunks that are not held cost a look each, so they are bounded as well as those that are queued.
  uint32_t looks_left = 2 * max_chunks_;
  for (const ChunkRange& range : request.chunks) {
    for (uint32_t i = 0; i < range.count; ++i) {
      const ChunkIndex index(range.first.value() + i);
      if (queued_.size() >= max_chunks_ || looks_left == 0) {
        too_many.push_back({index, range.count - i});
        break;
      }
      --looks_left;
      if (!source.Holds(index)) {
        not_held.push_back(index);
      } else if (std::find(queued_.begin(), queued_.end(), index) == queued_.end()) {
        queued_.push_back(index);
      }
    }
  }
  std::vector<Refuse> refusals;
  if (!not_held.empty()) {
    refusals.push_back(
        {.reason = Refuse::Reason::kNotHeld, .chunks = RunsOf(not_held), .retry_after = {}, .detail = {}});
  }
  if (!too_many.empty()) {
    refusals.push_back({.reason = Refuse::Reason::kTooManyRequests,
                        .chunks = std::move(too_many),
                        .retry_after = {},
                        .detail = {}});
  }
  return refusals;
}

void UploadQueue::Cancel(const shoal::Cancel& cancel) {
  std::erase_if(queued_, [&cancel](ChunkIndex index) {
    return std::any_of(cancel.chunks.begin(), cancel.chunks.end(), [index](const ChunkRange& range) {
      return index >= range.first && index.value() - range.first.value() < range.count;
    });
  });
}

std::optional<ChunkIndex> UploadQueue::Pop() {
  if (queued_.empty()) return std::nullopt;
  const ChunkIndex next = queued_.front();
  queued_.pop_front();
  return next;
}

std::vector<ChunkRange> RunsOf(const std::vector<ChunkIndex>& chunks) {
  std::vector<ChunkRange> runs;
  for (const ChunkIndex index : chunks) {
    if (!runs.empty() && index.value() == runs.back().first.value() + runs.back().count) {
      ++runs.back().count;
    } else {
      runs.push_back({index, 1});
    }
  }
  return runs;
}

}  // namespace shoal
